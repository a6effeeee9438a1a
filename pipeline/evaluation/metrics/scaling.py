"""How maps become distributions, and the types that all metrics share."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating[Any]]
Points = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]
"""Rows and columns of fixations, in which a pixel may come more than once."""

EPSILON: Final = 2.0**-52
"""Matlab's eps, which KLdiv.m and InfoGain.m add to the prediction and inside the logarithm."""


_HALVES: Final = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)[None]
"""The value of every float16, by its bits."""


def copy_single(field: Map, out: NDArray[np.float32]) -> None:
    """Copy a map [y, x] into one of float32.

    A float16 is looked up by its bits, which takes a third of the time of NumPy's conversion.
    """
    if field.dtype == np.float16 and field.flags.c_contiguous:
        cv2.LUT(field.view(np.uint16), _HALVES, out)
    else:
        np.copyto(out, field, casting="same_kind")


def shares(field: Map, epsilon: float = 0.0) -> Map:
    """Return `field` divided by its sum plus `epsilon`; zeros stay zeros."""
    shares: Map = field / (field.sum() + epsilon) if field.any() else field
    return shares


def without_offset(field: Map) -> Map:
    """Return `field` scaled to 0..1, then to sum 1; zeros stay zeros, other constants are NaN."""
    if not field.any():
        return field
    if is_constant(field):
        return np.full_like(field, np.nan)
    lifted: Map = field - field.min()
    lifted /= lifted.sum()
    return lifted


def is_constant(field: Map) -> bool:
    """Say whether all values of a map are equal."""
    return bool(field.min() == field.max())
