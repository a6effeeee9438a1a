"""Raw files of a clip: the patterns of config.yaml turned into paths.

Snakemake declares the inputs of a job with these functions, and the job finds its inputs with them.
Nothing outside a dataset's raw folder is read, wherever a name or a link may point.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from pipeline.config.data import Dataset, DatasetGaze, ReleasedDensity
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError

_FIELD = re.compile(r"\{(\w+)\}")


def expression(pattern: str) -> re.Pattern[str]:
    """Return the pattern as a regular expression, with a group for each {field}."""
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
def entries(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder, sorted, without hidden files, which macOS leaves behind.

    Raises:
        InputError: It may not be listed.
    """
    try:
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed ({error.strerror}); change its permissions"
        ) from None
    return tuple(sorted(name for name in names if not name.startswith(".")))


@cache
def facts(file: str) -> os.stat_result | None:
    """What the disk says of a file, asked once; None if it is not there, whatever its name."""
    try:
        return os.stat(file)  # noqa: PTH116 - a Path for each would take twice as long
    except (OSError, ValueError):
        return None


def readable(file: str) -> bool:
    """Whether a file was there, and might be read, when it was first asked for."""
    found = facts(file)
    if found is None or not stat.S_ISREG(found.st_mode):
        return False
    everybody = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
    return found.st_mode & everybody == everybody or os.access(file, os.R_OK)


def _walk(folder: Path, pieces: list[str], below: str = "") -> Iterable[str]:
    """Paths below a folder that fit a pattern piece by piece; each folder is listed once."""
    piece, *rest = pieces
    if _FIELD.search(piece) or "*" in piece:
        regex = expression(piece)
        names = tuple(name for name in entries(folder) if regex.fullmatch(name))
    else:
        names = (piece,)
    for name in names:
        if rest:
            yield from _walk(folder / name, rest, f"{below}{name}/")
        else:
            yield below + name


@cache
def _by_clip(root: Path, pattern: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(clip, split) -> files that fit a pattern, sorted."""
    regex = expression(pattern)
    found: dict[tuple[str, str], list[str]] = {}
    for path in _walk(root, pattern.split("/")):
        if match := regex.fullmatch(path):
            fields = match.groupdict()
            key = (fields.get("clip", ""), fields.get("split", ""))
            found.setdefault(key, []).append(f"{root}/{path}")
    return {key: tuple(sorted(paths)) for key, paths in found.items()}


def _filled(pattern: str, clip: str, split: str) -> str:
    return pattern.replace("{clip}", clip).replace("{split}", split)


def video_file(root: Path, pattern: str, clip: str, split: str) -> Path:
    """Return the path of a clip's raw video or image, whether it exists or not."""
    return root / _filled(pattern, clip, split)


def numbered_files(root: Path, pattern: str, clip: str, split: str) -> dict[int, Path]:
    """Return number -> file for the files of a clip that fit a pattern with {frame}, ascending.

    A pattern without {frame} gives its one path as number 1, whether it exists or not.

    Raises:
        InputError: Two files bear the same number.
    """
    filled = _filled(pattern, clip, split)
    if "{frame}" not in filled:
        return {1: root / filled}
    regex = expression(filled)
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


_MOST_ABSENT = 1_000_000
"""Numbers of pictures that are listed as missing: nine hours of video."""


def within_range(files: Mapping[int, Path], clip: SheetClip) -> tuple[dict[int, Path], list[int]]:
    """Return the files within the clip's frame range, and the numbers missing from it.

    Raises:
        InputError: Far more are missing than any clip has.
    """
    first = clip.first or min(files, default=1)
    last = clip.last or max(files, default=0)
    if last - first >= len(files) + _MOST_ABSENT:
        raise InputError(
            f"{files.get(last, clip.name)}: frames {first} to {last} would lack over "
            f"{_MOST_ABSENT:,}; correct the split sheet, or move what is no frame elsewhere"
        )
    within = {number: file for number, file in files.items() if first <= number <= last}
    return within, sorted(set(range(first, last + 1)) - within.keys())


def listing(root: Path, pattern: str, clips: Iterable[SheetClip]) -> str:
    """Digest of the names and sizes of numbered files, from which a change of them is noticed.

    They are too many to be declared one by one. Empty for a pattern without {frame}.
    """
    if "{frame}" not in pattern:
        return ""
    digest = hashlib.sha256()
    for clip in clips:
        for file in numbered_files(root, pattern, clip.name, clip.split).values():
            digest.update(f"{file}\0{file.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def tree_digest(path: Path) -> str:
    """Digest of the names, sizes and dates of one file, or of all files below a folder.

    What nobody may look at does not count.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*") if path.is_dir() else [path]):
        with suppress(OSError):
            facts = file.stat()
            if stat.S_ISREG(facts.st_mode):
                digest.update(os.fsencode(file))
                digest.update(f"\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def stays_inside(root: Path, files: Iterable[Path | str]) -> None:
    """Refuse files that lie outside a dataset's raw folder once links are followed.

    Raises:
        InputError: There is such a file; the message says where it leads.
    """
    base = _real_folder(str(root))
    for file in files:
        folder, name = os.path.split(file)
        real = f"{_real_folder(folder)}/{name}"
        if name in ("", "..") or os.path.islink(real):  # noqa: PTH114 - as above
            real = os.path.realpath(file)
        if not f"{real}/".startswith(f"{base.rstrip('/')}/"):
            raise InputError(
                f"{file}: leads to {real}, outside {root}; put the file there itself, or make "
                "the whole raw folder the link"
            )


def gaze_files(root: Path, gaze: DatasetGaze, clip: str, split: str) -> list[Path]:
    """Return the raw gaze files of a clip, pattern by pattern; see `files_matching`."""
    return [
        file for pattern in gaze.files for file in files_matching(root, pattern, gaze, clip, split)
    ]


def files_matching(
    root: Path, pattern: str, gaze: DatasetGaze, clip: str, split: str
) -> list[Path]:
    """Return the raw files of a clip that one pattern of a dataset stands for.

    A pattern with {observer} stands for the files of `gaze.observers`, or for every file that is
    there where that is null. One with {frame} stands for every file that is there. Any other
    stands for one path, whether that exists or not.
    """
    return [Path(file) for file in paths_matching(root, pattern, gaze, clip, split)]


def paths_matching(
    root: Path, pattern: str, gaze: DatasetGaze, clip: str, split: str
) -> Sequence[str]:
    """Return the same as strings: planning asks for tens of thousands."""
    if "{frame}" in pattern:
        return [str(file) for file in numbered_files(root, pattern, clip, split).values()]
    if "{observer}" not in pattern:
        return [f"{root}/{_filled(pattern, clip, split)}"]
    if gaze.observers is not None:
        filled = f"{root}/{_filled(pattern, clip, split)}"
        return [filled.replace("{observer}", observer) for observer in gaze.observers]
    key = (clip if "{clip}" in pattern else "", split if "{split}" in pattern else "")
    return _by_clip(root, pattern).get(key, ())


def patterns(dataset: Dataset) -> list[str]:
    """Return every pattern of a dataset's raw files: pictures, gaze, and maps if distributed."""
    density = dataset.density
    maps = [density.files] if isinstance(density, ReleasedDensity) else []
    return [dataset.frames.video, *dataset.gaze.files, *maps]


def clips_of(root: Path, pattern: str) -> dict[tuple[str, str], int]:
    """Count the files that fit a pattern, by (clip, split); "" for what the pattern leaves out."""
    return {key: len(files) for key, files in _by_clip(root, pattern).items()}


def clips_with_video(root: Path, pattern: str) -> list[str]:
    """Return the names of all clips whose video or pictures are there, in the order of bytes."""
    return sorted({clip for clip, _ in clips_of(root, pattern)})
