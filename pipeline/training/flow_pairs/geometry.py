"""Points, plane transforms and pictures, as all modules of this chapter hold them.

Coordinates are pixels, x right and y down. A transform is a matrix [3, 3] of homogeneous points.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
"""A transform, [3, 3]."""
Picture = NDArray[np.uint8]
"""[y, x, channel], RGB, or RGB and opacity; or a mask [y, x]."""
Size = tuple[int, int]
"""Height and width, pixels."""
Seed = int | Sequence[int]
"""What `numpy.random.default_rng` takes."""


def inverse(matrix: Matrix) -> Matrix:
    """The inverse transform."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def transformed(matrix: Matrix, points: Floats) -> Floats:
    """Points [2, ...], x before y, moved by a transform."""
    (a, b, right), (c, d, down) = matrix[:2].astype(np.float32)
    x, y = points
    return np.stack([a * x + b * y + right, c * x + d * y + down])


def similarity(
    centre: tuple[float, float], shift: tuple[float, float], degrees: float, zoom: float
) -> Matrix:
    """A transform that turns and zooms about a centre (x, y), then shifts (right, down)."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(centre, degrees, zoom)
    matrix[:2, 2] += shift
    return matrix


@lru_cache(maxsize=4)  # the picture's size comes again and again
def grid_points(size: Size) -> Floats:
    """The coordinates of every pixel, [2, y, x], x before y; read-only."""
    points = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0]))).astype(np.float32)
    points.flags.writeable = False
    return points


def as_picture(picture: Floats) -> Picture:
    """Levels rounded to 8 bits."""
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)
