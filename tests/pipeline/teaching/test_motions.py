"""Motions: what begins, ends or meets does so in a clip or near it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.teaching.drawing.motions import AROUND, MOVING, collision
from pipeline.teaching.drawing.timeline import FRAMES, LEAD, MIDDLE, MOMENTS, NUMBERS

PLACE, SPEED, RADII = (190.0, 140.0), 3.0, (20.0, 15.0)
SEEDS = 300


def paths(name: str) -> np.ndarray:
    """Paths [seed, time, (x, y)] of a motion."""
    rngs = (np.random.default_rng(seed) for seed in range(SEEDS))
    return np.stack([MOVING[name](rng, PLACE, SPEED, RADII[0]) for rng in rngs])


def speeds(name: str) -> np.ndarray:
    """Pixels a frame [seed, time], from each moment to the next."""
    return np.asarray(np.linalg.norm(np.diff(paths(name), axis=1), axis=-1))


@pytest.mark.parametrize("name", ["straight", "speeding", "start", "stop", "halting", "wander"])
def test_a_motion_is_at_its_place_in_the_middle_of_the_clip(name: str) -> None:
    np.testing.assert_allclose(paths(name)[:, MIDDLE], np.tile(PLACE, (SEEDS, 1)))


@pytest.mark.parametrize("name", MOVING)
def test_every_motion_has_about_its_speed(name: str) -> None:
    found = speeds(name)
    assert found.shape == (SEEDS, MOMENTS - 1)
    assert (found.max(axis=1) > 0).all()
    assert found.max() < 3 * SPEED
    assert np.median(found.max(axis=1)) < 1.5 * SPEED


def test_what_starts_and_what_stops_does_so_shortly_before_or_in_a_clip() -> None:
    begins, ends = speeds("start"), speeds("stop")
    # Speed k is from moment k to the next: the first one within the clip is that of LEAD.
    assert begins[:, : LEAD - 7].max() < 1e-9
    assert begins[:, -1].min() > 0
    assert 0.05 < (begins[:, LEAD] < 1e-9).mean() < 0.5, "some begin within the clip"
    assert begins.max() == pytest.approx(SPEED)
    assert len({int(np.argmax(one > 1e-9)) for one in begins}) >= 5
    np.testing.assert_allclose(ends[:, : LEAD - 12], SPEED)
    assert ends[:, -1].max() < 1e-9
    assert 0.05 < (ends[:, LEAD] > 0).mean() < 0.5, "some end within the clip"


def test_bouncing_things_meet_walls_in_a_clip_or_just_before() -> None:
    steps = np.diff(paths("bounce")[:, LEAD - 2 :], axis=1)
    turned = (steps[:, 1:] * steps[:, :-1] < 0).any(axis=(1, 2))
    assert 0.25 < turned.mean() < 0.75


def test_a_collision_is_in_a_clip_or_near_it() -> None:
    met = set()
    for seed in range(SEEDS):
        first, second = collision(np.random.default_rng(seed), PLACE, SPEED, RADII)
        np.testing.assert_allclose(second[0], PLACE)
        # Frames until the first one touches the place of the second.
        left = (np.linalg.norm(first - PLACE, axis=1) - sum(RADII)) / SPEED
        touching = np.flatnonzero(np.abs(left) < 1e-6)
        number = NUMBERS[touching[0]] if len(touching) else NUMBERS[-1] + left[-1]
        assert number == pytest.approx(round(number), abs=1e-6)
        met.add(round(number))
        before = np.flatnonzero(number - 3 >= NUMBERS)
        np.testing.assert_allclose(second[before], np.tile(PLACE, (len(before), 1)))
        np.testing.assert_allclose(np.diff(left[before]), -1, atol=1e-6)
    assert met == {*range(-AROUND, FRAMES + AROUND)}
