"""Split sheets, and how a dataset's clips are dealt into parts.

A sheet is `clip,split[,first,last]` below lines of provenance that start with #. `first` and `last`
are frame numbers from 1, both included; where they are empty the whole video is used.

Clips for choosing models are held out of the training split only, so that no test clip, and no clip
of an official validation split that is scored as a test, can take part in a choice.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import number, read_rows

SPLITS = ("train", "val", "test")
_NAME = re.compile(r"(?![.\s]|zarr\.json$)[^/\\{}*\x00-\x1f]*[^/\\{}*\x00-\x1f\s]")
_FOLDER = re.compile(r"<[a-z]\w*>")
"""What Snakemake takes for a folder of `pathvars`, also within a file's name."""
_LONGEST = 200
"""Bytes of a clip's name, at most: disks allow 255 for a file, whose name holds more."""


@dataclass(frozen=True)
class SheetClip:
    """A row of a split sheet."""

    name: str
    split: str
    first: int | None
    """First frame, 1-based."""
    last: int | None
    """Last frame, 1-based, included."""
    held_out: bool = False
    """Whether the clip is kept out of training, for choosing models."""


def _clip(path: Path, line: int, row: dict[str, str]) -> SheetClip:
    """The clip that a row of a split sheet names.

    Raises:
        InputError: A cell does not fit.
    """
    try:
        first, last = (number(row[key]) if row.get(key) else None for key in ("first", "last"))
    except ValueError as error:
        raise InputError(
            f"{path}: row {line}: {error}; first and last are frame numbers, or empty"
        ) from error
    clip = SheetClip(row["clip"], row["split"], first, last)
    if clip.split not in SPLITS:
        raise InputError(
            f"{path}: row {line}: split {clip.split!r}; use one of {', '.join(SPLITS)}"
        )
    possible = _NAME.fullmatch(clip.name) and not _FOLDER.search(clip.name)
    if not possible or len(clip.name.encode()) > _LONGEST:
        raise InputError(
            f"{path}: row {line}: {clip.name!r:.80} cannot be a clip; expected the name of its "
            "raw file: no slash, brace or asterisk, no word in < and >, no blank at an end, no dot "
            f"in front, at most {_LONGEST} bytes, and not zarr.json, which is a store's own"
        )
    begins = 1 if first is None else first
    if begins < 1 or (last is not None and last < begins):
        raise InputError(
            f"{path}: row {line}: frames {first} to {last} of {clip.name}; frames count "
            "from 1, and the last is not before the first"
        )
    return clip


@cache
def read_sheet(path: Path) -> tuple[SheetClip, ...]:
    """Return the clips of a split sheet, in its order.

    Raises:
        InputError: The sheet is missing, a row does not fit, or a clip is listed twice.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such split sheet; see docs/datasets.md for how it is made")
    rows = read_rows(path, ("clip", "split"))
    clips = tuple(_clip(path, line, row) for line, row in enumerate(rows, start=1))
    seen: dict[str, str] = {}
    for clip in clips:
        if clip.name in seen:
            splits = f"under {seen[clip.name]} and {clip.split}"
            raise InputError(f"{path}: clip {clip.name} is listed twice, {splits}; remove a row")
        seen[clip.name] = clip.split
    if not clips:
        raise InputError(f"{path}: no clip listed; add a row clip,split[,first,last] for each")
    return clips


class Total(NamedTuple):
    """Known numbers of a split, None where one is not known."""

    clips: int | None
    frames: int | None
    source: str


def read_totals(path: Path) -> dict[tuple[str, str, str], Total]:
    """Return (dataset, variant, split) -> the clips and frames known of it; no file, no totals.

    Raises:
        InputError: A row does not fit.
    """
    if not path.is_file():
        return {}
    totals = {}
    columns = ("dataset", "variant", "split", "clips", "frames", "source")
    for line, row in enumerate(read_rows(path, columns), start=1):
        try:
            clips, frames = (number(row[key]) if row[key] else None for key in ("clips", "frames"))
        except ValueError as error:
            raise InputError(
                f"{path}: row {line}: {error}; clips and frames are numbers, or empty"
            ) from error
        totals[row["dataset"], row["variant"], row["split"]] = Total(clips, frames, row["source"])
    return totals


def known_totals(sheet: Path, dataset: str, variant: str) -> dict[str, Total]:
    """Known totals of a variant by split, from the folder of its sheet, or from the one above.

    Only a folder named after a variant has them above it. Sheets that lie elsewhere, such as the
    demo's, are of other clips, and so without totals.
    """
    folder = sheet.parent.parent if sheet.parent.name == variant else sheet.parent
    totals = read_totals(folder / "totals.csv")
    return {split: total for (*key, split), total in totals.items() if key == [dataset, variant]}


def _hold_out(clips: Iterable[SheetClip], share: float) -> Iterator[SheetClip]:
    """Mark a share of the training clips, evenly spread over the sheet, and put them last."""
    kept: list[SheetClip] = []
    held: list[SheetClip] = []
    training = 0
    for clip in clips:
        training += clip.split == "train"
        # The integer part grows by one at every 1/share-th training clip.
        holds = clip.split == "train" and int(training * share) > int((training - 1) * share)
        (held if holds else kept).append(replace(clip, held_out=holds))
    return itertools.chain(kept, held)


@cache
def parts(
    path: Path, clips_per_part: int, validation: float = 0.0
) -> dict[str, tuple[SheetClip, ...]]:
    """Deal the clips of a sheet, in its order, into parts of one split each.

    A part, "0001" and so on, is the grain of the data stages. `validation` is the share of the
    training clips that is held out; these have parts of their own.
    """
    dealt: list[tuple[SheetClip, ...]] = []
    dealing = _hold_out(read_sheet(path), validation)
    for _, run in itertools.groupby(dealing, key=lambda clip: (clip.split, clip.held_out)):
        clips = tuple(run)
        dealt += [clips[i : i + clips_per_part] for i in range(0, len(clips), clips_per_part)]
    return {f"{number:04d}": clips for number, clips in enumerate(dealt, start=1)}


def part_names(dealt: Mapping[str, Sequence[SheetClip]], split: str) -> list[str]:
    """Return the parts that hold clips of a split, or of `validation`: those that are held out.

    Held-out parts are no training parts.
    """
    held_out = split == "validation"
    wanted = "train" if held_out else split
    return [
        part
        for part, clips in dealt.items()
        if clips[0].split == wanted and clips[0].held_out == held_out
    ]
