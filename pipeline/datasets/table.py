"""Text files with one sample a line, read with errors that name file and line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import ReaderError, Samples

_AGAIN = "copy the file again from the original archive"
_SHOWN = 60
"""Characters of a cell or line that a message quotes."""


@dataclass(frozen=True)
class Table:
    """The cells of a text file, below its header."""

    path: Path
    header: bool
    columns: Sequence[str]
    rows: list[list[str]]

    def error(self, row: int, expected: str, column: str) -> ReaderError:
        """The error that a cell is not what was expected."""
        cell = self.rows[row][self.columns.index(column)]
        return ReaderError(
            f"{self.path}, line {row + self.header + 1}: column {column!r} must be {expected}, "
            f"found {cell[:_SHOWN]!r}; {_AGAIN}"
        )

    def numbers(self, column: str) -> Samples:
        """[n] values of a column; NaN and infinity are let through.

        Raises:
            ReaderError: A cell is not a number.
        """
        i = self.columns.index(column)
        values = np.empty(len(self.rows))
        for number, row in enumerate(self.rows):
            try:
                values[number] = float(row[i])
            except ValueError:
                raise self.error(number, "a number", column) from None
        return values

    def times(self, column: str, *, lowest: float = -np.inf) -> Samples:
        """[n] values of a column in which time runs: finite, from `lowest` on, never falling.

        Raises:
            ReaderError: A cell is not such a number.
        """
        values = self.numbers(column)
        for wrong, expected in [
            (~np.isfinite(values), "a finite number"),
            (values < lowest, f"at least {lowest:g}"),
            (np.diff(values, prepend=values[:1]) < 0, "at least that of the line before"),
        ]:
            if wrong.any():
                raise self.error(int(np.argmax(wrong)), expected, column)
        return values

    def words(self, column: str) -> NDArray[np.str_]:
        """[n] cells of a column, as they stand."""
        i = self.columns.index(column)
        return np.array([row[i] for row in self.rows], dtype=np.str_)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ReaderError(
            f"{path}: cannot be read ({error.strerror}); docs/datasets.md describes the layout"
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ReaderError(
            f"{path}, line {line}: expected text, found other bytes; {_AGAIN}"
        ) from error


def read_table(
    path: Path, columns: Sequence[str], *, separator: str | None = None, header: bool = False
) -> Table:
    """Read a text file whose every line has the given columns, and its first line their names.

    Without `header` there is no such line. Without a separator any blanks are one.

    Raises:
        ReaderError: The file is missing, no text or empty, its header is missing, or a line has
            another number of columns.
    """
    rows = [line.split(separator) for line in _text(path).rstrip().splitlines()]
    if header and rows:
        found = [name.strip() for name in rows.pop(0)]
        if found != list(columns):
            raise ReaderError(
                f"{path}, line 1: expected the header {', '.join(columns)}, found "
                f"{', '.join(found)[:_SHOWN]!r}; {_AGAIN}"
            )
    if not rows:
        raise ReaderError(f"{path}: no line of data; {_AGAIN}")
    for number, row in enumerate(rows, start=header + 1):
        if len(row) != len(columns):
            raise ReaderError(
                f"{path}, line {number}: expected {len(columns)} columns "
                f"({', '.join(columns)}), found {len(row)}; {_AGAIN}"
            )
    return Table(path, header, columns, rows)
