"""What a video or picture says of itself: size, rate, number of frames."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
from PIL import Image

from pipeline.runtime.errors import InputError

# `opened` refuses what Pillow would only warn of. Once for all, because threads share the filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PICTURES = {".jpg", ".jpeg", ".png"}
LONGEST = 16384
"""Pixels of a picture's side; a longer one belongs to no frame and no map of a video."""
LARGEST = 80_000_000
"""Pixels of a picture, at most."""
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What a picture raises that is damaged or absurdly large: Pillow has no error of its own."""
_NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001)
"""Rates that ffmpeg prints rounded to two decimals; a minute later that is a quarter of a frame."""


def is_picture(file: Path) -> bool:
    """Whether a file is a still picture, by its suffix."""
    return file.suffix.lower() in _PICTURES


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """A picture whose header makes sense; raises one of DAMAGED otherwise."""
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
    """Width, height (pixels) and frame rate (frames/s) of a video or image (rate 1).

    Raises:
        InputError: The file is missing or cannot be decoded.
    """
    if not video.is_file():
        raise InputError(f"{video}: no such file; docs/datasets.md shows the expected layout")
    try:
        if is_picture(video):
            return (*picture_size(video), 1.0)
        reader = imageio_ffmpeg.read_frames(video)
        facts = next(reader)
        reader.close()
    except (OSError, RuntimeError, StopIteration, KeyError) as error:
        raise InputError(f"{video}: not a video that ffmpeg can read; fetch it again") from error
    width, height = facts["source_size"]
    rate = float(facts["fps"])
    return width, height, next((exact for exact in _NTSC if abs(exact - rate) < 0.006), rate)


def count_frames(video: Path) -> int:
    """Frames of a video, counted without decoding them; 0 if ffmpeg cannot read it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(video), "-map", "0:v:0"]
    command += ["-c", "copy", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    counts = re.findall(rb"frame=\s*(\d+)", done.stderr)
    return int(counts[-1]) if counts else 0
