"""Text files with one sample a line, as eye trackers write them and archives keep them.

Among the samples may stand lines that are none: messages, blank lines, comments, a header once
more, a line cut short, a step back of the clock. Up to the share `MOST_DROPPED` they are left out
and counted; more means that the file is damaged or has another layout, which is an error.
"""

import itertools
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import methodcaller
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import Gaze, ReaderError, Samples
from pipeline.runtime.errors import InputError
from pipeline.runtime.text import read_text

MOST_DROPPED = 0.1
"""Share of a file's lines that may be left out; one line always may."""
AGAIN = "copy the file again from the original archive"
_MISSING = {"", ".", "-", "n/a", "na", "#n/a", "none", "null"}
"""Cells without a value, beside nan."""
_SHOWN = 60
"""Characters of a cell or line that a message quotes."""
_LONGEST_LINE = 65_536
"""Characters of a line that are cut into cells: a hundred million columns take a gigabyte."""
_MOST_LINES = 16_000_000
"""Lines of a file: four hours at 1000 Hz."""
_NO_TEXT = ("\0", "\ufffd")
"""What stands for bytes that are no text."""
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]*")


class _Fault(NamedTuple):
    """Why a line is left out: the key under which it is counted, and what a message says."""

    line: int
    reason: str
    problem: str


@dataclass(frozen=True)
class Table:
    """The samples of a text file."""

    path: Path
    lines: NDArray[np.int64]
    """[n] number of each line, from 1."""
    numbers: dict[str, Samples]
    """Column -> [n] values; NaN and infinity are let through."""
    words: dict[str, NDArray[np.str_]]
    """Column -> [n] cells, without blanks around them."""
    dropped: dict[str, int]
    """Lines that are left out, counted by reason."""

    def counted(self, gaze: Gaze) -> Gaze:
        """Return the gaze with the lines left out among what was dropped."""
        return replace(gaze, dropped=self.dropped | gaze.dropped)


def text_of(path: Path, *, in_part: bool = False) -> str:
    """Return the text of a file of a dataset; see `read_text` for `in_part`.

    Raises:
        ReaderError: See `read_text`.
    """
    try:
        return read_text(path, in_part=in_part)
    except InputError as error:
        raise ReaderError(f"{error} (docs/datasets.md describes the layout)") from None


def by_tabs(line: str) -> list[str]:
    """Return the cells of a line between tabs, without quotation marks around them."""
    cells = line.split("\t")
    return [cell.strip().strip('"') for cell in cells] if '"' in line else cells


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file of a dataset, whatever ends them, without blank ones at the end.

    Raises:
        ReaderError: See `read_text`; or there are too many.
    """
    text = text_of(path, in_part=True).rstrip().replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") >= _MOST_LINES:
        raise ReaderError(f"{path}: more than {_MOST_LINES} lines; split the file")
    return text.split("\n") if text else []


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    numbers: Collection[str],
    words: Collection[str] = (),
    split: Callable[[str], list[str]] = str.split,
    header: bool = False,
    clock: str | None = None,
    lowest: float = -np.inf,
    whole: Collection[str] = (),
    lines: Sequence[str] | None = None,
    again: str = AGAIN,
) -> Table:
    """Read a text file whose lines `split` cuts into the given columns.

    With a `header` the first line has the columns' names, among them at least these; without one
    every line has exactly these. Those of `words` are read as they stand, of `numbers` as numbers,
    of `whole` as numbers without a fraction. Time runs in column `clock`: finite, from `lowest` on,
    never falling. The `lines` may have been read already.

    Raises:
        ReaderError: The file cannot be read, has no sample, no such header or numbers with decimal
            commas, or too many lines are to be left out; the message names the remedy `again`.
    """
    lines = lines_of(path) if lines is None else lines
    names, first = list(columns), 0
    if header:
        names, first = header_of(path, lines, split)
        odd = [column for column in columns if names.count(column) != 1]
        if odd:
            raise ReaderError(
                f"{path}, line {first}: expected the header {', '.join(columns)}, found "
                f"{', '.join(names)[:_SHOWN]!r}; {again}"
            )
    faults: list[_Fault] = []
    number, cells = _cells(lines, first, names, split, faults)
    by_name = dict(zip(names, cells, strict=False))
    good = np.ones(len(number), dtype=bool)

    def leave_out(wrong: NDArray[np.bool_], reason: str, column: str, expected: str) -> None:
        if not wrong.any():
            return
        for k in np.flatnonzero(good & wrong):
            cell = by_name[column][k][:_SHOWN]
            problem = f"column {column!r} must be {expected}, found {cell!r}"
            faults.append(_Fault(int(number[k]), reason, problem))
        good[wrong] = False

    values: dict[str, Samples] = {}
    for column in numbers:
        values[column], wrong = _floats(path, number, by_name.get(column, ()), column)
        leave_out(wrong, "not_a_number", column, "a number")
    for column in whole:
        broken = np.isfinite(values[column]) & (values[column] != np.floor(values[column]))
        leave_out(broken, "not_a_number", column, "a whole number")
    if clock is not None:
        time = values[clock]
        leave_out(~np.isfinite(time), "not_a_number", clock, "a finite number")
        leave_out(time < lowest, "not_a_number", clock, f"at least {lowest:g}")
        back = np.zeros(len(number), dtype=bool)
        back[good] = ~never_falling(time[good])
        leave_out(back, "step_back", clock, "at least that of the line before")
    _refuse(path, faults, len(lines) - first, good, again)
    return Table(
        path,
        number[good],
        {column: values[column][good] for column in numbers},
        {
            column: np.array([cell.strip() for cell in by_name[column]], dtype=np.str_)[good]
            for column in words
        },
        dict(Counter(fault.reason for fault in faults)),
    )


def header_of(
    path: Path, lines: Sequence[str], split: Callable[[str], list[str]]
) -> tuple[list[str], int]:
    """Return the names of the columns, and the line that they stand in.

    Raises:
        ReaderError: There is no such line.
    """
    # Exports of SMI begin with comments.
    above = itertools.takewhile(lambda line: not line.strip() or line.startswith("#"), lines)
    at = len(list(above))
    names = [name.strip() for name in split(lines[at][:_LONGEST_LINE])] if at < len(lines) else []
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ReaderError(f"{path}: no line of data; {AGAIN}")
    return names, at + 1


def _cells(
    lines: Sequence[str],
    first: int,
    names: Sequence[str],
    split: Callable[[str], list[str]],
    faults: list[_Fault],
) -> tuple[NDArray[np.int64], list[tuple[str, ...]]]:
    """Number of the lines from `first` on that have a cell for each column, and cells by column.

    The other lines become faults.
    """
    if columns := _all_samples(lines[first:], names, split):
        return np.arange(first + 1, len(lines) + 1), columns
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[first:], start=first + 1):
        cells = split(line[:_LONGEST_LINE])
        while len(cells) > len(names) and not cells[-1].strip():
            cells.pop()
        reason = problem = ""
        if not line.strip():
            reason, problem = "blank_line", "a blank line"
        elif line.startswith("#"):
            reason, problem = "comment", f"a comment: {line[:_SHOWN]!r}"
        elif "MSG" in cells[:2]:
            reason, problem = "message", f"a message: {line[:_SHOWN]!r}"
        elif [cell.strip() for cell in cells] == names:
            reason, problem = "header", "the header once more"
        elif any(sign in line for sign in _NO_TEXT):
            reason, problem = "not_text", "not text in UTF-8, as which it is to be saved"
        elif len(cells) != len(names):
            expected = f"expected {len(names)} columns ({', '.join(names)})"
            reason, problem = "other_columns", f"{expected}, found {len(cells)}: {line[:_SHOWN]!r}"
        if reason:
            faults.append(_Fault(number, reason, problem))
            if len(faults) > _most(len(lines) - first):
                break  # it will be refused
        else:
            numbers.append(number)
            rows.append(cells)
    return np.array(numbers, dtype=np.int64), [*zip(*rows, strict=True)]


def _all_samples(
    lines: Sequence[str], names: Sequence[str], split: Callable[[str], list[str]]
) -> list[tuple[str, ...]]:
    """Cells by column where every line is a sample, as nearly always; otherwise nothing."""
    text = "\n".join(lines)
    longest = max(map(len, lines), default=0)
    if longest > _LONGEST_LINE or any(sign in text for sign in ("#", *_NO_TEXT)):
        return []
    plain = split is by_tabs and '"' not in text
    rows = [*map(methodcaller("split", "\t") if plain else split, lines)]
    if {*map(len, rows)} != {len(names)}:
        return []
    columns = [*zip(*rows, strict=True)]
    begins = {*map(str.strip, columns[0])}.union(*columns[1:2])
    return [] if {"", "MSG", names[0]} & begins else columns


def _floats(
    path: Path, number: NDArray[np.int64], cells: Sequence[str], column: str
) -> tuple[Samples, NDArray[np.bool_]]:
    """[n] numbers of a column, NaN where there is none; and where a cell is something else."""
    wrong = np.zeros(len(cells), dtype=bool)
    with suppress(ValueError):
        return np.fromiter(map(float, cells), np.float64, len(cells)), wrong
    values = np.full(len(cells), np.nan)
    for k, cell in enumerate(map(str.strip, cells)):
        if cell.lower() in _MISSING:
            continue
        try:
            values[k] = float(cell)
        except ValueError:
            if _DECIMAL_COMMA.fullmatch(cell):
                raise ReaderError(
                    f"{path}, line {number[k]}: column {column!r}: {cell[:_SHOWN]!r} has a "
                    "decimal comma; export the file with decimal points"
                ) from None
            wrong[k] = True
    return values, wrong


def never_falling(values: Samples) -> NDArray[np.bool_]:
    """Return [n] True for a longest series of the values in which none is below one before it."""
    if not (np.diff(values) < 0).any():
        return np.ones(len(values), dtype=bool)
    ends: list[float] = []  # the lowest value at which a series of each length ends
    at: list[int] = []  # and where it stands
    before = np.full(len(values), -1)
    for k, value in enumerate(values.tolist()):
        length = bisect_right(ends, value)
        before[k] = at[length - 1] if length else -1
        ends[length : length + 1], at[length : length + 1] = [value], [k]
    chosen = np.zeros(len(values), dtype=bool)
    k = at[-1]
    while k >= 0:
        chosen[k], k = True, before[k]
    return chosen


def _most(lines: int) -> float:
    """How many of so many lines may be left out."""
    return max(1, MOST_DROPPED * lines)


def _refuse(
    path: Path, faults: list[_Fault], lines: int, good: NDArray[np.bool_], again: str
) -> None:
    """Refuse a file of which too many lines would be left out, or all."""
    if good.any() and len(faults) <= _most(lines):
        return
    if not faults:
        raise ReaderError(f"{path}: no line of data; {again}")
    first = min(faults)
    raise ReaderError(
        f"{path}, line {first.line}: {first.problem}; at least {len(faults)} of {lines} lines are "
        f"no samples; {again}"
    )
