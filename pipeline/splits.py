"""Split sheets, and how a dataset's clips are dealt into parts.

A sheet is `clip,split[,first,last]` below lines of provenance that start with #. `first` and `last`
are 1-based frame numbers, both included; where they are empty the whole video is used.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.errors import InputError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SheetClip:
    """A row of a split sheet."""

    name: str
    split: str
    first: int | None
    """First frame, 1-based."""
    last: int | None
    """Last frame, 1-based, included."""


def _row(path: Path, line: int, row: dict[str, str]) -> SheetClip:
    try:
        clip = SheetClip(
            row["clip"],
            row["split"],
            int(row["first"]) if row.get("first") else None,
            int(row["last"]) if row.get("last") else None,
        )
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: row {line}: {error}; expected clip,split[,first,last]"
        ) from error
    if not clip.name or clip.split not in SPLITS:
        raise InputError(f"{path}: row {line}: split {clip.split!r} is none of {', '.join(SPLITS)}")
    return clip


@cache
def read_sheet(path: Path) -> tuple[SheetClip, ...]:
    """The rows of a split sheet, in its order.

    Raises:
        InputError: The sheet is missing, a row does not fit, or a clip is listed twice.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such split sheet; see docs/datasets.md for how it is made")
    with path.open(newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        clips = tuple(_row(path, line, row) for line, row in enumerate(rows, start=1))
    seen: set[str] = set()
    for clip in clips:
        if clip.name in seen:
            raise InputError(f"{path}: clip {clip.name} is listed twice")
        seen.add(clip.name)
    if not clips:
        raise InputError(f"{path}: no clip listed")
    return clips


@cache
def parts(path: Path, clips_per_part: int) -> dict[str, tuple[SheetClip, ...]]:
    """Deals the clips of a sheet, in its order, into parts of one split each.

    A part is the grain of the data stages. Returns part name ("0001", ...) -> its clips.
    """
    dealt: list[tuple[SheetClip, ...]] = []
    for _, run in itertools.groupby(read_sheet(path), key=lambda clip: clip.split):
        clips = tuple(run)
        dealt += [clips[i : i + clips_per_part] for i in range(0, len(clips), clips_per_part)]
    return {f"{number:04d}": clips for number, clips in enumerate(dealt, start=1)}


def part_names(path: Path, clips_per_part: int, splits: Iterable[str]) -> list[str]:
    """The parts that hold clips of the given splits."""
    wanted = set(splits)
    dealt = parts(path, clips_per_part)
    return [part for part, clips in dealt.items() if clips[0].split in wanted]
