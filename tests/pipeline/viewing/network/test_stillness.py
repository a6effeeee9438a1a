"""Which two frames show the motion at a frame, by pictures of one grey each."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.viewing.network.stillness import CHANGE, MOST, Pairs

Pair = tuple[int, int] | None


class Drawn:
    """Frames of 8x8 pixels, each of one grey, but for a cell that has its own."""

    def __init__(self, *greys: float) -> None:
        self.greys = greys

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        frame = np.full((8, 8, 3), 50, np.uint8)
        frame[4:, :4] = self.greys[index]
        return frame


def pairs(rate: float, *greys: float) -> list[Pair]:
    found, frames = Pairs(rate), Drawn(*greys)
    return [found.at(frames, frame, 0, len(greys) - 1) for frame in range(len(greys))]


def test_the_next_frame_as_a_rule_and_at_the_end_the_pair_before() -> None:
    assert pairs(24, 0, 20, 40, 60) == [(0, 1), (1, 2), (2, 3), (2, 3)]


def test_what_changes_by_less_than_noise_does_not_move() -> None:
    assert pairs(24, *[100, 100 + CHANGE] * 4) == [None] * 8
    assert pairs(24, 100) == [None]
    assert all(pairs(24, *[100, 101 + CHANGE] * 4))


@pytest.mark.parametrize("rate", [59.94, 60.0])
def test_a_film_drawn_on_threes_moves_at_every_frame_whatever_its_rate(rate: float) -> None:
    drawn = np.arange(60) * 24 // 60 // 3  # holds of seven and eight frames
    found = pairs(rate, *(20.0 * drawn))
    starts = [int(np.flatnonzero(drawn == one)[0]) for one in range(drawn[-1] + 1)]
    for frame, pair in enumerate(found[: starts[-1]]):
        assert pair == (starts[drawn[frame]], starts[drawn[frame] + 1])
    assert set(found[starts[-1] :]) == {(starts[-2], starts[-1])}


def test_a_pause_ends_when_something_moves() -> None:
    found = pairs(24, *[0] * 10, 20, 40)
    assert found == [None] * 7 + [(7, 10), (8, 10), (9, 10), (10, 11), (10, 11)]


def test_a_pause_begins_when_nothing_moves_for_longer_than_a_picture_is_held() -> None:
    found = pairs(24, 0, 20, *[40] * 9)
    assert found[:3] == [(0, 1), (1, 2), None]
    assert found[3:] == [None] * 8


def test_slow_motion_is_seen_over_some_frames() -> None:
    found = pairs(24, *range(0, 40, 2))
    assert found[5] == (3, 8)
    assert {last - first for first, last in filter(None, found[3:-3])} == {5}


def test_the_end_is_still_if_nothing_moved_before_it() -> None:
    assert pairs(24, 0, *[20] * 8)[-1] is None
    assert pairs(24, 0, 20, 20, 20)[1:] == [(0, 1)] * 3


def test_far_frames_are_looked_at_in_films_of_high_rates_and_no_more_than_fit() -> None:
    assert Pairs(24).reach == 3
    assert Pairs(2).reach == 1
    assert Pairs(240).reach == 30
    assert Pairs(90_000).reach == MOST
