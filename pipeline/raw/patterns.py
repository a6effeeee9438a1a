"""Where a clip's raw files lie: the patterns of config.yaml turned into paths.

Snakemake declares with this what a job reads, and the job finds with this what it reads. Nothing
outside a dataset's raw folder is read, wherever a name or a link may point.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pipeline.config.data import Dataset, DatasetGaze, ReleasedDensity
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError

_FIELD = re.compile(r"\{(\w+)\}")


def _regex(pattern: str) -> re.Pattern[str]:
    parts = _FIELD.split(pattern)
    text, seen = "", set[str]()
    for i, part in enumerate(parts):
        if i % 2 == 0:
            text += "[^/]*".join(map(re.escape, part.split("*")))
        elif part == "frame":
            text += r"(?P<frame>\d+)"
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>[^/]+?)"
            seen.add(part)
    return re.compile(text)


@cache
def _entries(folder: Path) -> tuple[str, ...]:
    """Names in a folder, sorted; without those that begin with a dot, which macOS leaves behind."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")))


def _walk(folder: Path, pieces: list[str], below: str = "") -> Iterable[str]:
    """Paths below a folder that fit a pattern piece by piece; each folder is listed once."""
    piece, *rest = pieces
    if _FIELD.search(piece) or "*" in piece:
        form = _regex(piece)
        names = tuple(name for name in _entries(folder) if form.fullmatch(name))
    else:
        names = (piece,)
    for name in names:
        if rest:
            yield from _walk(folder / name, rest, f"{below}{name}/")
        else:
            yield below + name


@cache
def _by_clip(root: Path, pattern: str) -> dict[tuple[str, str], tuple[str, ...]]:
    regex = _regex(pattern)
    found: dict[tuple[str, str], list[str]] = {}
    for path in _walk(root, pattern.split("/")):
        if match := regex.fullmatch(path):
            fields = match.groupdict()
            key = (fields.get("clip", ""), fields.get("split", ""))
            found.setdefault(key, []).append(str(root / path))
    return {key: tuple(sorted(paths)) for key, paths in found.items()}


def _filled(pattern: str, clip: str, split: str) -> str:
    return pattern.replace("{clip}", clip).replace("{split}", split)


def video_file(root: Path, pattern: str, clip: str, split: str) -> Path:
    """The raw video (or image) of a clip, whether it exists or not."""
    return root / _filled(pattern, clip, split)


def numbered_files(root: Path, pattern: str, clip: str, split: str) -> dict[int, Path]:
    """The files of a clip that fit a pattern with {frame}, by that number, ascending.

    A pattern without {frame} gives its one path as number 1, whether it exists or not.

    Raises:
        InputError: Two files bear the same number.
    """
    filled = _filled(pattern, clip, split)
    if "{frame}" not in filled:
        return {1: root / filled}
    regex = _regex(filled)
    found: dict[int, Path] = {}
    for path in _walk(root, filled.split("/")):
        if match := regex.fullmatch(path):
            number = int(match["frame"])
            if number in found:
                raise InputError(
                    f"{root / path}: frame {number} of {clip} is also {found[number].name}; "
                    "remove the one that does not belong there"
                )
            found[number] = root / path
    return dict(sorted(found.items()))


def asked_for(files: Mapping[int, Path], clip: SheetClip) -> tuple[dict[int, Path], list[int]]:
    """Of a clip's numbered files those within the range of its sheet, and the numbers that lack."""
    first = clip.first or min(files, default=1)
    last = clip.last or max(files, default=0)
    within = {number: file for number, file in files.items() if first <= number <= last}
    return within, sorted(set(range(first, last + 1)) - within.keys())


def listing(root: Path, pattern: str, clips: Iterable[SheetClip]) -> str:
    """Digest of the names and sizes of numbered files, by which a job notices that they changed.

    There are too many of them to be declared one by one. Empty for a pattern without {frame}.
    """
    if "{frame}" not in pattern:
        return ""
    digest = hashlib.sha256()
    for clip in clips:
        for file in numbered_files(root, pattern, clip.name, clip.split).values():
            digest.update(f"{file}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def tree_digest(place: Path) -> str:
    """Digest of the names, sizes and dates of the files of a folder, or of one file."""
    digest = hashlib.sha256()
    files = place.rglob("*") if place.is_dir() else [place]
    for file in sorted(file for file in files if file.is_file()):
        facts = file.stat()
        digest.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def stays_inside(root: Path, files: Iterable[Path]) -> None:
    """Refuses files that lie outside a dataset's raw folder once links are followed.

    Raises:
        InputError: Names the first such file and where it leads.
    """
    base = os.path.realpath(root)
    for file in files:
        real = os.path.realpath(file)
        if os.path.commonpath([base, real]) != base:
            raise InputError(
                f"{file}: leads to {real}, outside {root}; put the file there itself, or make "
                "the whole raw folder the link"
            )


def gaze_files(root: Path, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """The raw gaze files of a clip.

    A pattern with {observer} gives the files of `gaze.observers`, or, where that is null, every
    file that is there; one with {frame} every file that is there; another its one path, whether it
    exists or not.
    """
    return [file for pattern in gaze.files for file in fitting(root, pattern, gaze, clip, split)]


def fitting(root: Path, pattern: str, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """The raw files of a clip that one pattern of a dataset stands for."""
    if "{observer}" not in pattern:
        return list(numbered_files(root, pattern, clip, split).values())
    if gaze.observers is not None:
        filled = _filled(pattern, clip, split)
        return [root / filled.replace("{observer}", observer) for observer in gaze.observers]
    key = (clip if "{clip}" in pattern else "", split if "{split}" in pattern else "")
    return [Path(file) for file in _by_clip(root, pattern).get(key, ())]


def patterns(dataset: Dataset) -> list[str]:
    """Every pattern of a dataset's raw files: pictures, gaze, and maps if they are released."""
    density = dataset.density
    maps = [density.files] if isinstance(density, ReleasedDensity) else []
    return [dataset.frames.video, *dataset.gaze.files, *maps]


def clips_of(root: Path, pattern: str) -> dict[tuple[str, str], int]:
    """Files of a raw folder that fit a pattern, by (clip, split); "" where the path names none."""
    return {key: len(files) for key, files in _by_clip(root, pattern).items()}


def clips_with_video(root: Path, pattern: str) -> list[str]:
    """Names of all clips whose video or pictures lie in a raw folder, in C order."""
    return sorted({clip for clip, _ in clips_of(root, pattern)})
