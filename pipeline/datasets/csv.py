"""Gaze in CSV or TSV files of any make, described by options: nobody need write Python for it.

Observers, task, rate and screen: as the options say (`CsvOptions`). Files: one of each clip, of
each clip and observer, or one of everything; a header, then a sample a line, between commas,
semicolons or tabs. The columns are x and y, time or frame, and these where there are any:

- clip: name of the clip, with or without the suffix of its video.
- observer: a number or a name; without it each file is of one observer. Names are numbered in
  their order, within a clip; numbers stay.
- event: whether a sample counts; without it all do.

Known defects: cells that are empty, n/a, NA, nan, null, none, a dot or a dash are lost samples.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median_high
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.config.section import Section
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, join, keep
from pipeline.datasets.screen import Position, options, outside, usable
from pipeline.datasets.table import Table, header_of, lines_of, read_table

Column = Literal["clip", "observer", "time", "frame", "x", "y", "event"]
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6}
_AGAIN = "correct the file, or gaze.options of this dataset in config.yaml"


class CsvOptions(Section):
    """Options of the reader."""

    position: Position
    """What x and y count."""
    columns: dict[Column, str] = Field(default={})
    """Header's names of the columns where they differ from the reader's."""
    time: Literal["s", "ms", "us"] | None = None
    """Unit of the column time."""
    start: Literal["video", "first"] = "video"
    """When time is 0: when the video begins, or at each observer's first sample of the clip."""
    first_frame: Literal[0, 1] | None = None
    """Number of the first frame in the column frame."""
    events: tuple[str | int | bool, ...] | None = None
    """Values of the column event with which a sample counts; capital and small letters alike."""


def _splitter(header: str) -> Callable[[str], list[str]]:
    """What cuts lines, by the separator in the header."""
    separator = next((sign for sign in "\t;," if sign in header), ",")

    def split(line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=separator), [])
        except csv.Error:  # a cell of more than 128 kB
            return line.split(separator)

    return split


def _table(path: Path, columns: Mapping[Column, str]) -> Table:
    """The table of a file, its columns under the names of this reader."""
    lines = lines_of(path)
    split = _splitter(next((line for line in lines if line.strip() and line[0] != "#"), ""))
    header, at = header_of(path, lines, split)
    called = {name: columns.get(name, name) for name in get_args(Column)}
    there = {name: its for name, its in called.items() if its in header}
    missing = [called[name] for name in ("x", "y", *columns) if name not in there]
    if not missing and ("time" in there) == ("frame" in there):
        missing = [f"{called['time']} or {called['frame']}, one of the two"]
    if missing:
        raise ReaderError(
            f"{path}, line {at}: no column {', '.join(dict.fromkeys(missing))} among "
            f"{', '.join(header)[:200]}; set gaze.options.columns of this dataset in config.yaml"
        )
    table = read_table(
        path,
        list(there.values()),
        numbers=[there[name] for name in ("time", "frame", "x", "y") if name in there],
        words=[there[name] for name in ("clip", "observer", "event") if name in there],
        whole=[there[name] for name in ("frame",) if name in there],
        split=split,
        header=True,
        lines=lines,
        again=_AGAIN,
    )
    numbers = {name: table.numbers[its] for name, its in there.items() if its in table.numbers}
    words = {name: table.words[its] for name, its in there.items() if its in table.words}
    return replace(table, numbers=numbers, words=words)


def named(clip: str, cells: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return [n] True where a cell names the clip, or else the file of its video."""
    found = cells == clip
    if not found.any():
        files = [re.split(r"[/\\]", cell)[-1].rpartition(".")[0] for cell in cells.tolist()]
        found = np.array(files, dtype=np.str_) == clip
    return np.asarray(found)


def numbered(names: Iterable[str]) -> dict[str, int]:
    """Return the number of each observer: its name if all are numbers, else its place in order."""
    ordered = sorted(set(names))
    if all(re.fullmatch(r"[0-9]{1,4}", name) for name in ordered):
        return {name: int(name) for name in ordered}
    return {name: number for number, name in enumerate(ordered, start=1)}


def _frames(
    numbers: Mapping[str, Samples], name: NDArray[np.str_], clip: Clip, chosen: CsvOptions
) -> tuple[Samples, tuple[float, ...]]:
    """[n] frame of each sample, from 0; and each observer's last moment in seconds, if known."""
    if "frame" in numbers:
        if chosen.first_frame is None:
            raise ReaderError("config.yaml: gaze.options of this dataset: set first_frame, 0 or 1")
        return numbers["frame"] - chosen.first_frame, ()
    if chosen.time is None:
        raise ReaderError("config.yaml: gaze.options of this dataset: set time to s, ms or us")
    time, lasts = numbers["time"].copy(), []
    for one in np.unique(name):
        its = (name == one) & np.isfinite(time)
        if chosen.start == "first":
            time[its] -= time[its].min(initial=np.inf)
        lasts.append(float(time[its].max(initial=0.0)) / _TICKS[chosen.time])
    return np.floor(clip.position(time / _TICKS[chosen.time])), tuple(lasts)


def _other_event(words: NDArray[np.str_], path: Path, chosen: CsvOptions) -> NDArray[np.bool_]:
    """[n] True where the event is none of those that count."""
    cells = np.char.lower(words)
    if chosen.events is None:
        found = ", ".join(map(repr, np.unique(words)[:9].tolist()))
        raise ReaderError(
            f"{path} has a column of events: set gaze.options.events of this dataset in "
            f"config.yaml to those that count, among {found:.200}"
        )
    return np.isin(cells, [str(event).lower() for event in chosen.events], invert=True)


def _of_clip(table: Table, clip: str) -> Table:
    """The rows of a clip, each with an observer; a file without observers is of one."""
    cells = table.words.get("clip")
    rows = np.full(len(table.numbers["x"]), True) if cells is None else named(clip, cells)
    words = {"observer": np.full(len(rows), str(table.path))} | table.words
    return replace(
        table,
        numbers={name: its[rows] for name, its in table.numbers.items()},
        words={name: its[rows] for name, its in words.items()},
    )


def _part(table: Table, clip: Clip, chosen: CsvOptions, observers: Mapping[str, int]) -> Gaze:
    name = table.words["observer"]
    frame, lasts = _frames(table.numbers, name, clip, chosen)
    point = chosen.position.on_video(table.numbers["x"], table.numbers["y"], clip)
    reasons: Reasons = [
        ("lost", np.asarray(~np.isfinite([frame, *point]).all(axis=0))),
        ("before_first_frame", frame < 0),
        ("after_last_frame", frame >= clip.frames),
        ("outside", outside(point, clip)),
    ]
    if "event" in table.words:
        other = _other_event(table.words["event"], table.path, chosen)
        reasons = [("other_event", other), *reasons]
    rows = table.counted(
        keep(np.arange(len(frame), dtype=np.float64), point[0], point[1], 0, reasons)
    )
    return replace(
        rows,
        frame=frame[rows.frame].astype(np.int32),
        observer=np.array([observers[one] for one in name[rows.frame]], dtype=np.int16),
        seconds=lasts,
    )


def _doubts(tables: Sequence[Table], gaze: Gaze, clip: Clip, chosen: CsvOptions) -> Iterator[str]:
    """What in the gaze of a clip speaks for other units than the options say."""
    points = np.concatenate([[table.numbers["x"], table.numbers["y"]] for table in tables], axis=1)
    if chosen.position.unit == "pixels" and (np.abs(points[np.isfinite(points)]) <= 1).all():
        yield "no x or y is above 1: does gaze.options.position.unit in config.yaml fit?"
    length = clip.seconds
    usual = median_high(gaze.seconds) if gaze.seconds else length
    # Units of time are a thousand apart.
    if clip.frames > 1 and (0 < usual < length / 100 or usual > 100 * length):
        yield (
            f"recordings last {usual:g} s, the video {length:g} s: does gaze.options.time in "
            "config.yaml fit?"
        )


@np.errstate(over="ignore", invalid="ignore")  # absurd coordinates become inf, and are dropped
def read(files: Sequence[Path], clip: Clip, **given: Any) -> Gaze:
    """Return the gaze of one clip from CSV or TSV files; the options are those of `CsvOptions`.

    Raises:
        ReaderError: An option is missing or does not fit, or a file; or no sample can be used.
    """
    chosen = options(CsvOptions, given)
    tables = [_of_clip(_table(path, chosen.columns), clip.name) for path in files]
    observers = numbered(name for table in tables for name in table.words["observer"].tolist())
    if not observers:
        raise ReaderError(
            f"{', '.join(map(str, files[:3]))}: no row of clip {clip.name}; name it there as in "
            "the split sheet"
        )
    gaze = usable(join(_part(table, clip, chosen, observers) for table in tables), files, clip)
    return replace(gaze, findings=(*gaze.findings, *_doubts(tables, gaze, clip, chosen)))
