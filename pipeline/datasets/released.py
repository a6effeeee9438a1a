"""Fixation maps as released: gaze of all observers, already drawn, one picture a frame.

Observers: unknown, all in one map, so every point is nobody's and several fixations on one pixel
are one. Task, rate and screen are those of the recordings (`dhf1k`, `mathe`, `diem`). Released maps
are a ground truth of their own: those of UCF-Sports contain the gaze of observers with a task, and
the same network scores a CC of 0.510 on them and 0.367 on the paper's, so tables never mix them.

What the releases are, number being the digits at the end of a file's name:

- DHF1K: `annotation/0001/fixation/maps/0001.mat`, variable I, beside the video; 700 of 1,000.
  They mark more pixels than were looked at (`pipeline.datasets.dhf1k` says why).
- UCF-Sports, by the authors of DHF1K: `training/Diving-Side-001/fixation/Diving-Side_001_001.png`,
  0 or 255, beside `images/`; packed by others: `test/Diving-Side_001/fixation/maps/0001.mat`.
- Hollywood-2, by the same: a folder is a shot, `testing/actioncliptest00001_1/fixation/
  actioncliptest00001_00002.png`, and the number counts frames of the whole clip, so a shot's first
  is seldom 1. 205 shots have a single frame.
- DIEM, by the authors of STAViS: `annotations/DIEM/<video>/fixMap_00001.mat`, variable eyeMap,
  beside `video_frames/`.

Conventions: numbers count from 1. Beside a video, number k is its frame k; beside a folder of
pictures it is the picture of the same number. Where one counts from 0 and the other from 1, map and
picture are matched in order, and a finding says so (`pair`). A pixel that is not zero is a point at
its centre; JPEG blurs, so there it must reach half of white. A map of another size but the same
aspect is scaled to the video's. Fixations are few: a map with more than a tenth of its pixels
marked is taken for a density, and refused.

Known defects: a frame that nobody fixated may have no file, and a release may have maps of frames
that its pictures lack (dropped and counted).
"""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.mat import as_numbers, read_mat
from pipeline.datasets.records import NOBODY, Clip, Gaze, ReaderError, Samples, join, keep
from pipeline.raw.video import opened

_ASPECT = 0.01
"""Largest relative difference between the aspects of a map and its video."""
_JPEG_FIXATED = 128
"""Grey level from which a pixel of a JPEG is fixated; JPEG leaves traces beside every point."""
_MOST = 0.1
"""Share of marked pixels above which a map is a density. The 9 x 9 marks that each of 17 observers
can make in a frame of DHF1K are 0.006 of it."""
_MOST_UNUSED = 0.5
"""Share of maps without a picture above which maps and pictures are not of one release."""
_AGAIN = "fetch the release again"


class Pairing(NamedTuple):
    """Which map belongs to which frame."""

    maps: dict[int, Path]
    """Map of each frame, by the frame's index in `numbers`."""
    unused: list[Path]
    """Maps of no frame."""
    findings: tuple[str, ...]


def pair(files: Mapping[int, Path], numbers: Sequence[int], clip: str, *, cut: bool) -> Pairing:
    """Match maps by number to frames whose ascending numbers are given.

    Where one of the two counts from 0 and the other from 1, the first map is that of the first
    frame, and a finding says so. Of a clip that a split sheet has `cut`, maps may go on.

    Raises:
        ReaderError: Too many maps have no frame, or all numbers differ by a constant.
    """
    if not files or not numbers:
        return Pairing({}, list(files.values()), ())
    first, last = min(files), max(files)
    # By how much all numbers differ, if both ends do by the same.
    constant = first - numbers[0] if first - numbers[0] == last - numbers[-1] else 0
    shift = constant if abs(constant) == 1 else 0
    if first == 0 and numbers[0] == 1:
        shift = -1
    own = set(numbers)
    maps = {i: files[n + shift] for i, n in enumerate(numbers) if n + shift in files}
    unused = [number for number in sorted(files) if number - shift not in own]
    where = f"maps {first}-{last}, frames {numbers[0]}-{numbers[-1]} of {clip}"
    beyond = [
        number
        for number in unused
        if number - shift > numbers[0] and not (cut and number - shift > numbers[-1])
    ]
    if not maps or len(beyond) > _MOST_UNUSED * len(files) or abs(constant) > 1:
        raise ReaderError(
            f"{files[first].parent}: {where}: {len(unused)} of {len(files)} maps have no frame; "
            "renumber them so that each bears its frame's number, or correct gaze.files, "
            "density.files or frames.video in config.yaml (docs/datasets.md)"
        )
    findings = []
    if shift:
        findings.append(f"{where}: map {first} is read as that of frame {first - shift}, and so on")
    elif numbers[0] == 0 < first:
        findings.append(f"{where}: matched by number; frame 0 has no map")
    if beyond:
        findings.append(f"{where}: {len(beyond)} maps have no frame, first {beyond[0]}")
    return Pairing(maps, [files[number] for number in unused], tuple(findings))


def _number(path: Path) -> int:
    digits = re.search(r"[0-9]+$", path.stem)
    if digits is None:
        raise ReaderError(
            f"{path}: expected the name to end in the number of a frame, as 0001.png; correct "
            "gaze.files in config.yaml"
        )
    return int(digits[0])


def _decoded(path: Path) -> NDArray[Any]:
    """[y, x] or [y, x, channel] values without transparency, zero where nobody looked."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow only warns of pictures of absurd size
        with opened(path) as image:
            if image.format == "JPEG":
                return np.asarray(image.convert("L")) >= _JPEG_FIXATED
            if image.mode in ("P", "PA"):
                return np.asarray(image.convert("RGB"))
            values = np.asarray(image)
    return values[..., :-1] if image.mode in ("LA", "La", "RGBA", "RGBa") else values


def _picture(path: Path) -> NDArray[np.bool_]:
    try:
        values = _decoded(path)
    # Damaged pictures raise OSError, SyntaxError, ValueError, struct.error and more.
    except Exception as error:
        raise ReaderError(f"{path}: not a readable picture ({error!r:.200}); {_AGAIN}") from error
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise ReaderError(
                f"{path}: expected a fixation map in black and white, found a colour picture; "
                "correct gaze.files in config.yaml"
            )
        values = values[..., 0]
    return np.asarray(values != 0)


def _matrix(path: Path, variable: str | None) -> NDArray[np.bool_]:
    if variable is None:
        raise ReaderError(
            f"{path}: which of its variables is the fixation map? Set gaze.options.variable of "
            "this dataset in config.yaml (I in DHF1K's and UCF-Sports', eyeMap in STAViS')"
        )
    values = as_numbers(path, variable, read_mat(path, variable))
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ReaderError(
            f"{path}: expected {variable} to be a fixation map in two dimensions of finite "
            f"numbers, found the shape {values.shape}; {_AGAIN}"
        )
    return np.asarray(values != 0)


def _points(path: Path, clip: Clip, variable: str | None) -> Samples:
    """[(x, y), n] pixels of the video."""
    matlab = path.suffix.lower() == ".mat"
    fixated = _matrix(path, variable) if matlab else _picture(path)
    height, width = fixated.shape
    marked = np.count_nonzero(fixated)
    if marked > _MOST * fixated.size:
        raise ReaderError(
            f"{path}: looks like a density: {marked} of {fixated.size} pixels are not zero, more "
            "than a tenth; point gaze.files in config.yaml at the fixation maps"
        )
    if abs(width * clip.height / (height * clip.width) - 1) > _ASPECT:
        raise ReaderError(
            f"{path}: the fixation map has {width} x {height} pixels, the frames of {clip.name} "
            f"{clip.width} x {clip.height}, which is another aspect; use frames and maps of one "
            "release"
        )
    y, x = np.nonzero(fixated)
    return np.stack([(x + 0.5) * clip.width / width, (y + 0.5) * clip.height / height]) - 0.5


def _by_number(files: Sequence[Path], clip: Clip) -> dict[int, Path]:
    if not files:
        raise ReaderError(f"{clip.name}: no fixation map; correct gaze.files in config.yaml")
    found: dict[int, Path] = {}
    for path in files:
        number = _number(path)
        if number in found:
            raise ReaderError(
                f"{path}: frame {number} of {clip.name} is also {found[number]}; "
                "correct gaze.files in config.yaml so that only one is read"
            )
        found[number] = path
    return dict(sorted(found.items()))


def read(files: Sequence[Path], clip: Clip, *, variable: str | None = None) -> Gaze:
    """Return the fixated pixels of one clip, from one .png, .jpg or .mat per frame.

    A frame without a file has no point. `variable` is the name of the map in .mat files.

    Raises:
        ReaderError: No file, two of one frame, or one that is damaged, a density, or of another
            aspect; or maps and frames that `pair` refuses.
    """
    numbers = clip.numbers or range(1, clip.frames + 1)
    found = pair(_by_number(files, clip), numbers, clip.name, cut=clip.cut)
    parts = []
    for index, path in [*found.maps.items(), *((-1, path) for path in found.unused)]:
        x, y = _points(path, clip, variable)
        absent = np.full(len(x), index < 0)
        frame = np.full(len(x), float(index))
        parts.append(keep(frame, x, y, NOBODY, [("frame_without_picture", absent)]))
    return replace(join(parts), findings=found.findings)
