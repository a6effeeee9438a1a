"""Scenes in which motion matters, and their pictures.

Bright, saturated things stand still; dull ones look alike, and two of them move for a while each,
which no single picture shows. The background is textured, at low contrast.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from pipeline.datasets.records import Clip, Samples

_CELLS = [(x, y) for y in (0.27, 0.73) for x in (0.2, 0.5, 0.8)]
"""Where things can stand: (x, y) as fractions of the picture."""
_CORNERS = (0, 2, 3, 5)
"""Cells that bright and moving things share."""
_SPANS = ((0.12, 0.47), (0.58, 0.92))
"""When the first and the second dull thing move, as fractions of the clip, give or take 0.03."""
# Red, yellow, blue, magenta and green, in 0..255.
_BRIGHT = ((225, 40, 35), (245, 205, 25), (30, 190, 225), (230, 60, 190), (70, 210, 60))


@dataclass(frozen=True)
class Thing:
    """A disc or square that goes once, straight, from one point to another."""

    ends: tuple[tuple[float, float], tuple[float, float]]
    """Its centre (x, y) before and after the motion, in pixels."""
    moving: tuple[float, float]
    """First and last second of its motion; equal if it never moves."""
    radius: float
    square: bool
    colour: tuple[int, ...]

    def position(self, time: Samples) -> Samples:
        """Return its centre [(x, y), n] at each time."""
        start, stop = self.moving
        done = np.clip((time - start) / max(stop - start, 1e-9), 0, 1)
        first, last = np.array(self.ends, dtype=np.float64)[..., None]
        return np.asarray(first + (last - first) * done)


@dataclass(frozen=True)
class Scene:
    """Background and things of a clip."""

    clip: Clip
    background: NDArray[np.float32]
    """RGB [y, x, channel] in 0..255."""
    bright: tuple[Thing, ...]
    movers: tuple[Thing, ...]
    still: tuple[Thing, ...]

    @property
    def things(self) -> tuple[Thing, ...]:
        """All things, in the order of drawing and of `positions`."""
        return (*self.bright, *self.still, *self.movers)

    def positions(self, time: Samples) -> Samples:
        """Return the centres [thing, (x, y), n] of all things."""
        return np.stack([thing.position(time) for thing in self.things])

    def moving(self, time: Samples) -> NDArray[np.int64]:
        """Return the index [n] of the thing that moves at each time, or -1."""
        index = np.full(len(time), -1)
        for i, thing in enumerate(self.things):
            start, stop = thing.moving
            index[(time >= start) & (time < stop)] = i
        return index


def _background(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    waves = zoom(rng.normal(size=(5, 7)), (height / 5, width / 7), order=1)
    grain = zoom(rng.normal(size=(height // 3, width // 3)), 3, order=1)
    picture = np.zeros((height, width, 3))
    # A grey in the middle, with a slight tint.
    picture += rng.uniform(95, 125) + rng.uniform(-12, 12, size=3)
    picture += 8 * waves[:height, :width, None]
    rows, columns = min(height, grain.shape[0]), min(width, grain.shape[1])
    picture[:rows, :columns] += 7 * grain[:rows, :columns, None]
    return picture.astype(np.float32)


def _journey(
    rng: np.random.Generator, clip: Clip, start: tuple[float, float]
) -> tuple[float, float]:
    """Where a moving thing ends: at a fair distance, well inside the picture."""
    while True:
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.22, 0.34) * clip.width
        x, y = start[0] + length * np.cos(angle), start[1] + length * np.sin(angle)
        if 0.12 < x / clip.width < 0.88 and 0.15 < y / clip.height < 0.85:
            return float(x), float(y)


def _thing(
    rng: np.random.Generator,
    clip: Clip,
    cell: int,
    colour: tuple[int, ...],
    span: tuple[float, float] | None = None,
) -> Thing:
    jitter = rng.uniform(-0.03, 0.03, size=2)
    x, y = ((_CELLS[cell] + jitter) * (clip.width, clip.height)).tolist()
    end, moving = (x, y), (0.0, 0.0)
    if span is not None:
        end = _journey(rng, clip, (x, y))
        start, stop = (np.array(span) + rng.uniform(-0.03, 0.03, 2)) * clip.frames / clip.rate
        moving = (float(start), float(stop))
    radius = float(rng.uniform(0.055, 0.075) * clip.width)
    return Thing(((x, y), end), moving, radius, bool(rng.integers(2)), colour)


def draw_scene(clip: Clip, seed: int, *, motion: bool = True) -> Scene:
    """Return the scene of a clip, whose seed decides everything that is left to chance.

    With `motion`, two of the dull things move.
    """
    rng = np.random.default_rng([seed, 1])
    background = _background(rng, clip.width, clip.height)
    corners = rng.permutation(_CORNERS).tolist()
    bright_cells, others = corners[: 1 + int(rng.integers(2))], corners[2:]
    colours = [_BRIGHT[i] for i in rng.permutation(len(_BRIGHT))]
    # Dull things are a little brighter than the background.
    grey = tuple(int(value) for value in background.mean(axis=(0, 1)) + 24)
    spans = _SPANS if motion else ()
    moving_cells = others[: len(spans)]
    still_cells = [i for i in range(len(_CELLS)) if i not in (*bright_cells, *moving_cells)]
    bright, movers = zip(bright_cells, colours, strict=False), zip(moving_cells, spans, strict=True)
    return Scene(
        clip,
        background,
        bright=tuple(_thing(rng, clip, cell, colour) for cell, colour in bright),
        movers=tuple(_thing(rng, clip, cell, grey, span) for cell, span in movers),
        still=tuple(_thing(rng, clip, cell, grey) for cell in still_cells),
    )


def _paint(picture: NDArray[np.float32], thing: Thing, centre: Samples) -> None:
    """Draw a thing, in place, with soft edges and a pattern that moves along."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    right, down = x - centre[0], y - centre[1]
    if thing.square:
        # A square of this half side has about the area of the disc.
        distance = np.maximum(np.abs(right), np.abs(down)) / 0.89
    else:
        distance = np.hypot(right, down)
    cover = np.clip(thing.radius - distance + 0.5, 0, 1)[..., None]
    pattern = 12 * np.sin(right * 5.5 / thing.radius) * np.cos(down * 4.5 / thing.radius)
    picture += cover * (np.array(thing.colour) + pattern[..., None] - picture)


def pictures(scene: Scene) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a scene, RGB [y, x, channel], each as it is at the middle of its time."""
    for frame in range(scene.clip.frames):
        picture = scene.background.copy()
        time = np.array([(frame + 0.5) / scene.clip.rate])
        for thing, centre in zip(scene.things, scene.positions(time), strict=True):
            _paint(picture, thing, centre[:, 0])
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8)
