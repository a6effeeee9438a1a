"""Resizing as Matlab's imresize does it, by one matrix product along each side."""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.scaling import Map

Kernel = Literal["bicubic", "bilinear"]


def resized(
    field: Map, shape: tuple[int, int], *, kernel: Kernel = "bicubic", antialias: bool = True
) -> Map:
    """Resize a map [y, x] to height and width as Matlab's imresize does.

    The kernel is bicubic (a = -0.5) or bilinear; with `antialias` it is as wide as the reduction
    where the map shrinks (OpenCV, torch: no).
    """
    rows = _weights(field.shape[0], shape[0], kernel, antialias)
    columns = _weights(field.shape[1], shape[1], kernel, antialias)
    found: Map = rows @ field @ columns.T
    return found


@lru_cache(maxsize=32)
def _weights(old: int, new: int, kernel: Kernel, antialias: bool) -> NDArray[np.float64]:
    """[new, old]: the share of each old pixel in each new one; borders are mirrored."""
    scale = new / old
    shrink = min(scale, 1.0) if antialias else 1.0
    centre = (np.arange(new)[:, None] + 0.5) / scale - 0.5
    reach = int(np.ceil(2 / shrink)) + 1
    taps = np.floor(centre).astype(np.int64) + np.arange(-reach, reach + 1)
    share = _kernel((centre - taps) * shrink, kernel)
    folded = taps % (2 * old)
    folded = np.where(folded < old, folded, 2 * old - 1 - folded)
    found = np.zeros((new, old))
    np.add.at(found, (np.arange(new)[:, None], folded), share / share.sum(axis=1, keepdims=True))
    return found


def _kernel(distance: NDArray[np.float64], kernel: Kernel) -> NDArray[np.float64]:
    x = np.abs(distance)
    if kernel == "bilinear":
        share: NDArray[np.float64] = np.maximum(1 - x, 0)
        return share
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))
