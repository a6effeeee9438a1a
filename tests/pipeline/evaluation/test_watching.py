"""A video of frames that show their own number, as networks watch it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.sight import Sight, see, sight_of
from pipeline.evaluation.predict import saliency_maps
from pipeline.evaluation.watching import watched


def film(count: int) -> Any:
    """Frames [count, 4, 8, 3] whose pixels are their time."""
    return np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 8, 3))


def motion(count: int) -> Any:
    """Stored flow [count, 2, 1, 2] whose vectors are their time."""
    times = np.arange(count, dtype=np.float16)[:, None, None, None]
    return np.broadcast_to(times, (count, 2, 1, 2))


def times_of(clip: Tensor) -> list[list[int]]:
    return (clip[:, :, 0, 0, 0] * 255).round().int().tolist()  # type: ignore[no-any-return]


class Echo(nn.Module):
    """Predicts the mean of the times that it sees; with a state, how many frames it has seen."""

    def __init__(self, sight: Sight) -> None:
        super().__init__()
        self.sight = sight

    def forward(self, clip: Tensor, flow: Tensor | None, state: tuple[Tensor] | None) -> Any:
        n = clip.shape[1] - self.sight.before - self.sight.after
        windows = clip.unfold(1, clip.shape[1] - n + 1, 1).mean(-1) * 255
        maps = windows[:, :, :1]
        if not self.sight.carries:
            return maps
        seen = torch.zeros(len(clip)) if state is None else state[0]
        counts = seen[:, None] + torch.arange(1, n + 1)
        return counts[:, :, None, None, None].expand_as(maps), (seen + n,)


@pytest.mark.parametrize("count", [1, 3, 8, 9, 20])
@pytest.mark.parametrize(
    "sight",
    [
        Sight(),
        Sight(before=3),
        Sight(after=2),
        Sight(carries=True),
        Sight(carries=True, step=5),
        Sight(carries=True, restart=6),
        Sight(carries=True, after=5, restart=16),
        Sight(before=4, edge="reverse"),
    ],
)
def test_each_chosen_frame_comes_once_and_in_order(sight: Sight, count: int) -> None:
    for chosen in (list(range(count)), [count // 2], [0, count - 1][: min(2, count)]):
        found = []
        for clip, flow, kept, _ in watched(film(count), motion(count), chosen, sight):
            for b, n in kept:
                time = times_of(clip)[b][sight.before + n]
                assert flow[b, n, 0, 0, 0, 0] == time
                found.append(time)
        assert found == sorted(set(chosen))


def test_a_window_repeats_the_ends_of_the_video() -> None:
    (clip, *_), *_ = watched(film(3), None, [0, 1, 2], Sight(before=2, after=1))
    assert times_of(clip) == [[0, 0, 0, 1, 2, 2]]


def test_the_first_frames_are_seen_in_reverse_order() -> None:
    """Rule of TASED-Net's program for frames that have too few before them."""
    given = list(watched(film(9), None, [0, 1, 3, 4], Sight(before=3, edge="reverse")))
    seen = [times_of(clip)[0] for clip, *_ in given]
    # Frames 0 and 1 share a clip that runs backwards, each with the three frames after it.
    assert seen == [[4, 3, 2, 1, 0], [0, 1, 2, 3, 4]]
    assert [one.kept for one in given] == [[(0, 1), (0, 0)], [(0, 0), (0, 1)]]


def test_a_video_shorter_than_the_window_repeats_its_first_frame() -> None:
    given = list(watched(film(2), None, [0, 1], Sight(before=3, edge="reverse")))
    assert [times_of(clip)[0] for clip, *_ in given] == [[0, 0, 0, 0, 1]]


def test_frames_of_a_step_share_a_state() -> None:
    maps = np.concatenate(
        list(saliency_maps(Echo(Sight(carries=True, step=5)), film(23), None, list(range(23))))
    )
    assert maps[:, 0, 0].tolist() == [1 + time // 5 for time in range(23)]


def test_a_state_restarts() -> None:
    sight = Sight(carries=True, restart=6)
    maps = np.concatenate(list(saliency_maps(Echo(sight), film(15), None, list(range(15)))))
    assert maps[:, 0, 0].tolist() == [1 + time % 6 for time in range(15)]


def test_frames_that_nobody_asked_for_still_count_for_a_state() -> None:
    (maps,) = saliency_maps(Echo(Sight(carries=True)), film(30), None, [17])
    assert maps[:, 0, 0].tolist() == [18]


def test_flow_is_that_of_the_predicted_frames_and_of_those_after() -> None:
    given = list(watched(film(4), motion(4), [0, 1, 2, 3], Sight(carries=True, flows=3)))
    (flow,) = [one.flow for one in given]
    assert flow[0, :, :, 0, 0, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 3], [3, 3, 3]]


def test_a_frame_is_read_once() -> None:
    read: list[int] = []

    class Frames:
        shape = (60, 4, 8, 3)

        def __len__(self) -> int:
            return 60

        def __getitem__(self, time: int) -> Any:
            read.append(time)
            return film(60)[time]

    for sight in (Sight(before=31), Sight(carries=True, step=5), Sight(carries=True, after=5)):
        read.clear()
        list(watched(Frames(), None, list(range(60)), sight))
        assert read == sorted(set(read))


class Plain(nn.Module):
    def forward(self, frame: Tensor, flow: Tensor | None) -> Tensor:
        return frame[:, :1]


def test_a_network_may_return_a_tensor() -> None:
    frames = torch.rand(2, 8, 3, 4, 8)
    maps, state = see(Plain(), frames, None)
    assert state is None
    assert maps.saliency.equal(frames[:, :, :1])


def test_earlier_frames_come_as_a_third_argument() -> None:
    class Before(nn.Module):
        earlier = 2

        def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor) -> Tensor:
            return torch.cat([earlier, frame[:, None]], 1)[:, :, :1].sum(1)

    assert sight_of(Before()) == Sight(before=2)
    clip = torch.arange(6.0)[None, :, None, None, None].expand(1, 6, 3, 2, 2)
    maps, _ = see(Before(), clip, None)
    assert maps.saliency[0, :, 0, 0, 0].tolist() == [3, 6, 9, 12]


class Wrong(Plain):
    def __init__(self, returned: object, **sight: Any) -> None:
        super().__init__()
        self.returned, self.sight = returned, Sight(**sight) if sight else None

    def forward(self, *_: object) -> object:  # type: ignore[override]
        return self.returned


@pytest.mark.parametrize(
    ("returned", "sight", "message"),
    [
        ("a map", {}, "a tensor or a NamedTuple"),
        (torch.zeros(3, 1, 4, 8), {}, "maps of shape"),
        (torch.zeros(2, 1, 1, 4, 8), {"after": 1}, "maps of shape"),
        (torch.zeros(2, 3, 1, 4, 8), {"carries": True}, "returns (maps, state)"),
    ],
)
def test_what_breaks_the_contract_is_named(returned: object, sight: Any, message: str) -> None:
    with pytest.raises(
        (TypeError, ValueError), match=message.replace("(", r"\(").replace(")", r"\)")
    ):
        see(Wrong(returned, **sight), torch.zeros(2, 3, 3, 4, 8), None)
