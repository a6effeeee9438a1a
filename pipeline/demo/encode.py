"""Videos, pictures and Matlab files whose bytes depend on their content only."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from pipeline.datasets.records import Clip
from pipeline.raw.ffmpeg import write_frames

_CODECS: dict[str, dict[str, Any]] = {
    ".avi": {"vcodec": "mpeg4", "vtag": "xvid", "q:v": 2},
    ".mp4": {"vcodec": "libx264", "crf": 14, "preset": "fast"},
}
# The text at the head of a Matlab 5 file has 116 bytes.
_MAT_TEXT = b"MATLAB 5.0 MAT-file, drawn by pipeline.demo".ljust(116)


def write_video(path: Path, clip: Clip, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Encode RGB frames [y, x, channel]; the file's suffix chooses the codec.

    Raises:
        InputError: ffmpeg failed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (clip.height, clip.width, 3)
    with write_frames(path, shape, clip.rate, **_CODECS[path.suffix.lower()]) as write:
        for frame in frames:
            write(frame)


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Save an RGB picture [y, x, channel] as JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=92)


def write_mat(path: Path, variables: Mapping[str, object]) -> None:
    """Save a Matlab 5 file without the date that SciPy puts into its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(variables), do_compression=True, oned_as="row")
    with path.open("r+b") as file:
        file.write(_MAT_TEXT)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Save a text file with the same bytes on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
