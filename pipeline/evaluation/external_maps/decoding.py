"""Pictures and arrays to float32 maps [y, x], unscaled, and what is odd about each.

Whatever a header announces is compared with the limits, and with the bytes that there are, before
memory is taken for it.
"""

import math
import warnings
from io import BytesIO
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.evaluation.external_maps.findings import Kind, MapError, shortened
from pipeline.evaluation.external_maps.png import SIGNATURE, bare
from pipeline.raw.video import LARGEST, LONGEST

# What cannot be decoded becomes a finding; OpenCV would print several lines for each.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # Pillow, likewise

LARGEST_MAP: Final = LARGEST // 4
"""Largest number of pixels in a map: protocols hold it several times, and in float64."""
MOST: Final = 4 * LARGEST
"""Largest number of bytes in a map's file, and of its values."""
HEADER: Final = 10_240
"""Bytes of a .npy file that hold its header: NumPy reads no header of more than 10,000."""
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SIDES: Final = ((257, 323), (256, 322))
"""Tags of a TIFF's height and width, each with that of its tiles, which are decoded as a whole."""
_BITS, _SAMPLES = 258, 277
"""Tags of a TIFF's values: bits of each, and how many a pixel has."""
_JPEG: Final = b"\xff\xd8"
_SCAN, _SCANS = b"\xff\xda", 100
"""What begins a scan of a JPEG, each of which costs a pass over all pixels; encoders write ten."""
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue (ITU-R BT.601)."""
_ROWS: Final = 256
"""Rows of a coloured picture that become grey at once."""


class Raw(NamedTuple):
    """A map as it is in its file: [y, x] or [y, x, channel], red first; or with an axis of 1."""

    values: NDArray[Any]
    kinds: tuple[Kind, ...] = ()


class ArrayHeader(NamedTuple):
    """What the header of a .npy file announces."""

    shape: tuple[int, ...]
    fortran: bool
    """Whether the values are in Fortran's order."""
    dtype: np.dtype[Any]
    start: int
    """Bytes in front of the values."""


def decoded(name: str, content: bytes) -> Raw:
    """Decode a picture or .npy file at its full depth.

    Raises:
        MapError: It is empty, not whole, too large, or an array of something else than numbers.
    """
    if name.lower().endswith(".npy"):
        shape, fortran, dtype, start = array_header(content[:HEADER], len(content))
        values = np.frombuffer(content, dtype, math.prod(shape), start)
        return Raw(values.reshape(shape, order="F" if fortran else "C"))
    if not content:
        raise MapError("truncated", "it is empty")
    height, width = _announced(content)
    if content.startswith(SIGNATURE):
        # At most four values of 16 bits a pixel, and in each row and pass the number of a filter.
        content = bare(content, 8 * height * width + 16 * height + 64)
    elif content.startswith(_JPEG) and content.count(_SCAN) > _SCANS:
        raise MapError("too_large", f"a JPEG of {content.count(_SCAN)} scans")
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise MapError("truncated", f"{len(content)} bytes that are no whole picture")
    if picture.ndim == 3 and picture.shape[2] == 3:
        picture = picture[:, :, ::-1]
    elif picture.ndim == 3 and picture.shape[2] == 4:
        picture[:, :, [0, 2]] = picture[:, :, [2, 0]]
    return Raw(picture, ("jpeg",) if content.startswith(_JPEG) else ())


def array_header(first: bytes, size: int) -> ArrayHeader:
    """Read the header of a .npy file of `size` bytes, of which the first are given.

    Raises:
        MapError: It is no array of numbers, or announces more than there is.
    """
    file = BytesIO(first)
    one = np.lib.format.read_magic(file) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.kind not in "buif" or min(shape, default=0) < 1:
        raise MapError("not_a_map", shortened(f"{dtype} of shape {shape}"))
    needed = file.tell() + math.prod(shape) * dtype.itemsize
    if needed > size:
        raise MapError("truncated", f"its header announces {needed} bytes, it has {size}")
    return ArrayHeader(shape, fortran, dtype, file.tell())


def refuse_large(height: int, width: int, values: int) -> None:
    """Refuse a map of too many pixels, or whose values take too many bytes.

    Raises:
        MapError: It is too large.
    """
    if height * width > LARGEST_MAP or max(height, width) > LONGEST or values > MOST:
        raise MapError("too_large", shortened(f"{width}x{height} pixels of {values} bytes"))


def _announced(content: bytes) -> tuple[int, int]:
    """Height and width of a picture within the limits; OpenCV alone would believe a gigapixel."""
    if content.startswith(_TIFF):
        height, width, values = _tiff_size(content)
        refuse_large(height, width, values)
        return height, width
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG", "BMP")) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise MapError("truncated", f"{len(content)} bytes that are no whole picture") from None
    refuse_large(height, width, height * width)
    return height, width


def _tiff_size(content: bytes) -> tuple[int, int, int]:
    """Height and width in pixels, and bytes of a TIFF's values; Pillow opens few deep ones."""
    file = BytesIO(content)
    tags = ImageFileDirectory_v2(file.read(16 if b"+" in content[2:4] else 8))
    file.seek(tags.next)
    tags.load(file)
    height, width = (max(int(tags.get(one, 0)), int(tags.get(tile, 1))) for one, tile in _SIDES)
    bits = tags.get(_BITS, 1)
    bits = max(map(int, bits)) if isinstance(bits, tuple) else int(bits)
    return height, width, height * width * int(tags.get(_SAMPLES, 1)) * math.ceil(bits / 8)


def map_of(raw: Raw) -> tuple[NDArray[np.float32], dict[str, str]]:
    """Return a map as float32 [y, x], and what is odd about it: kind of finding -> detail.

    Raises:
        MapError: It is no map, too large, or holds NaN or infinity.
    """
    values = _flat(raw.values)
    if values.dtype.kind not in "buif" or not values.size:
        raise MapError("not_a_map", f"{values.dtype} of shape {values.shape}")
    if values.ndim not in (2, 3):
        raise MapError("not_a_map", f"an array of shape {values.shape}")
    refuse_large(values.shape[0], values.shape[1], values.nbytes)
    kinds: dict[str, str] = dict.fromkeys(raw.kinds, "")
    if values.ndim == 3:
        values = _grey(values, kinds)
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
    first = values[:, :, 0]
    if channels == 2 or all(np.array_equal(values[:, :, i], first) for i in (1, 2)):
        return first
    kinds["colour"] = ""
    grey = np.empty(first.shape, np.float32)
    for top in range(0, len(grey), _ROWS):
        rows = slice(top, top + _ROWS)
        with np.errstate(over="ignore"):
            grey[rows] = values[rows, :, :3].astype(np.float32) @ _LUMINANCE
    return grey


def _value_kinds(values: NDArray[np.float32]) -> dict[str, str]:
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        wrong = values.size - int(np.count_nonzero(np.isfinite(values)))
        raise MapError("not_finite", f"{wrong} values of {values.size} that are NaN or infinite")
    if low == high:
        return {"constant_map": f"{low:g}"} if low else {"zero_map": ""}
    return {"negative": f"some as low as {low:g}"} if low < 0 else {}
