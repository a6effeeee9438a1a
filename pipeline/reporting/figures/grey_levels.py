"""Maps as 8-bit grey levels, and names that are safe for their files."""

from typing import Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from PIL import Image

from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FLOW, Kind

Picture = NDArray[np.uint8]
"""Grey [y, x] or RGB [y, x, channel]."""


class Extent(NamedTuple):
    """Smallest and largest value of a frame or clip; for FLOW, of its speed."""

    low: float
    high: float


def extent_of(kind: Kind, values: NDArray[np.float32]) -> Extent:
    """The extent of one map or flow field."""
    size = np.hypot(values[0], values[1]) if kind is FLOW else values
    return Extent(float(size.min()), float(size.max()))


def grey(values: NDArray[np.float32], extent: Extent) -> Picture:
    """Map [y, x] as grey levels: zero and below black, the extent's maximum 255."""
    # Constant, or nothing above zero: there is nothing to see.
    if extent.high <= max(0.0, extent.low):
        return np.zeros(values.shape, np.uint8)
    levels = np.rint(values.clip(0) / np.float32(extent.high) * 255)
    # A frame may exceed the extent by a rounding error.
    return levels.clip(0, 255).astype(np.uint8)


def bilinear(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Map [y, x] resized to height and width, bilinearly so that nothing overshoots a peak."""
    if values.shape == shape:
        return values
    picture = Image.fromarray(values).resize(shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture, np.float32)


def finite(array: zarr.Array[Any], index: int) -> NDArray[np.float32]:
    """A stored map or flow.

    Raises:
        InputError: It has a value that is infinite or NaN.
    """
    values = np.asarray(array[index], np.float32)
    if not np.isfinite(values).all():
        where = str(array.store_path).removeprefix("file://")
        raise InputError(f"{where}: frame {index + 1} is not finite; make the store again")
    return values


def safe_name(name: str, what: str) -> str:
    """The name itself, if a file or folder may bear it.

    Raises:
        InputError: The name would lead out of its folder.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
        raise InputError(f"{what} {name!r}: not a plain file name; rename it without / and ..")
    return name
