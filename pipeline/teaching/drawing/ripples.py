"""Motion within the background: water and leaves, and parts of a photograph that move.

Both displace points of the world before the background is looked up, so that its picture and its
attention move alike.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.timeline import MIDDLE, MOMENTS, SIZE
from pipeline.training.flow_pairs.geometry import Floats

_STEEPEST = 0.7
"""Longest displacement of a part, in standard deviations of its reach: beyond 1.6 the picture would
fold over."""


@dataclass(frozen=True)
class Waves:
    """Ripples of a part of the background, as of water or leaves: motion that draws little."""

    amplitude: Samples
    """[wave, 2] pixels."""
    frequency: Samples
    """[wave, 2] radians a pixel."""
    pace: Samples
    """[wave] radians a frame."""
    edge: tuple[float, float, float]
    """The ripples are where a x + b y > c, in pixels of the world."""

    def moved(self, points: Floats, moment: int) -> Floats:
        """Return points [2, y, x] of the world, displaced as they are at a moment."""
        a, b, c = self.edge
        cover = 1 / (1 + np.exp(np.clip((c - a * points[0] - b * points[1]) / 8, -30, 30)))
        waves = zip(self.amplitude, self.frequency, self.pace, strict=True)
        for amplitude, (right, down), pace in waves:
            wave = cover * np.sin(
                np.float32(right) * points[0]
                + np.float32(down) * points[1]
                + np.float32(pace * moment)
            )
            points = points + amplitude.reshape(2, 1, 1).astype(np.float32) * wave
        return points


@dataclass(frozen=True)
class Part:
    """A part of a photograph that moves by itself: somebody nods, an animal turns its head."""

    centre: tuple[float, float]
    """(x, y) in the world."""
    reach: float
    """Standard deviation of its extent, pixels."""
    path: Samples
    """Displacement [time, (x, y)] of its centre."""

    def moved(self, points: Floats, moment: int) -> Floats:
        """Return points [2, y, x] of the world, displaced as they are at a moment."""
        right, down = points[0] - np.float32(self.centre[0]), points[1] - np.float32(self.centre[1])
        cover = np.exp((right**2 + down**2) * np.float32(-0.5 / self.reach**2))
        shift = self.path[moment].reshape(2, 1, 1).astype(np.float32)
        return np.asarray(points - shift * cover, np.float32)


def draw_waves(rng: np.random.Generator) -> Waves:
    """Return ripples of a random part of the world, often the lower one."""
    count = int(rng.integers(2, 5))
    angle, way = rng.uniform(0, 2 * np.pi, (2, count))
    length = rng.uniform(12, 60, count)
    frequency = 2 * np.pi / length[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    height = rng.uniform(0.03, 0.08) * length[:, None] / np.sqrt(count)
    amplitude = height * np.stack([np.cos(way), np.sin(way)], -1)
    tilt = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else np.pi / 2 + rng.normal(0, 0.2)
    a, b = float(np.cos(tilt)), float(np.sin(tilt))
    through = (rng.uniform(0.25, 0.75) * SIZE[1], rng.uniform(0.3, 0.7) * SIZE[0])
    pace = rng.choice([-1, 1], count) * rng.uniform(0.15, 0.9, count)
    return Waves(amplitude, frequency, pace, (a, b, a * through[0] + b * through[1]))


def draw_part(rng: np.random.Generator, centre: tuple[float, float]) -> Part:
    """Return a part at a place that moves to and fro, or that begins or stops to do so."""
    reach = float(rng.uniform(14, 50))
    way = rng.uniform(0, 2 * np.pi)
    amplitude = rng.uniform(0.15, _STEEPEST) * reach
    pace = float(np.exp(rng.uniform(np.log(0.05), np.log(0.5)))) * np.ones(MOMENTS)
    turning = MIDDLE + int(rng.integers(-8, 5))
    if rng.random() < 0.3:
        pace[:turning] = 0
    elif rng.random() < 0.3:
        pace[turning:] = 0
    swing = amplitude * np.sin(rng.uniform(0, 2 * np.pi) + np.cumsum(pace))
    return Part(centre, reach, swing[:, None] * np.array([np.cos(way), np.sin(way)]))
