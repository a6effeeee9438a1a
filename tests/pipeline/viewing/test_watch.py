"""Drawn films, seen in pieces and in one stretch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from model.sight import Sight
from pipeline.config.data import DisFlow
from pipeline.evaluation.watching import found
from pipeline.preprocessing.flow_estimators import build_estimator
from pipeline.runtime.errors import InputError
from pipeline.viewing import watch as watching
from pipeline.viewing.network.stillness import CHANGE
from pipeline.viewing.piece import Piece
from pipeline.viewing.watch import Carried, lengths, watch
from tests.pipeline.viewing.seen import SIZE, Frames, Network, drawn_film, model_of

DIS = DisFlow(estimator="dis", preset="ultrafast", cut=None)
COUNTS = (62, 16, 21)
REACH = 4
"""Frames of 30 a second within an eighth of it."""
SIGHTS = [
    (Sight(together=4), None),
    (Sight(before=2, after=3, together=4), None),
    (Sight(before=6, edge="reverse", together=4), None),
    (Sight(carries=True, together=4), DIS),
    (Sight(carries=True, step=3, together=6), None),
    (Sight(carries=True, after=5, restart=8, together=4), None),
    (Sight(carries=True, after=1, restart=9, together=4), None),
    (Sight(carries=True, flows=3, together=4), DIS),
]


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Frames, "begun", [], raising=False)
    monkeypatch.setattr(watching, "Reader", Frames)


def seen(*args: Any, **kwargs: Any) -> list[Piece]:
    return [piece for piece, _ in watch(*args, **kwargs)]


def same(one: Piece, other: Piece) -> bool:
    arrays = [(one.frames, other.frames), (one.flow, other.flow), (one.maps, other.maps)]
    arrays += [(one.sides[field], other.sides[field]) for field in one.sides]
    return (one.first, one.shot, one.sides.keys()) == (
        other.first,
        other.shot,
        other.sides.keys(),
    ) and all(np.array_equal(a, b) if a is not None else b is None for a, b in arrays)


def joined(pieces: list[Piece]) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "frames": np.concatenate([piece.frames for piece in pieces]),
        "saliency": np.concatenate([piece.maps for piece in pieces]),
    }
    if pieces[0].flow is not None:
        parts["flow"] = np.concatenate([p.flow for p in pieces if p.flow is not None])
    for field in pieces[0].sides:
        parts[field] = np.concatenate([piece.sides[field] for piece in pieces])
    return parts


def flow_of(frames: list[Any], keys: range) -> Any:
    """From the first frame of a run that looks alike to the one behind it, per frame."""
    estimate = build_estimator(DIS, 1)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64) for frame in frames]
    cells = [one.reshape(8, 4, 12, 4).mean((1, 3)) for one in grey]

    def differs(one: int, other: int) -> bool:
        return bool(np.abs(cells[one] - cells[other]).max() > CHANGE)

    def pair(key: int) -> tuple[int, int] | None:
        near = range(max(0, key - REACH), min(len(frames), key + REACH + 1))
        later = [one for one in near if one > key and differs(key, one)]
        earlier = [one for one in near if one < key and differs(key, one)]
        if later and earlier:
            return earlier[-1] + 1, later[0]
        if later:
            return 0 if key <= REACH else key, later[0]
        return pair(earlier[-1]) if earlier and key + REACH >= len(frames) else None

    made = []
    for shown in map(pair, keys):
        flow = np.zeros((2, 8, 12), np.float32)
        if shown is not None:
            flow = estimate(np.stack([frames[shown[0]], frames[shown[1]]]))[0]
            flow /= np.float32(shown[1] - shown[0])
        made.append(flow)
    return np.stack(made)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize(("sight", "flow"), SIGHTS)
def test_pieces_are_those_of_the_shot_in_one_stretch(
    monkeypatch: pytest.MonkeyPatch, sight: Sight, flow: Any, every: int
) -> None:
    monkeypatch.setattr(watching, "LONGEST", 8 * every)
    network, film = Network(sight), drawn_film(*COUNTS)
    pieces = seen(film, model_of(network, flow), every=every)
    assert len({piece.shot for piece in pieces}) == len(COUNTS) < len(pieces)
    first = 0
    for shot, count in enumerate(COUNTS):
        found_here = joined([piece for piece in pieces if piece.shot == shot])
        frames = film.frames[first : first + count]
        keys = range(0, count, every)
        motion = flow_of(frames, keys) if flow else None
        calls = found(network, np.stack(frames[::every]), motion, [*range(len(keys))])
        maps = np.concatenate([one.maps["saliency"].numpy() for one in calls])
        assert np.array_equal(found_here["frames"], frames)
        assert np.array_equal(found_here["saliency"][::every], maps)
        assert np.array_equal(found_here["appearance"], found_here["saliency"] / 2)
        if motion is not None:
            assert np.array_equal(found_here["flow"][::every], motion)
        first += count


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize(("sight", "flow"), SIGHTS)
def test_it_goes_on_behind_any_piece(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sight: Sight, flow: Any, every: int
) -> None:
    monkeypatch.setattr(watching, "LONGEST", 8 * every)
    model, film = model_of(Network(sight), flow), drawn_film(*COUNTS)
    whole = list(watch(film, model, every=every))
    for k, (_, carried) in enumerate(whole):
        carried.save(tmp_path / "carried")
        loaded = Carried.load(tmp_path / "carried")
        rest = seen(film, model, every=every, after=loaded)
        assert len(rest) == len(whole) - 1 - k
        assert all(same(one, other) for one, (other, _) in zip(rest, whole[k + 1 :], strict=True))
        # Decoding begins near the piece, and not with the film.
        windows = every * (sight.before + 1)
        assert carried.first - Frames.begun[-1] <= max(2 * REACH, windows)


def test_pieces_follow_one_another_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LONGEST", 80)
    pieces = seen(drawn_film(*COUNTS), model_of(Network()), every=10)
    assert [piece.first for piece in pieces] == [0, 62, 78]
    assert [len(piece) for piece in pieces] == [*COUNTS]
    assert [np.shape(piece.frames) for piece in pieces] == [(count, *SIZE, 3) for count in COUNTS]


def test_maps_between_key_frames_are_interpolated_and_stay_behind_the_last() -> None:
    (piece,) = seen(drawn_film(11), model_of(Network(), DIS), every=4)
    for array in (piece.maps, piece.sides["appearance"], piece.flow):
        assert array is not None
        assert np.allclose(array[2], (array[0] + array[4]) / 2)
        assert np.allclose(array[5], 0.75 * array[4] + 0.25 * array[8])
        assert not np.allclose(array[4], array[8])
        assert np.array_equal(array[9], array[8])
        assert np.array_equal(array[10], array[8])


@pytest.mark.parametrize("beyond", [1, 3])
def test_few_frames_behind_a_piece_hold_its_last_map(
    monkeypatch: pytest.MonkeyPatch, beyond: int
) -> None:
    monkeypatch.setattr(watching, "LONGEST", 32)
    whole = 7 * 4 + 1
    pieces = seen(drawn_film(whole + beyond, 20), model_of(Network()), every=4)
    assert [len(piece) for piece in pieces] == [whole, beyond, 20]
    assert all(np.array_equal(one, pieces[0].maps[-1]) for one in pieces[1].maps)


def test_a_state_does_not_go_on_across_a_cut() -> None:
    model = model_of(Network(Sight(carries=True)))
    both, alone = drawn_film(30, 30), drawn_film(30, 30)
    alone.frames = alone.frames[30:]
    assert np.array_equal(seen(both, model)[1].maps, seen(alone, model)[0].maps)


class Counting(Network):
    """Counts the frames that it is given."""

    given = 0

    def forward(self, clip: Any, flow: Any, state: Any) -> Any:
        self.given += len(clip)
        return super().forward(clip, flow, state)


@pytest.mark.parametrize("every", [1, 2])
def test_a_frame_that_repeats_the_one_before_is_not_seen_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, every: int
) -> None:
    monkeypatch.setattr(watching, "LONGEST", 8 * every)
    film = drawn_film(40)
    film.frames = [film.frames[0]] * 3 + [film.frames[1]] * 30 + film.frames[2:9]
    model = model_of(Counting(Sight(together=4)), DIS)
    whole = list(watch(film, model, every=every))
    maps = joined([piece for piece, _ in whole])
    keys = range(0, 40, every)
    motion, frames = flow_of(film.frames, keys), np.stack(film.frames[::every])
    calls = found(Network(Sight(together=4)), frames, motion, range(len(keys)))
    # Frames that are seen with fewer others are rounded otherwise.
    expected = np.concatenate([one.maps["saliency"].numpy() for one in calls])
    np.testing.assert_allclose(maps["saliency"][::every], expected, rtol=1e-5)
    for k, (_, carried) in enumerate(whole):
        rest = seen(film, model, every=every, after=carried)
        assert all(same(one, other) for one, (other, _) in zip(rest, whole[k + 1 :], strict=True))
    # The last frames before a change have another flow, and so another map.
    new = [
        k
        for k in range(1, len(keys))
        if not (
            np.array_equal(frames[k], frames[k - 1]) and np.array_equal(motion[k], motion[k - 1])
        )
    ]
    model.network.given = 0
    seen(film, model, every=every)
    assert model.network.given == 1 + len(new) < len(keys) / 2


@pytest.mark.parametrize("every", [1, 3, 10])
@pytest.mark.parametrize("flows", [0, 3])
def test_held_frames_and_pauses(monkeypatch: pytest.MonkeyPatch, every: int, flows: int) -> None:
    monkeypatch.setattr(watching, "LONGEST", 8)
    random = np.random.default_rng(every)
    film = drawn_film(90)
    place = np.repeat(np.arange(90), random.choice([1, 1, 2, 3, 9], 90))[:90]
    film.frames = [film.frames[frame] for frame in place]
    model = model_of(Network(Sight(carries=True, flows=flows, together=4)), DIS)
    whole = list(watch(film, model, every=every))
    found_here = joined([piece for piece, _ in whole])
    assert np.array_equal(found_here["flow"][::every], flow_of(film.frames, range(0, 90, every)))
    for k, (_, carried) in enumerate(whole):
        rest = seen(film, model, every=every, after=carried)
        assert all(same(one, other) for one, (other, _) in zip(rest, whole[k + 1 :], strict=True))


def test_only_the_maps_that_are_used_are_kept() -> None:
    (piece,) = seen(drawn_film(20), model_of(Network()), sides=())
    assert not piece.sides


def test_a_single_frame_is_a_piece_without_motion() -> None:
    (piece,) = seen(drawn_film(1), model_of(Network(), DIS))
    assert len(piece) == 1
    assert piece.flow is not None
    assert not piece.flow.any()


def test_a_network_without_flow_has_none() -> None:
    assert all(piece.flow is None for piece in seen(drawn_film(20), model_of(Network())))


def test_memory_is_bounded_by_the_size_of_frames() -> None:
    sight = Sight()
    small = lengths(sight, 1, (224, 384), False)
    large = lengths(sight, 1, (480, 640), True)
    assert small.later == watching.LONGEST > 16 > large.later >= sight.together
    assert lengths(sight, 5, (224, 384), False).later * 5 <= watching.LONGEST
    # Even if the network could be given more at once.
    assert lengths(sight, watching.LONGEST // 2, (32, 48), False).later == 2


def test_a_map_that_is_not_finite_is_refused() -> None:
    network = Network()
    network.weight.fill_(torch.nan)
    with pytest.raises(InputError, match="net: a map of the network is not finite"):
        seen(drawn_film(20), model_of(network))


def test_a_film_without_frames_is_refused() -> None:
    with pytest.raises(InputError, match=r"drawn\.mp4: none of its frames can be decoded"):
        seen(drawn_film(), model_of(Network()))


def test_a_damaged_file_of_what_is_carried_is_named(tmp_path: Path) -> None:
    (tmp_path / "carried").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"carried: damaged .*remove its folder"):
        Carried.load(tmp_path / "carried")
