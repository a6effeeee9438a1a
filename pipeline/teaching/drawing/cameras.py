"""Cameras: the transform from the world to the frame at every moment, [time, 3, 3].

At the first frame it is the identity. What the frame shows of the world during the clip is never
much larger than what a photograph holds.
"""

from collections.abc import Callable

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.motions import heading
from pipeline.teaching.drawing.timeline import FRAMES, LEAD, MOMENTS, NUMBERS, SIZE
from pipeline.training.flow_pairs.geometry import similarity

Camera = Callable[[np.random.Generator], Samples]


def filmed(shift: Samples, zoom: Samples, degrees: Samples) -> Samples:
    """Return the transforms of shifts [time, 2], zooms and turns [time] about the frame's centre.

    The moments before the clip look like a continuation; all are relative to the first frame.
    """
    centre = (SIZE[1] / 2, SIZE[0] / 2)
    shift = shift - shift[LEAD]
    zoom, degrees = zoom / zoom[LEAD], degrees - degrees[LEAD]
    return np.stack(
        [
            similarity(centre, (float(x), float(y)), float(turn), float(scale))
            for (x, y), scale, turn in zip(shift, zoom, degrees, strict=True)
        ]
    )


def _speed(rng: np.random.Generator) -> float:
    """A speed of 0.3 to 12 pixels a frame, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(0.3), np.log(12))))


def _no_shift() -> Samples:
    return np.zeros((MOMENTS, 2))


def _pan(rng: np.random.Generator, speed: float) -> Samples:
    """Shifts of a pan, at times with a change of speed."""
    ease = 1 + rng.choice([0.0, 0.06, -0.06]) * np.clip(NUMBERS, 0, FRAMES)
    return np.cumsum(speed * ease[:, None] * heading(rng), axis=0)


def _tremble(rng: np.random.Generator, amount: float) -> Samples:
    """Shifts of a hand: noise that wavers around the middle."""
    noise = rng.normal(0, amount, (MOMENTS, 2))
    for moment in range(1, MOMENTS):
        noise[moment] += 0.8 * noise[moment - 1]
    return noise


def still(rng: np.random.Generator) -> Samples:
    """Return a camera on a tripod."""
    return np.tile(np.eye(3), (MOMENTS, 1, 1))


def pan(rng: np.random.Generator) -> Samples:
    """Return a pan, a tilt or a travelling shot."""
    return filmed(_pan(rng, _speed(rng)), np.ones(MOMENTS), np.zeros(MOMENTS))


def zoom(rng: np.random.Generator) -> Samples:
    """Return a zoom in or out, of 0.15 to 3 % a frame."""
    rate = rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.0015), np.log(0.03)))
    shift = _pan(rng, 0.3 * _speed(rng)) if rng.random() < 0.3 else _no_shift()
    return filmed(shift, np.exp(rate * NUMBERS), np.zeros(MOMENTS))


def turn(rng: np.random.Generator) -> Samples:
    """Return a roll of 0.15 to 2 degrees a frame, at times with a shift or a zoom."""
    rate = rng.choice([-1, 1]) * np.exp(rng.uniform(np.log(0.15), np.log(2)))
    shift = _pan(rng, 0.3 * _speed(rng)) if rng.random() < 0.5 else _no_shift()
    return filmed(shift, np.exp(rng.normal(0, 0.005) * NUMBERS), rate * NUMBERS)


def shake(rng: np.random.Generator) -> Samples:
    """Return a hand-held camera, at times with a slow pan."""
    shift = _tremble(rng, float(np.exp(rng.uniform(np.log(0.2), np.log(2.5)))))
    if rng.random() < 0.4:
        shift = shift + _pan(rng, 0.5 * _speed(rng))
    degrees = 0.05 * _tremble(rng, 1.0)[:, 0]
    return filmed(shift, np.exp(0.001 * _tremble(rng, 1.0)[:, 1]), degrees)


CAMERAS: dict[str, Camera] = {one.__name__: one for one in (still, pan, zoom, turn, shake)}
"""Cameras by name."""


def following(path: Samples) -> Samples:
    """Return a camera that keeps a thing of this path [time, 2] at its place."""
    return filmed(-path, np.ones(MOMENTS), np.zeros(MOMENTS))
