"""Cuts in drawn scenes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.viewing.shots import LEAD, SHORTEST, Cuts

SIZE = (72, 128)
BLOT = 24
"""Pixels: most scenes are smooth at a scale at which they move in a frame."""


def texture(seed: int, height: int = SIZE[0], width: int = SIZE[1]) -> Any:
    """A coloured picture of blots, as different from that of another seed as scenes are."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (height // BLOT, width // BLOT, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def scene(seed: int, count: int, speed: int = 1) -> list[Any]:
    """A scene over which the camera pans, so many pixels a frame."""
    wide = texture(seed, width=SIZE[1] + count * speed)
    return [wide[:, k * speed : k * speed + SIZE[1]] for k in range(count)]


def cuts(frames: Iterable[Any], **where: int) -> list[int]:
    watched = Cuts(**where)
    found = [cut for frame in frames if (cut := watched.add(frame)) is not None]
    return [*found, *watched.end()]


def noisy(frames: list[Any], level: float) -> list[Any]:
    random = np.random.default_rng(0)
    return [np.clip(f + random.normal(0, level, f.shape), 0, 255).astype(np.uint8) for f in frames]


@pytest.mark.parametrize("level", [0, 10])
def test_hard_cuts_are_found_at_their_frame(level: float) -> None:
    film = noisy(scene(1, 20) + scene(2, 33) + scene(3, 16, speed=3) + scene(4, 40), level)
    assert cuts(film) == [20, 53, 69]


def test_a_still_scene_ends_with_a_cut() -> None:
    assert cuts(scene(1, 30, speed=0) + scene(2, 30, speed=0)) == [30]


@pytest.mark.parametrize("speed", [1, 3, 8, 24])
def test_a_pan_is_no_cut(speed: int) -> None:
    assert cuts(scene(1, 40, speed)) == []


def test_a_pan_that_begins_at_once_is_no_cut() -> None:
    film = scene(1, 90, speed=5)
    assert cuts([film[0]] * 20 + film[:40] + [film[39]] * 20) == []


def test_something_that_crosses_the_picture_fast_is_no_cut() -> None:
    film = [frame.copy() for frame in scene(1, 60, speed=0)]
    for k in range(20, 31):
        film[k][10:60, max(0, 16 * (k - 20) - 40) : 16 * (k - 20)] = (250, 20, 20)
    assert cuts(film) == []


def test_noise_is_no_cut() -> None:
    random = np.random.default_rng(0)
    assert cuts(random.integers(0, 256, (*SIZE, 3), np.uint8) for _ in range(60)) == []


@pytest.mark.parametrize("flash", [np.full((*SIZE, 3), 255, np.uint8), texture(9)])
@pytest.mark.parametrize("speed", [0, 1, 4])
def test_a_flash_of_one_frame_is_no_cut(flash: Any, speed: int) -> None:
    film = scene(1, 60, speed)
    film[30] = flash
    assert cuts(film) == []


def test_a_cut_is_found_despite_a_flash_before_it() -> None:
    film = scene(1, 40) + scene(2, 40)
    film[30] = np.full((*SIZE, 3), 255, np.uint8)
    assert cuts(film) == [40]


def test_a_shot_has_a_shortest_length() -> None:
    first, second, third = scene(1, 30), scene(2, SHORTEST - 1), scene(3, 30)
    assert cuts(first + second + third) == [30]
    assert cuts(first + scene(2, SHORTEST) + third) == [30, 30 + SHORTEST]


def test_a_cut_near_the_end_is_found() -> None:
    for length in (1, 2, 3):
        assert cuts(scene(1, 30) + scene(2, length)) == [30]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_frames_are_one_shot(count: int) -> None:
    assert cuts(scene(1, 20)[:count]) == []


def test_frames_are_settled_soon() -> None:
    watched = Cuts()
    for k, frame in enumerate(scene(1, 10)):
        watched.add(frame)
        assert watched.settled == max(0, k - LEAD + 2)
    watched.end()
    assert watched.settled == 10


@pytest.mark.parametrize("since", [21, 40, 53, 60])
def test_it_goes_on_in_the_middle_of_a_film(since: int) -> None:
    film = noisy(scene(1, 20) + scene(2, 33) + scene(3, 40), 5)
    whole = [0, *cuts(film)]
    before = max(cut for cut in whole if cut < since)
    first = since - LEAD
    assert [before, *cuts(film[first:], first=first, since=since, shot=before)] == [
        cut for cut in whole if cut >= before
    ]


def test_wide_frames_are_shrunk() -> None:
    enlarged = [
        cv2.resize(frame, (1024, 576), interpolation=cv2.INTER_LINEAR)
        for frame in scene(1, 20) + scene(2, 20)
    ]
    assert cuts(enlarged) == [20]
