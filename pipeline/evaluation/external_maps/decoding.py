"""Pictures and arrays to float32 maps [y, x], unscaled, and what is odd about each."""

import math
import warnings
from io import BytesIO
from typing import IO, Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.evaluation.external_maps.findings import Kind, MapError
from pipeline.raw.video import DAMAGED, LARGEST, LONGEST

# What cannot be decoded becomes a finding; OpenCV would print several lines for each.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # Pillow, likewise

_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue (ITU-R BT.601)."""


class Raw(NamedTuple):
    """A map as it is in its file: [y, x] or [y, x, channel], red first; or with an axis of 1."""

    values: NDArray[Any]
    kinds: tuple[Kind, ...] = ()


def decoded(name: str, content: bytes) -> Raw:
    """Decode a picture or .npy file at its full depth.

    Raises:
        MapError: It is empty, or not whole.
    """
    if name.lower().endswith(".npy"):
        return Raw(read_array(BytesIO(content)))
    _refuse_huge(content)
    if not content:
        raise MapError("truncated", "it is empty")
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise MapError("truncated", f"{len(content)} bytes that are no whole picture")
    if values.ndim == 3 and values.shape[2] in (3, 4):
        values = values[:, :, [2, 1, 0, 3][: values.shape[2]]]
    return Raw(values, ("jpeg",) if content.startswith(b"\xff\xd8") else ())


def _refuse_huge(content: bytes) -> None:
    try:
        with Image.open(BytesIO(content)) as image:
            width, height = image.size
    except DAMAGED:
        return  # OpenCV knows some pictures that Pillow does not
    if max(width, height) > LONGEST or width * height > LARGEST:
        raise MapError("truncated", f"its header says {width} x {height} pixels")


def read_array(file: IO[bytes]) -> NDArray[Any]:
    """Read a whole .npy file."""
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def map_of(raw: Raw) -> tuple[NDArray[np.float32], dict[str, str]]:
    """Return a map as float32 [y, x], and what is odd about it: kind of finding -> detail.

    Raises:
        MapError: It is no map, or holds NaN or infinity.
    """
    values = _flat(raw.values)
    if values.dtype.kind not in "buif" or not values.size:
        raise MapError("not_a_map", f"{values.dtype} of shape {values.shape}")
    kinds: dict[str, str] = dict.fromkeys(raw.kinds, "")
    if values.ndim == 3:
        values = _grey(values, kinds)
    elif values.ndim != 2:
        raise MapError("not_a_map", f"an array of shape {values.shape}")
    dtype = raw.values.dtype
    if dtype.kind in "bui" and dtype.itemsize <= 2:
        kinds["eight_bit" if dtype.itemsize == 1 else "sixteen_bit"] = ""
    with np.errstate(over="ignore"):  # infinity is what is looked for next
        result = np.ascontiguousarray(values, np.float32)
    kinds |= _value_kinds(result)
    kinds["size"] = f"{result.shape[1]}x{result.shape[0]}"
    return result, kinds


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """Drop an axis of length 1 in front or behind."""
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        return values.squeeze(0 if values.shape[0] == 1 else 2)
    return values


def _grey(values: NDArray[Any], kinds: dict[str, str]) -> NDArray[Any]:
    """Return a picture [y, x, channel] as [y, x]; add what was done to `kinds`."""
    channels = values.shape[2]
    if channels not in (2, 3, 4):
        raise MapError("not_a_map", f"an array of shape {values.shape}")
    if channels in (2, 4):
        kinds["alpha_channel"] = ""
    colours = values[:, :, : 1 if channels == 2 else 3]
    if (colours == colours[:, :, :1]).all():
        return colours[:, :, 0]
    kinds["colour"] = ""
    return np.asarray(colours.astype(np.float32) @ _LUMINANCE)


def _value_kinds(values: NDArray[np.float32]) -> dict[str, str]:
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        wrong = values.size - int(np.count_nonzero(np.isfinite(values)))
        raise MapError("not_finite", f"{wrong} values of {values.size} that are NaN or infinite")
    if low == high:
        return {"constant_map": f"{low:g}"} if low else {"zero_map": ""}
    return {"negative": f"some as low as {low:g}"} if low < 0 else {}
