"""Motions."""

from __future__ import annotations

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
"""Motions are stated in pixels of this size, and grow with the picture."""
_FASTEST = 60.0
_BEND = 0.25
"""Bound of the slope of a bending: well below one, so that the map can be inverted."""


class Motion(NamedTuple):
    """A smooth map of the plane, stated backwards: whence a point of the second picture comes.

    A rigid map with zoom, and waves on top: p = rigid^-1(q) + sum over k of
    amplitude_k sin(frequency_k q + phase_k).
    """

    rigid: Matrix
    """[3, 3] from the first to the second picture."""
    amplitudes: Floats
    """[wave, 2] pixels."""
    frequencies: Floats
    """[wave, 2] radians per pixel."""
    phases: Floats
    """[wave]."""

    @property
    def reach(self) -> float:
        """The most that the waves move a point, in pixels."""
        return float(np.hypot(*self.amplitudes.T).sum())

    def _waves(self, points: Floats) -> Floats:
        moved = np.zeros_like(points)
        for amplitude, (right, down), phase in zip(
            self.amplitudes, self.frequencies, self.phases, strict=True
        ):
            wave = np.sin(right * points[0] + down * points[1] + phase)
            moved += amplitude.reshape(2, *(1,) * wave.ndim) * wave
        return moved

    def backward(self, points: Floats) -> Floats:
        """[2, ...] points (x, y) of the second picture to points of the first."""
        return transformed(inverse(self.rigid), points) + self._waves(points)

    def forward(self, points: Floats) -> Floats:
        """The inverse of `backward`, by fixed-point iteration: q = rigid(p - waves(q))."""
        found = transformed(self.rigid, points)
        for _ in range(30 if len(self.amplitudes) else 0):
            last, found = found, transformed(self.rigid, points - self._waves(found))
            if not found.size or np.abs(found - last).max() < 1e-4:
                break
        return found


NO_WAVES = (np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))


# Motions, in pixels of _REFERENCE.


def _speed(rng: np.random.Generator, mean: float) -> tuple[float, float]:
    """A shift to any side: small ones are frequent, and there is a long tail."""
    hurry = 3 if rng.random() < 0.1 else 1
    length = min(rng.gamma(0.8, hurry * mean / 0.8), _FASTEST)
    angle = rng.uniform(0, 2 * np.pi)
    return length * np.cos(angle), length * np.sin(angle)


def _unit(size: Size) -> float:
    return float(np.sqrt(size[0] * size[1] / (_REFERENCE[0] * _REFERENCE[1])))


def camera_motion(rng: np.random.Generator, size: Size) -> Matrix:
    """Pan, and now and then a turn and a zoom about the middle; or a tripod."""
    if rng.random() < 0.25:
        return np.eye(3)
    unit = _unit(size)
    right, down = _speed(rng, 4.0)
    turns, zooms = rng.random(2) < 0.4
    return similarity(
        (size[1] / 2, size[0] / 2),
        (right * unit, down * unit),
        turns * rng.normal(0, 2),
        np.exp(zooms * rng.normal(0, 0.03)),
    )


def own_motion(rng: np.random.Generator, size: Size, centre: tuple[float, float]) -> Matrix:
    """The motion of a thing besides the camera's; every fifth thing stands still."""
    if rng.random() < 0.2:
        return np.eye(3)
    unit = _unit(size)
    right, down = _speed(rng, 7.0)
    turns, zooms = rng.random(2) < 0.5
    return similarity(
        centre,
        (right * unit, down * unit),
        turns * rng.normal(0, 7),
        np.exp(zooms * np.clip(rng.normal(0, 0.05), -0.15, 0.15)),
    )


def object_motion(rng: np.random.Generator, rigid: Matrix, extent: float) -> Motion:
    """A rigid map with waves not much shorter than the layer is large, or without any."""
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
