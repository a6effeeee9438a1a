"""Size and times of a video or picture, and pictures whose headers make sense."""

import math
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from pipeline.raw.ffmpeg import LARGEST_FRAME, FfmpegError, probe_video
from pipeline.raw.patterns import numbered_files, stays_inside, video_file, within_range
from pipeline.raw.splits import SheetClip
from pipeline.raw.timing import STILL, StampError, Timing
from pipeline.runtime.errors import InputError

# `opened` refuses pictures of which Pillow only warns. Set once, because threads share the filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PICTURES = {".jpg", ".jpeg", ".png"}
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
"""What a picture may be, whatever its name says; nothing that is a program, as PostScript is."""
_EXIF = "exif"
"""Where Pillow keeps the EXIF data of a header."""
_TURNED = {5, 6, 7, 8}
"""Orientations of EXIF that turn a picture by a quarter."""
_WHITE_OF_16_BITS = 65535
LONGEST = 16384
"""Largest side of a picture in pixels; no frame or map of a video is larger."""
LARGEST = LARGEST_FRAME
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


def is_picture(file: Path) -> bool:
    """Whether a file is a still picture, by its suffix."""
    return file.suffix.lower() in _PICTURES


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """Open a picture whose header makes sense; raise one of DAMAGED for any other."""
    if not file.is_file():
        raise OSError("no regular file")
    with Image.open(file, formats=_FORMATS) as image:
        if max(image.size) > LONGEST or math.prod(image.size) > LARGEST:
            raise ValueError(f"{image.width} x {image.height} pixels")
        yield image


def read_picture(file: Path) -> Image.Image:
    """Return a picture in RGB of 8 bits, turned as it says that it is to be shown.

    Raises:
        InputError: It is damaged, of absurd dimensions, or does not say what was on the screen:
            transparent, or in numbers of which nobody knows the brightest.
    """
    try:
        with opened(file) as image:
            if image.mode in ("I", "F"):
                raise InputError(
                    f"{file}: its numbers have no known white (mode {image.mode}); "
                    "save it with 8 or 16 bits"
                )
            upright = ImageOps.exif_transpose(image) if _EXIF in image.info else image
            if upright.mode.startswith("I;16"):
                grey = np.asarray(upright).astype(np.float64) / _WHITE_OF_16_BITS * 255
                upright = Image.fromarray(np.rint(grey).astype(np.uint8))
            elif upright.has_transparency_data and _least_alpha(upright) < 255:
                raise InputError(
                    f"{file}: parts of it are transparent; save it on the ground that was shown"
                )
            return upright.convert("RGB")
    except InputError:  # one of DAMAGED itself
        raise
    except DAMAGED as error:
        raise InputError(f"{file}: broken image ({error}); fetch it again") from error


def _least_alpha(image: Image.Image) -> int:
    bands = image if "A" in image.getbands() else image.convert("RGBA")
    return int(np.asarray(bands.getchannel("A")).min())


def picture_size(file: Path) -> tuple[int, int]:
    """Width and height of an image in pixels, as it is shown, from its header.

    Raises:
        InputError: The file is missing, not an image, or of absurd dimensions.
    """
    try:
        with opened(file) as image:
            # Without the check, Pillow decodes a PNG to look behind its pixels.
            facts = image.getexif() if _EXIF in image.info else {}
            turned = facts.get(ExifTags.Base.Orientation) in _TURNED
            return (image.height, image.width) if turned else image.size
    except DAMAGED as error:
        raise InputError(
            f"{file}: not an image that can be read ({error}); fetch it again"
        ) from None


def probe(
    video: Path, rate: float | None = None, *, square: bool = False
) -> tuple[int, int, Timing]:
    """Width and height in pixels of a video or a picture as it is shown, and its frames' times.

    A video is resampled to `rate` frames/s, unless that is None. One that is to be turned is
    turned; `square` takes its pixels for square, whatever it says.

    Raises:
        InputError: The file is missing or cannot be decoded.
    """
    if not video.is_file():
        raise InputError(f"{video}: no such file; docs/datasets.md shows the expected layout")
    if not os.access(video, os.R_OK):
        raise InputError(f"{video}: no permission to read it; change its permissions")
    if is_picture(video):
        return (*picture_size(video), STILL)
    try:
        facts = probe_video(video)
        timing = facts.timing if rate is None else facts.timing.resampled(rate)
    except (FfmpegError, StampError) as error:
        raise InputError(
            f"{video}: not a video that ffmpeg can read ({error}); fetch it again"
        ) from error
    return (*facts.shown(square=square), timing)


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
        found = ", ".join(f"{w} x {h} ({file})" for (w, h), file in sizes.items())
        raise InputError(f"{where}: pictures of several sizes, {found}; fetch the folder again")
    return files, absent, next(iter(sizes))
