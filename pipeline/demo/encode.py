"""Videos, pictures and Matlab files whose bytes depend on their content only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from pipeline.datasets.records import Clip
from pipeline.runtime.errors import InputError

_CODECS = {
    ".avi": {"vcodec": "mpeg4", "vtag": "xvid", "q:v": 2},
    ".mp4": {"vcodec": "libx264", "crf": 14, "preset": "fast"},
}
# One thread, no date, no version: the same frames give the same bytes.
_REPEATABLE = {
    "threads": 1,
    "fflags": "+bitexact",
    "flags:v": "+bitexact",
    "map_metadata": -1,
    "pix_fmt": "yuv420p",
}
_MAT_TEXT = b"MATLAB 5.0 MAT-file, drawn by pipeline.demo.draw"
_MAT_TEXT_LENGTH = 116


def write_video(path: Path, clip: Clip, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Encodes RGB frames [y, x, channel]; the file's suffix chooses the codec.

    Raises:
        InputError: ffmpeg failed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    source = ffmpeg.input(
        "pipe:",
        format="rawvideo",
        pix_fmt="rgb24",
        s=f"{clip.width}x{clip.height}",
        framerate=clip.rate,
    )
    target = source.output(str(path), **_CODECS[path.suffix.lower()], **_REPEATABLE)
    content = b"".join(frame.tobytes() for frame in frames)
    try:
        target.overwrite_output().run(
            cmd=imageio_ffmpeg.get_ffmpeg_exe(), input=content, quiet=True
        )
    except ffmpeg.Error as error:
        message = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise InputError(f"{path}: ffmpeg could not encode it: {' '.join(message)}") from error


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Saves an RGB picture [y, x, channel] as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=92)


def write_mat(path: Path, variables: Mapping[str, object]) -> None:
    """Saves a Matlab 5 file, without the date that SciPy puts into its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(variables), do_compression=True, oned_as="row")
    with path.open("r+b") as file:
        file.write(_MAT_TEXT.ljust(_MAT_TEXT_LENGTH))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Saves a text file, the same on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
