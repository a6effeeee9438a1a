"""Size and rate of a video or picture, and pictures whose headers make sense."""

import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from pipeline.raw.ffmpeg import FfmpegError, probe_video
from pipeline.raw.patterns import numbered_files, stays_inside, video_file, within_range
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError

# `opened` refuses pictures of which Pillow only warns. Set once, because threads share the filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PICTURES = {".jpg", ".jpeg", ".png"}
LONGEST = 16384
"""Largest side of a picture in pixels; no frame or map of a video is larger."""
LARGEST = 80_000_000
"""Largest number of pixels in a picture."""
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""Errors that a damaged or absurdly large picture raises: Pillow has no error of its own."""
_NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001)
"""Exact rates that ffmpeg rounds to two decimals, which adds up to a quarter frame a minute."""


def is_picture(file: Path) -> bool:
    """Whether a file is a still picture, by its suffix."""
    return file.suffix.lower() in _PICTURES


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """Open a picture whose header makes sense; raise one of DAMAGED for any other."""
    with Image.open(file) as image:
        if max(image.size) > LONGEST or math.prod(image.size) > LARGEST:
            raise ValueError(f"{image.width} x {image.height} pixels")
        yield image


def picture_size(file: Path) -> tuple[int, int]:
    """Width and height of an image in pixels, from its header.

    Raises:
        InputError: The file is missing, not an image, or of absurd dimensions.
    """
    try:
        with opened(file) as image:
            return image.width, image.height
    except DAMAGED as error:
        raise InputError(
            f"{file}: not an image that can be read ({error}); fetch it again"
        ) from None


def probe(video: Path) -> tuple[int, int, float]:
    """Width, height (pixels) and frame rate (frames/s) of a video, or of a picture (rate 1).

    Raises:
        InputError: The file is missing or cannot be decoded.
    """
    if not video.is_file():
        raise InputError(f"{video}: no such file; docs/datasets.md shows the expected layout")
    if is_picture(video):
        return (*picture_size(video), 1.0)
    try:
        width, height, rate, _ = probe_video(video)
    except FfmpegError as error:
        raise InputError(f"{video}: not a video that ffmpeg can read; fetch it again") from error
    return width, height, next((exact for exact in _NTSC if abs(exact - rate) < 0.006), rate)


def numbered_pictures(
    raw: Path, pattern: str, clip: SheetClip
) -> tuple[dict[int, Path], list[int], tuple[int, int]]:
    """Return a clip's pictures by number, the numbers missing from its range, and (width, height).

    Raises:
        InputError: No picture is in the range, sizes differ, or a file leads out of the folder.
    """
    files, absent = within_range(numbered_files(raw, pattern, clip.name, clip.split), clip)
    where = video_file(raw, pattern, clip.name, clip.split)
    if not files:
        raise InputError(
            f"{where}: no picture in the range of the split sheet; "
            "docs/datasets.md shows the expected layout"
        )
    stays_inside(raw, files.values())
    sizes = {picture_size(file): file for file in files.values()}
    if len(sizes) > 1:
        raise InputError(f"{where}: pictures of several sizes, {sizes}; fetch the folder again")
    return files, absent, next(iter(sizes))
