"""Films of maps in colours, over their frames or alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.raw.timing import Timing
from pipeline.runtime.errors import InputError
from pipeline.viewing.media.film import Film, Reader, open_film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products import overlay as module
from pipeline.viewing.products.colours import heat
from pipeline.viewing.products.drawing import overlay
from pipeline.viewing.products.overlay import Overlay, SteadyPeaks
from pipeline.viewing.products.panels import SideBySide
from tests.pipeline.viewing.pieces import blobs, decoded, draw_film, pieces, produce


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return draw_film(tmp_path / "in.mp4")


def film_at(film: Film, stamps: list[int]) -> Film:
    """A film of frames at such hundredths of a second, of which nothing is decoded."""
    return replace(film, timing=Timing(np.array(stamps), Fraction(1, 100), None, 4))


def piece_at(first: int, length: int, shot: int = 0) -> Piece:
    return pieces([first, length], shots=[0, shot])[1] if first else pieces([length])[0]


def steady(values: list[float], film: Film, folder: Path) -> np.ndarray:
    peaks = SteadyPeaks(film, "map")
    return peaks.add(piece_at(0, len(values)), folder, {"map": np.array(values)})["map"]


def test_peaks_follow_slowly_and_know_no_future(tmp_path: Path, film: Film) -> None:
    film, rng = film_at(film, [4 * index for index in range(100)]), np.random.default_rng(0)
    values = rng.uniform(0.8, 1.2, 100).tolist()
    found = steady(values, film, tmp_path)
    assert np.abs(np.diff(found)).max() < np.abs(np.diff(values)).max() / 8
    changed = [*values[:50], *rng.uniform(5, 9, 50).tolist()]
    again = steady(changed, film, tmp_path)
    assert np.array_equal(found[:50], again[:50])
    assert again[-1] > 4  # within two seconds it has arrived


def test_peaks_follow_time_not_frames(tmp_path: Path, film: Film) -> None:
    """After half a second, e times less of the old peak, in however many frames."""
    slow = steady([1.0, 1.2], film_at(film, [0, 50]), tmp_path)
    quick = steady([1.0, *[1.2] * 10], film_at(film, [5 * index for index in range(11)]), tmp_path)
    assert slow[-1] == pytest.approx(1.2 - 0.2 * np.exp(-1))
    assert quick[-1] == pytest.approx(slow[-1])


def test_a_map_that_changes_altogether_is_neither_drowned_nor_lost(
    tmp_path: Path, film: Film
) -> None:
    """As after a fade from black: half as bright again at most, and two thirds at least."""
    values = [1e-5, 1.0, 1.0, 1e-3, 1e-3]
    found = steady(values, film_at(film, [0, 4, 8, 12, 16]), tmp_path)
    shares = np.array(values) / found
    assert shares[1] == pytest.approx(1.5)
    assert shares[3] == pytest.approx(1 / 1.5)
    assert 1 < shares[2] < 1.5
    assert 1 / 1.5 < shares[4] < 1


def test_maps_of_nothing_leave_the_peak_as_it_is(tmp_path: Path, film: Film) -> None:
    found = steady([0.0, 2.0, 0.0, 2.0], film_at(film, [0, 4, 8, 12]), tmp_path)
    assert found.tolist() == [0.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize("shot", [0, 1])
def test_a_run_that_goes_on_has_the_peaks_of_one_that_was_not_stopped(
    tmp_path: Path, film: Film, shot: int
) -> None:
    film = film_at(film, [4 * index for index in range(10)])
    first, second = tmp_path / "000000", tmp_path / "000005"
    first.mkdir()
    second.mkdir()
    values = {"map": np.linspace(1, 3, 5)}
    whole = SteadyPeaks(film, "map")
    before = whole.add(piece_at(0, 5), first, values)["map"]
    going_on = whole.add(piece_at(5, 5, shot), second, values)["map"]
    assert np.array_equal(
        SteadyPeaks(film, "map").add(piece_at(5, 5, shot), second, values)["map"], going_on
    )
    # A new shot begins as the first one did.
    assert np.allclose(going_on, before) == (shot == 1)


def test_a_film_has_the_overlay_of_each_of_its_frames(tmp_path: Path, film: Film) -> None:
    given, out = pieces([5, 7]), tmp_path / "out.mp4"
    produce(Overlay(film, out, 0.9), given, tmp_path / "run")
    with Reader(film) as reader:
        frames = reader.take(len(film))
    peaks = np.concatenate([piece.maps.max(axis=(1, 2)) for piece in given])
    peaks = steady(peaks.tolist(), film, tmp_path)
    shown = list(decoded(out))
    assert len(shown) == len(frames) == 12
    for index, picture in enumerate(shown):
        values = given[index >= 5].maps[index - 5 * (index >= 5)]
        exact = overlay(frames[index], values, 0.9, peak=float(peaks[index]))
        assert np.abs(picture.astype(int) - exact).mean() < 4  # of what compression takes
        assert np.abs(picture.astype(int) - frames[index])[20:30, 20:30].mean() > 15
    assert open_film(out).timing.edges() == film.timing.edges()
    assert open_film(out).timing.rate == 25


def test_pictures_are_the_same_after_a_stop(
    tmp_path: Path, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = dict[int, np.ndarray]()

    def kept(part: Path, film: Film, first: int, pictures: object, **size: object) -> None:
        drawn[first] = np.stack(list(pictures))  # type: ignore[call-overload]

    monkeypatch.setattr(module, "write_part", kept)
    monkeypatch.setattr(module, "join_parts", lambda *_, **__: None)
    given = pieces([5, 7])
    _, second = produce(Overlay(film, tmp_path / "out.mp4"), given, tmp_path / "run")
    exact = drawn.pop(5)
    Overlay(film, tmp_path / "out.mp4").add(given[1], second)
    assert np.array_equal(drawn[5], exact)
    # It is the state of the piece before that makes them so.
    (tmp_path / "run/000000/overlay.json").unlink()
    Overlay(film, tmp_path / "out.mp4").add(given[1], second)
    assert not np.array_equal(drawn[5], exact)


def test_one_decoder_serves_all_pieces(
    tmp_path: Path, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = list[int]()

    class Counted(Reader):
        def __init__(self, *arguments: object, first: int = 0) -> None:
            opened.append(first)
            super().__init__(*arguments, first=first)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "Reader", Counted)
    produce(Overlay(film, tmp_path / "out.mp4"), pieces([3, 3, 6]), tmp_path / "run")
    assert opened == [0]
    produce(Overlay(film, tmp_path / "heat.mp4", None), pieces([6, 6]), tmp_path / "heat")
    assert opened == [0]  # maps alone need no frame


def test_maps_alone_make_a_film_too(tmp_path: Path, film: Film) -> None:
    given, out = pieces([1]), tmp_path / "out.mp4"
    produce(Overlay(film, out, None, "viridis"), given, tmp_path / "run")
    (picture,) = decoded(out)
    exact = heat(given[0].maps[0], "viridis", size=(72, 96))
    assert np.abs(picture.astype(int) - exact).mean() < 4


def test_a_film_of_odd_sides_keeps_all_of_its_picture(tmp_path: Path) -> None:
    with_odd = draw_film(tmp_path / "even.mkv", 2, 96, 72)
    odd = tmp_path / "odd.png"
    with Reader(with_odd) as reader:
        Image.fromarray(reader.take(1)[0][:71, :95]).save(odd)
    still = open_film(odd)
    produce(Overlay(still, tmp_path / "out.mkv"), pieces([1]), tmp_path / "run")
    (picture,) = decoded(tmp_path / "out.mkv")
    assert picture.shape[0] in (71, 72)
    assert picture.shape[1] in (95, 96)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_becomes_a_picture(tmp_path: Path, suffix: str) -> None:
    frame = np.full((72, 96, 3), 128, np.uint8)
    Image.fromarray(frame).save(tmp_path / "in.png")
    out = tmp_path / f"out{suffix}"
    produce(Overlay(open_film(tmp_path / "in.png"), out), pieces([1]), tmp_path / "run")
    with Image.open(out) as opened:
        shown = np.asarray(opened.convert("RGB"))
    exact = overlay(frame, blobs(1)[0])
    assert np.abs(shown.astype(int) - exact).mean() <= (0 if suffix == ".png" else 3)
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize("name", ["out.png", "out.webp", "out"])
def test_names_that_no_film_has_are_refused_at_once(tmp_path: Path, film: Film, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name}: films are written as \.mp4"):
        Overlay(film, tmp_path / name)
    with pytest.raises(InputError, match=rf"{name}: films are written as \.mp4"):
        SideBySide(film, tmp_path / name)
