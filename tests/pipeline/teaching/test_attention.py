"""Where people look: the density follows what moves by itself, and else the picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipeline.teaching.drawing import cameras
from pipeline.teaching.drawing.attention import Habits, densities
from pipeline.teaching.drawing.backgrounds import Background
from pipeline.teaching.drawing.looks import Look
from pipeline.teaching.drawing.pull import drive, pulls
from pipeline.teaching.drawing.ripples import Part, draw_waves
from pipeline.teaching.drawing.scene import Film, Scene, Thing
from pipeline.teaching.drawing.seen import seen
from pipeline.teaching.drawing.timeline import FRAMES, LEAD, MOMENTS, NUMBERS, SIZE

HABITS = Habits(lag=1, spread=13.0, motion=0.8)
HEIGHT, WIDTH = SIZE
FACE = (90.0, 200.0)
"""Where people look in the photograph, (x, y) of the first frame."""
MARGIN = 150
LONG = range(MOMENTS - 12, MOMENTS)
"""More moments than a clip has, so that something can happen in them."""
TIMES = NUMBERS - NUMBERS[LONG.start]
"""Number of each moment, from 0 at the first of LONG."""


def disc() -> Look:
    picture = np.zeros((40, 40, 4), np.uint8)
    cv2.circle(picture, (20, 20), 17, (250, 240, 60, 255), -1)
    return Look([picture], appeal=0.35)


def at(x: float, y: float, *, right: float = 0.0, down: float = 0.0) -> Thing:
    """A disc that is at a place in the first frame and moves by so many pixels a frame."""
    return Thing(disc(), np.stack([x + right * NUMBERS, y + down * NUMBERS], -1), 20.0)


def scene(*things: Thing, camera: np.ndarray | None = None, photograph: bool = True) -> Scene:
    size = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
    canvas = np.random.default_rng(0).integers(60, 110, (*size, 3)).astype(np.uint8)
    attention = np.zeros(size, np.float32)
    attention[int(FACE[1]) + MARGIN, int(FACE[0]) + MARGIN] = 1
    attention = np.asarray(cv2.GaussianBlur(attention, (0, 0), 12), np.float32)
    still = cameras.still(np.random.default_rng(0)) if camera is None else camera
    looked = attention / attention.max() if photograph else None
    ground = Background(canvas, looked, (MARGIN, MARGIN), still, (0.0, 0.0, 0.0, 0.0))
    return Scene(ground, list(things), rate=25.0)


def panned(speed: float) -> np.ndarray:
    shift = np.stack([speed * NUMBERS, np.zeros(MOMENTS)], -1)
    return cameras.filmed(shift, np.ones(MOMENTS), np.zeros(MOMENTS))


def mass(density: np.ndarray, place: tuple[float, float], reach: float = 45) -> float:
    """The share of a density within a distance of a place (x, y)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return float(density[np.hypot(x - place[0], y - place[1]) < reach].sum())


@pytest.mark.parametrize("photograph", [True, False])
def test_densities_sum_to_one(photograph: bool) -> None:
    for one in densities(scene(at(200, 100, right=3), photograph=photograph), HABITS):
        assert one.shape == SIZE and one.min() >= 0
        assert one.sum(dtype=float) == pytest.approx(1, abs=1e-4)


def test_a_lone_mover_has_most_of_the_attention() -> None:
    found = densities(scene(at(200, 100, right=4)), HABITS, LONG)
    for number, one in zip(NUMBERS[LONG], found, strict=True):
        assert mass(one, (200 + 4 * (number - HABITS.lag), 100)) > 0.6
        assert 0.1 < mass(one, FACE) < 0.3


def test_the_same_thing_standing_has_little() -> None:
    for one in densities(scene(at(200, 100)), HABITS, LONG):
        assert mass(one, (200, 100)) < 0.25
        assert mass(one, FACE) > 0.6


def test_the_eye_is_late_by_the_lag() -> None:
    for lag in (1, 2):
        found = densities(scene(at(100, 60, right=8)), replace(HABITS, lag=lag))[-1]
        _, x = np.unravel_index(int(found.argmax()), found.shape)
        assert x == pytest.approx(100 + 8 * (NUMBERS[-1] - lag), abs=3)


def test_a_pan_takes_the_attention_along_and_adds_none() -> None:
    for speed in (0.5, 9.0):
        moved = densities(scene(camera=panned(speed)), HABITS, LONG)
        still = densities(scene(), HABITS, LONG)
        for number, one, other in zip(NUMBERS[LONG], moved, still, strict=True):
            place = (FACE[0] + speed * number, FACE[1])
            assert mass(one, place) == pytest.approx(mass(other, FACE), abs=0.02)


def test_what_stands_in_a_pan_does_not_move_by_itself() -> None:
    standing = scene(at(200, 100), camera=panned(6.0))
    assert drive(seen(standing)).max() < 1e-9
    moving = scene(at(200, 100, right=-6), camera=panned(6.0))  # at rest in the frame
    assert drive(seen(moving))[0, LEAD:].min() > 0.5
    assert mass(densities(moving, HABITS)[-1], (200, 100)) > 0.5


def test_the_density_follows_a_bounce() -> None:
    thing = at(0, 0)
    x = 300 - np.abs(300 - (270 + 7 * TIMES))  # it meets a wall after four frames
    bouncing = replace(thing, path=np.stack([x, np.full(MOMENTS, 140.0)], -1))
    found = densities(scene(bouncing), HABITS, LONG)
    peaks = [int(one.argmax()) % WIDTH for one in found]
    assert peaks[5] > peaks[0] + 15
    assert peaks[11] < peaks[5] - 15
    np.testing.assert_allclose(peaks, x[LONG.start - 1 : -1], atol=6)


def test_what_starts_draws_more_than_what_has_moved_for_long() -> None:
    path = np.stack([100 + 4.0 * np.maximum(NUMBERS, 0), np.full(MOMENTS, 180.0)], -1)
    starting = replace(at(0, 0), path=path)
    going = at(284, 108, right=-4)
    pull = pulls(seen(scene(starting, going, photograph=False)))
    assert pull[0, LEAD - 1] == 0
    assert pull[0, LEAD + 2] > 1.5 * pull[1, LEAD + 2]


def test_what_has_stopped_loses_its_weight() -> None:
    path = np.stack([150 + 4.0 * np.minimum(TIMES, 0), np.full(MOMENTS, 100.0)], -1)
    pull = pulls(seen(scene(replace(at(0, 0), path=path))))[0]
    assert (np.diff(pull[LONG]) < 0).all()
    assert pull[LONG[-1]] < 0.25 * pull[LONG.start - 1]


def test_what_appears_draws_though_it_stands() -> None:
    shown = (TIMES >= 4).astype(float)
    found = densities(scene(replace(at(260, 120), shown=shown)), HABITS, LONG)
    assert mass(found[3], (260, 120)) < 0.05
    assert mass(found[7], (260, 120)) > 0.5


def test_what_grows_moves() -> None:
    growing = replace(at(260, 120), scale=np.exp(0.04 * NUMBERS))
    assert mass(densities(scene(growing), HABITS)[-1], (260, 120)) > 0.5
    fixed = replace(at(192, 144), scale=1 / np.exp(0.02 * NUMBERS))
    zoom = cameras.filmed(np.zeros((MOMENTS, 2)), np.exp(0.02 * NUMBERS), np.zeros(MOMENTS))
    # A thing that stands, in a zoom, grows with the picture.
    assert drive(seen(scene(at(192, 144), camera=zoom))).max() < 1e-9
    assert drive(seen(scene(fixed, camera=zoom)))[0, LEAD:].min() > 0.2


@pytest.mark.parametrize("pace", [0.0, -1.0])
def test_the_odd_one_of_a_crowd_draws_most(pace: float) -> None:
    places = [(60 + 75 * i, 50 + 60 * j) for i in range(4) for j in range(4)]
    crowd = [at(x, y, right=2) for x, y in places if (x, y) != (210, 110)]
    pull = pulls(seen(scene(*crowd, at(210, 110, right=2 * pace))))[:, LEAD]
    assert pull[-1] > 5 * pull[:-1].max()
    alike = pulls(seen(scene(*crowd)))[:, LEAD]
    assert alike.sum() < 1.1 * pulls(seen(scene(at(210, 110, right=2))))[0, LEAD]


def test_what_will_be_hit_is_looked_at_before() -> None:
    hit, hitting = at(250, 144), at(195, 144, right=5)  # in three frames
    pull = pulls(seen(scene(hit, hitting)))
    assert pull[0, LEAD] > 0.2 * pull[1, LEAD]
    assert pull[0, LEAD - 29] == 0
    aside = pulls(seen(scene(at(250, 240), hitting)))
    assert aside[0].max() == 0


def test_ripples_draw_nothing_and_a_part_of_a_photograph_does() -> None:
    resting = scene()
    waves = replace(resting.background, waves=draw_waves(np.random.default_rng(0)))
    assert np.abs(waves.picture(LEAD - 1).astype(int) - waves.picture(LEAD + 2)).mean() > 1
    for one in densities(replace(resting, background=waves), HABITS):
        assert mass(one, FACE) > 0.6
    path = np.stack([10 * np.sin(0.4 * NUMBERS), np.zeros(MOMENTS)], -1)
    nodding = replace(resting.background, parts=(Part((280.0, 90.0), 20.0, path),))
    found = densities(replace(resting, background=nodding), HABITS)
    assert mass(found[-1], (280, 90), 60) > 0.5
    assert mass(found[-1], FACE) > 0.1


def test_a_thing_hides_what_people_look_at() -> None:
    covered = densities(
        scene(replace(at(*FACE), radius=60.0, look=replace(disc(), appeal=0.0))), HABITS
    )
    assert mass(covered[0], FACE, 30) < 0.3


def test_pictures_show_what_the_paths_say() -> None:
    film = Film(grain=0.0, shutter=0.0, drift=0.0)
    one = replace(scene(at(100, 80, right=6)), film=film)
    rng = np.random.default_rng(0)
    for number in (0, FRAMES - 1):
        picture = one.picture(LEAD + number, rng)
        y, x = np.nonzero(picture[..., 0] > 200)
        assert (x.mean(), y.mean()) == pytest.approx((100 + 6 * number, 80), abs=1)
    blurred = replace(one, film=replace(film, shutter=0.5)).picture(LEAD, rng)
    assert (blurred[..., 0] > 130).sum(axis=1).max() > 34
    noisy = replace(one, film=Film(grain=3.0, shutter=0.0, drift=0.0))
    still = one.picture(LEAD, rng).astype(float)
    assert (noisy.picture(LEAD, rng) - still).std() == pytest.approx(3, abs=0.5)
