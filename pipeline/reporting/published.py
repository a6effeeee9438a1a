"""The paper's printed tables, and which values of a column are the best and the second best.

The paper prints its best values bold and its second best underlined. The copy of its text that was
transcribed has lost the bold but kept the underlines, which are in workflow/published/marks.csv.
What our tables mark is derived from the numbers; `disagreements` lists where the two differ.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from pipeline.evaluation.metrics.registry import METRICS, better
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows

Rank = Literal["best", "second"]
_COLUMNS: Final = ("group", "method", "deep")
DECIMALS: Final = 3
"""Decimals of every value that is shown, and that ranks compare: equal looks share a rank."""


@dataclass(frozen=True)
class PrintedRow:
    """A row of a table of the paper; `values` lacks the metrics that the paper does not print."""

    group: str
    method: str
    deep: bool
    values: dict[str, float]


@dataclass(frozen=True, order=True)
class Disagreement:
    """A printed value whose mark is not the one that the numbers give it."""

    table: str
    method: str
    metric: str
    value: float
    marked: Rank | None
    derived: Rank | None

    def __str__(self) -> str:
        """A clause about the paper."""
        meaning = {"best": "the best", "second": "the second best", None: "neither"}
        marked = f"marked {self.marked}" if self.marked else "not marked"
        return f"{self.method} {self.metric} {self.value:.3f}: {marked}, is {meaning[self.derived]}"


def ranks(metric: str, values: Iterable[float | None]) -> list[Rank | None]:
    """Rank of each value of a column; equal ones share it, and what is not finite has none.

    As in the paper, the value below two best ones is the second best (SIM of Table I).
    """
    shown = [math.nan if value is None else round(value, DECIMALS) for value in values]
    distinct = {value for value in shown if math.isfinite(value)}
    order = sorted(distinct, reverse=better(metric) == "higher")
    # Shorter than `order`: from the third value on there is no rank.
    names = dict(zip(order, get_args(Rank), strict=False))
    return [names.get(value) for value in shown]


def read_published(path: Path) -> list[PrintedRow]:
    """Rows of a sheet of workflow/published: columns group, method, deep, then metrics.

    A table without a sheet is not in the paper and has no rows.

    Raises:
        InputError: A column is missing or unknown, or a method comes twice.
    """
    if not path.exists():
        return []
    rows = [
        PrintedRow(line["group"], line["method"], line["deep"] != "no", values)
        for line, values in read_values(path, _COLUMNS)
    ]
    methods = [row.method for row in rows]
    if twice := sorted({method for method in methods if methods.count(method) > 1}):
        raise InputError(f"{path}: {', '.join(twice)} comes twice; leave one of the rows")
    return rows


def read_values(
    path: Path, columns: Sequence[str]
) -> list[tuple[dict[str, str], dict[str, float]]]:
    """Rows of a sheet that has these columns and one for each metric: words, and scores by metric.

    An empty cell has no score.

    Raises:
        InputError: A column is missing or unknown, or a score is no number.
    """
    lines = read_rows(path, columns)
    metrics = [column for column in (lines[0] if lines else ()) if column not in columns]
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise InputError(
            f"{path}: expected the columns {','.join(columns)} and metrics out of "
            f"{','.join(METRICS)}, found {','.join(unknown)}; correct its first line"
        )
    return [(line, _scores(path, line, metrics, columns)) for line in lines]


def read_marks(path: Path) -> dict[tuple[str, str, str], Rank]:
    """Table, method and metric -> mark, of the sheet table,method,metric,mark.

    Raises:
        InputError: A column is missing, or a mark is neither best nor second.
    """
    known: dict[str, Rank] = {rank: rank for rank in get_args(Rank)}
    marks = {}
    for line in read_rows(path, ("table", "method", "metric", "mark")):
        if line["mark"] not in known:
            raise InputError(
                f"{path}: mark {line['mark']!r} is none of {', '.join(known)}; correct it"
            )
        marks[line["table"], line["method"], line["metric"]] = known[line["mark"]]
    return marks


def disagreements(published: Path) -> list[Disagreement]:
    """Cells whose mark in the paper is not the one that its numbers give, table by table.

    If marks.csv has no mark of a kind for a table, that kind could not be read: not compared.

    Raises:
        InputError: A mark is on a cell that no sheet has.
    """
    marks, found = read_marks(published / "marks.csv"), list[Disagreement]()
    for name in dict.fromkeys(table for table, _, _ in marks):
        own = {key[1:]: mark for key, mark in marks.items() if key[0] == name}
        rows = read_published(published / f"{name}.csv")
        there = {(row.method, metric) for row in rows for metric in row.values}
        if lost := sorted(own.keys() - there):
            raise InputError(
                f"{published / 'marks.csv'}: {name} has no value {' '.join(lost[0])}; correct it"
            )
        found += _differing(name, rows, own)
    return found


def _differing(
    name: str, rows: Sequence[PrintedRow], marks: Mapping[tuple[str, str], Rank]
) -> Iterator[Disagreement]:
    readable = {*marks.values()}
    for metric in dict.fromkeys(metric for row in rows for metric in row.values):
        derived = ranks(metric, [row.values.get(metric) for row in rows])
        for row, rank in zip(rows, derived, strict=True):
            mark = marks.get((row.method, metric))
            # Without any readable mark of its kind, a missing one says nothing about the paper.
            if (mark or rank in readable) and mark != rank:
                yield Disagreement(name, row.method, metric, row.values[metric], mark, rank)


def _scores(
    path: Path, line: Mapping[str, str], metrics: Sequence[str], columns: Sequence[str]
) -> dict[str, float]:
    try:
        return {metric: float(line[metric]) for metric in metrics if line[metric]}
    except ValueError as error:
        name = next((line[column] for column in ("method", *columns) if column in line), path.stem)
        raise InputError(f"{path}: {name}: {error}; write a number or nothing") from None
