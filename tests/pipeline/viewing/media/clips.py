"""Small clips of every awkward kind, drawn by ffmpeg on the fly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from pipeline.viewing.media.film import Film, Reader

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
LOSSLESS = ("-c:v", "ffv1")
TONE = "sine=frequency=500:sample_rate=48000"


def ffmpeg(*arguments: object, content: bytes | None = None) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, input=content, check=True)


def clip(
    path: Path, *options: object, size: str = "64x48", rate: object = 25, seconds: object = 1
) -> Path:
    """A test pattern that moves."""
    source = f"testsrc2=size={size}:rate={rate}:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, *(options or X264), path)
    return path


def drawn(path: Path, pictures: np.ndarray, *options: object) -> Path:
    """Pictures [t, y, x, 3] at 25 frames/s."""
    size = f"{pictures.shape[2]}x{pictures.shape[1]}"
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", 25, "-i", "-")
    ffmpeg(*raw, *options, path, content=pictures.tobytes())
    return path


def sounding(path: Path, *options: object, seconds: object = 2) -> Path:
    """A test pattern with a tone that begins after one second."""
    source = f"testsrc2=size=64x48:rate=25:duration={seconds}"
    heard = f"{TONE}:duration={seconds},volume='gte(t,1)':eval=frame"
    ffmpeg("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", heard, *X264, *options, path)
    return path


def plain(path: Path, colour: str, *options: object, size: str = "64x48") -> Path:
    """Five frames of one colour, which may be transparent."""
    source = f"color={colour}:size={size}:rate=25:duration=0.2,format=rgba"
    ffmpeg("-f", "lavfi", "-i", source, *options, path)
    return path


def frames(film: Film, size: tuple[int, int] | None = None, first: int = 0) -> np.ndarray:
    """All frames, [t, y, x, 3]."""
    with Reader(film, size, first) as reader:
        taken = []
        while block := reader.take(7):
            taken.extend(block)
    return np.stack(taken)
