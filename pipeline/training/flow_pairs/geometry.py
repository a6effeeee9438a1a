"""Geometry."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Picture = NDArray[np.uint8]
Size = tuple[int, int]
"""Height and width."""
Seed = int | Sequence[int]


def inverse(matrix: Matrix) -> Matrix:
    """Inverse of a transform [3, 3]."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def transformed(matrix: Matrix, points: Floats) -> Floats:
    """Points [2, ...], x before y, moved by a transform [3, 3]."""
    (a, b, right), (c, d, down) = matrix[:2].astype(np.float32)
    x, y = points
    return np.stack([a * x + b * y + right, c * x + d * y + down])


def similarity(
    centre: tuple[float, float], shift: tuple[float, float], degrees: float, zoom: float
) -> Matrix:
    """Turns and zooms about a centre, then shifts: [3, 3]."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(centre, degrees, zoom)
    matrix[:2, 2] += shift
    return matrix


@lru_cache(maxsize=4)
def grid_points(size: Size) -> Floats:
    """[2, y, x] the x and y of every pixel."""
    points = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0]))).astype(np.float32)
    points.flags.writeable = False
    return points


def as_picture(picture: Floats) -> Picture:
    """Grey levels rounded to 8 bits."""
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)
