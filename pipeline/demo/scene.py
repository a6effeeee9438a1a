"""A scene in which motion matters, and pictures of it.

Bright, saturated objects stand still; dull ones look alike, and two of them move for a while each.
Nothing in a still picture says which. The background is textured, at low contrast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from pipeline.datasets.records import Clip, Samples

_CELLS = [(x, y) for y in (0.27, 0.73) for x in (0.2, 0.5, 0.8)]
_CORNERS = (0, 2, 3, 5)
_SPANS = ((0.12, 0.47), (0.58, 0.92))
"""When the first and the second dull object move, as fractions of the clip, give or take 0.03."""
_BRIGHT = ((225, 40, 35), (245, 205, 25), (30, 190, 225), (230, 60, 190), (70, 210, 60))


@dataclass(frozen=True)
class Thing:
    """A disc or square that goes once, straight, from one place to another (pixels, seconds)."""

    places: tuple[tuple[float, float], tuple[float, float]]
    moving: tuple[float, float]
    """First and last second of its motion; equal if it never moves."""
    radius: float
    square: bool
    colour: tuple[int, int, int]

    def position(self, time: Samples) -> Samples:
        """[2, n] its centre (x, y) at each time."""
        start, stop = self.moving
        done = np.clip((time - start) / max(stop - start, 1e-9), 0, 1)
        first, last = np.array(self.places, dtype=np.float64)[..., None]
        place: Samples = first + (last - first) * done
        return place


@dataclass(frozen=True)
class Scene:
    """A clip's background and things: the bright ones first, then the moving, then the rest."""

    clip: Clip
    background: NDArray[np.float32]
    """[y, x, channel] in 0..255."""
    bright: tuple[Thing, ...]
    movers: tuple[Thing, ...]
    still: tuple[Thing, ...]

    @property
    def things(self) -> tuple[Thing, ...]:
        """All of them, in the order of drawing and of `positions`."""
        return (*self.bright, *self.still, *self.movers)

    def positions(self, time: Samples) -> Samples:
        """[thing, 2, n] centres of all things."""
        return np.stack([thing.position(time) for thing in self.things])

    def moving(self, time: Samples) -> NDArray[np.int64]:
        """[n] index of the thing that moves at each time, or -1."""
        index = np.full(len(time), -1)
        for i, thing in enumerate(self.things):
            start, stop = thing.moving
            index[(time >= start) & (time < stop)] = i
        return index


def _background(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    waves = zoom(rng.normal(size=(5, 7)), (height / 5, width / 7), order=1)
    grain = zoom(rng.normal(size=(height // 3, width // 3)), 3, order=1)
    picture = np.zeros((height, width, 3))
    picture += rng.uniform(95, 125) + rng.uniform(-12, 12, size=3)
    picture += 8 * waves[:height, :width, None]
    rows, columns = min(height, grain.shape[0]), min(width, grain.shape[1])
    picture[:rows, :columns] += 7 * grain[:rows, :columns, None]
    return picture.astype(np.float32)


def _journey(
    rng: np.random.Generator, clip: Clip, place: tuple[float, float]
) -> tuple[float, float]:
    """Where a moving thing ends: at a fair distance, well inside the picture."""
    while True:
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.22, 0.34) * clip.width
        x, y = place[0] + length * np.cos(angle), place[1] + length * np.sin(angle)
        if 0.12 < x / clip.width < 0.88 and 0.15 < y / clip.height < 0.85:
            return float(x), float(y)


def _thing(
    rng: np.random.Generator,
    clip: Clip,
    cell: int,
    span: tuple[float, float] | None,
    colour: tuple[int, int, int],
) -> Thing:
    jitter = rng.uniform(-0.03, 0.03, size=2)
    place = (
        float((_CELLS[cell][0] + jitter[0]) * clip.width),
        float((_CELLS[cell][1] + jitter[1]) * clip.height),
    )
    end, moving = place, (0.0, 0.0)
    if span is not None:
        end = _journey(rng, clip, place)
        start, stop = (np.array(span) + rng.uniform(-0.03, 0.03, 2)) * clip.frames / clip.rate
        moving = (float(start), float(stop))
    radius = float(rng.uniform(0.055, 0.075) * clip.width)
    return Thing((place, end), moving, radius, bool(rng.integers(2)), colour)


def draw_scene(clip: Clip, seed: int, *, motion: bool = True) -> Scene:
    """The scene of a clip; the same seed gives the same scene.

    Args:
        clip: Size, length and rate.
        seed: Of everything that is left to chance.
        motion: Whether two of the dull things move.
    """
    rng = np.random.default_rng([seed, 1])
    background = _background(rng, clip.width, clip.height)
    corners = [int(cell) for cell in rng.permutation(_CORNERS)]
    bright_cells, others = corners[: 1 + int(rng.integers(2))], corners[2:]
    free = [cell for cell in range(len(_CELLS)) if cell not in bright_cells]
    colours = [_BRIGHT[int(i)] for i in rng.permutation(len(_BRIGHT))]
    dull = tuple(int(value) for value in background.mean(axis=(0, 1)) + 24)
    spans = _SPANS if motion else ()
    moving_cells = others[: len(spans)]
    still_cells = [cell for cell in free if cell not in moving_cells]
    grey = (dull[0], dull[1], dull[2])
    return Scene(
        clip,
        background,
        tuple(
            _thing(rng, clip, cell, None, colour)
            for cell, colour in zip(bright_cells, colours, strict=False)
        ),
        tuple(
            _thing(rng, clip, cell, span, grey)
            for cell, span in zip(moving_cells, spans, strict=True)
        ),
        tuple(_thing(rng, clip, cell, None, grey) for cell in still_cells),
    )


def _paint(picture: NDArray[np.float32], thing: Thing, centre: Samples) -> None:
    """Draws a thing with soft edges and a pattern that moves along."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    right, down = x - centre[0], y - centre[1]
    if thing.square:
        distance = np.maximum(np.abs(right), np.abs(down)) / 0.89
    else:
        distance = np.hypot(right, down)
    cover = np.clip(thing.radius - distance + 0.5, 0, 1)[..., None]
    pattern = 12 * np.sin(right * 5.5 / thing.radius) * np.cos(down * 4.5 / thing.radius)
    picture += cover * (np.array(thing.colour) + pattern[..., None] - picture)


def pictures(scene: Scene) -> Iterator[NDArray[np.uint8]]:
    """The frames of a scene, [y, x, channel]; frame k shows it at the middle of its time."""
    for frame in range(scene.clip.frames):
        picture = scene.background.copy()
        time = np.array([(frame + 0.5) / scene.clip.rate])
        for thing, centre in zip(scene.things, scene.positions(time), strict=True):
            _paint(picture, thing, centre[:, 0])
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8)
