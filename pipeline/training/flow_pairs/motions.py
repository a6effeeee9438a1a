"""How the camera and things move from the first picture to the second.

Speeds, turns and zooms are drawn to resemble those of videos: mostly small, with a long tail, and a
share of everything that stands still. They were set by hand; tests hold their distribution.
"""

from typing import NamedTuple

import numpy as np

from pipeline.training.flow_pairs.geometry import (
    Floats,
    Matrix,
    Size,
    inverse,
    similarity,
    transformed,
)

_REFERENCE = (256, 384)
"""Height and width of the picture whose pixels motions are stated in; they grow with the size."""
_FASTEST = 60.0
"""Longest shift, pixels of the reference size."""
_BEND = 0.25
"""Bound of the slope of a bend: well below 1, so that the map can be inverted."""
_ROUNDS, _TOLERANCE = 30, 1e-4
"""The inversion ends after so many rounds, or when no point moves by more pixels than this."""


class Motion(NamedTuple):
    """A smooth map of the plane: from a point q of the second picture to p of the first.

    p = rigid^-1(q) + sum over k of amplitude_k sin(frequency_k q + phase_k), a similarity with
    waves on top.
    """

    rigid: Matrix
    """Transform [3, 3] from the first to the second picture."""
    amplitudes: Floats
    """[wave, 2] pixels."""
    frequencies: Floats
    """[wave, 2] radians per pixel."""
    phases: Floats
    """[wave] radians."""

    @property
    def reach(self) -> float:
        """Upper bound of how far the waves move a point, pixels."""
        return float(np.hypot(*self.amplitudes.T).sum())

    def _waves(self, points: Floats) -> Floats:
        """The sum of the waves at points [2, ...], pixels."""
        moved = np.zeros_like(points)
        for amplitude, (right, down), phase in zip(
            self.amplitudes, self.frequencies, self.phases, strict=True
        ):
            wave = np.sin(right * points[0] + down * points[1] + phase)
            moved += amplitude.reshape(2, *(1,) * wave.ndim) * wave
        return moved

    def backward(self, points: Floats) -> Floats:
        """Points [2, ...] (x, y) of the second picture as points of the first."""
        return transformed(inverse(self.rigid), points) + self._waves(points)

    def forward(self, points: Floats) -> Floats:
        """Points of the first picture as points of the second: the inverse of `backward`.

        Fixed-point iteration of q = rigid(p - waves(q)).
        """
        found = transformed(self.rigid, points)
        for _ in range(_ROUNDS if len(self.amplitudes) else 0):
            last, found = found, transformed(self.rigid, points - self._waves(found))
            if not found.size or np.abs(found - last).max() < _TOLERANCE:
                break
        return found


NO_WAVES = (np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))
"""Amplitudes, frequencies and phases of a motion without waves."""


def _draw_shift(rng: np.random.Generator, mean: float) -> tuple[float, float]:
    """A shift (right, down) in any direction; its length is gamma-distributed with a mean.

    One in ten is drawn from a distribution three times as wide, a second long tail.
    """
    hurry = 3 if rng.random() < 0.1 else 1
    length = min(rng.gamma(0.8, hurry * mean / 0.8), _FASTEST)
    angle = rng.uniform(0, 2 * np.pi)
    return length * np.cos(angle), length * np.sin(angle)


def _unit(size: Size) -> float:
    """Pixels of a picture to one of the reference size."""
    return float(np.sqrt(size[0] * size[1] / (_REFERENCE[0] * _REFERENCE[1])))


def camera_motion(rng: np.random.Generator, size: Size) -> Matrix:
    """The camera's transform: a pan, at times with a turn or zoom about the middle.

    One in four cameras stands still.
    """
    if rng.random() < 0.25:
        return np.eye(3)
    unit = _unit(size)
    right, down = _draw_shift(rng, 4.0)
    turns, zooms = rng.random(2) < 0.4
    return similarity(
        (size[1] / 2, size[0] / 2),
        (right * unit, down * unit),
        turns * rng.normal(0, 2),
        np.exp(zooms * rng.normal(0, 0.03)),
    )


def own_motion(rng: np.random.Generator, size: Size, centre: tuple[float, float]) -> Matrix:
    """A thing's own transform, before the camera's; one thing in five stands still."""
    if rng.random() < 0.2:
        return np.eye(3)
    unit = _unit(size)
    right, down = _draw_shift(rng, 7.0)
    turns, zooms = rng.random(2) < 0.5
    return similarity(
        centre,
        (right * unit, down * unit),
        turns * rng.normal(0, 7),
        np.exp(zooms * np.clip(rng.normal(0, 0.05), -0.15, 0.15)),
    )


def object_motion(rng: np.random.Generator, rigid: Matrix, extent: float) -> Motion:
    """A rigid transform with up to three waves about as long as the layer is large, or none."""
    waves = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    length = extent * rng.uniform(0.7, 2.5, waves)
    angle = rng.uniform(0, 2 * np.pi, (2, waves))
    frequency = 2 * np.pi / length
    height = rng.uniform(0.2, 1, waves) ** 2 * _BEND / max(waves, 1) / frequency
    return Motion(
        rigid,
        (height * np.stack([np.cos(angle[0]), np.sin(angle[0])])).T.astype(np.float32),
        (frequency * np.stack([np.cos(angle[1]), np.sin(angle[1])])).T.astype(np.float32),
        rng.uniform(0, 2 * np.pi, waves).astype(np.float32),
    )
