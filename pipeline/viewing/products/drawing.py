"""A map laid over its frame."""

import math
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError
from pipeline.viewing.products.colours import levels, looked_up, table


def overlay(
    frame: Any,
    map: Any,
    strength: float = 0.6,
    colormap: str = "inferno",
    *,
    peak: float | None = None,
) -> NDArray[np.uint8]:
    """Return a frame with a saliency map laid over it, RGB uint8 [Y, X, 3].

    The map is divided by its peak and enlarged bilinearly to the frame. A level has its colour, and
    its opacity is `strength` times the level: what nobody looks at stays as it is. A map that is
    the same everywhere leaves the whole frame as it is.

    Args:
        frame: Array or tensor, see `picture_of`: RGB [Y, X, 3] or [3, Y, X], or grey [Y, X];
            integers of 0..255 or floats of 0..1.
        map: Array or tensor [y, x] on any grid, >= 0, of any scale; also [1, y, x], [1, 1, y, x].
        strength: Opacity of the peak, above 0 and at most 1.
        colormap: One of `COLORMAPS`.
        peak: Value of the map that is drawn as the highest one; None: its own largest.

    Raises:
        InputError: The frame or the map has another shape or other values, the strength is out of
            range, or there is no such colour map.
    """
    colours = _painted(strength, colormap)
    picture = picture_of(frame)
    found = levels(map_of(map), (picture.shape[0], picture.shape[1]), peak)
    # Bytes all along: a tenth of the time that floats take.
    rest = cv2.convertScaleAbs(found, alpha=-strength, beta=255)
    kept = cv2.multiply(picture, cv2.merge([rest, rest, rest]), scale=1 / 255)
    return np.asarray(cv2.add(kept, looked_up(found, colours)), np.uint8)


@cache
def _painted(strength: float, colormap: str) -> NDArray[np.uint8]:
    """The colour [256, 3] that each level adds to a frame: its own times its opacity."""
    if not 0 < strength <= 1:
        raise InputError(f"strength {strength:g}: give a number above 0 and at most 1")
    opacity = strength * np.arange(256)[:, None] / 255
    return np.rint(table(colormap) * opacity).astype(np.uint8)


def picture_of(frame: Any) -> NDArray[np.uint8]:
    """Return a frame as RGB uint8 [y, x, 3].

    Args:
        frame: Array or tensor of one frame: RGB [y, x, 3] or [3, y, x], or grey [y, x], [y, x, 1]
            or [1, y, x]; uint8, or floats of 0..1.

    Raises:
        InputError: It has another shape, type or range.
    """
    values = _array(frame)
    if values.ndim == 3 and values.shape[-1] not in (1, 3) and values.shape[0] in (1, 3):
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[-1] not in (1, 3) or not values.size:
        raise InputError(
            f"frame: expected one frame [y, x, 3], [3, y, x] or [y, x], found {_of_shape(frame)}"
        )
    if values.dtype.kind == "f":
        if not (values.min() >= 0 and values.max() <= 1):  # so that NaN is found too
            raise InputError(
                f"frame: floats are 0..1, found {values.min():g} to {values.max():g}; divide it "
                "by its largest possible value, or give uint8"
            )
        values = np.rint(values * 255).astype(np.uint8)
    if values.dtype != np.uint8:
        raise InputError(f"frame: expected uint8 or floats of 0..1, found {values.dtype}")
    if values.shape[-1] == 1:
        values = np.repeat(values, 3, axis=-1)
    return np.ascontiguousarray(values)


def map_of(values: Any) -> NDArray[np.float32]:
    """Return a saliency map as float32 [y, x], from an array or tensor [y, x] or [1, ..., y, x].

    Raises:
        InputError: It has another shape, or a value that is negative or not finite.
    """
    found = _array(values)
    if found.ndim < 2 or found.shape[:-2].count(1) != found.ndim - 2 or not found.size:
        raise InputError(f"map: expected one map [y, x], found {_of_shape(values)}")
    found = np.asarray(found.reshape(found.shape[-2:]), np.float32)
    if not (found.min() >= 0 and found.max() < math.inf):
        raise InputError("map: expected finite values >= 0, found others; give no logarithms")
    return found


def _array(values: Any) -> NDArray[Any]:
    """An array of what may be a tensor, on any device and with a gradient."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if values.is_floating_point():
            values = values.float()  # NumPy knows no bfloat16
        values = values.numpy()
    return np.asarray(values)


def _of_shape(values: Any) -> str:
    return f"shape {list(np.shape(values))}"
