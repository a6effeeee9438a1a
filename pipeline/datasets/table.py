"""Text files with one sample a line, read with errors that name file and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import ReaderError, Samples

_AGAIN = "copy the file again from the original archive"


@dataclass(frozen=True)
class Table:
    """The cells of a text file, below its header."""

    path: Path
    header: int
    columns: Sequence[str]
    rows: list[list[str]]

    def numbers(self, column: str) -> Samples:
        """[n] values of a column.

        Raises:
            ReaderError: A cell is not a number.
        """
        i = self.columns.index(column)
        try:
            return np.array([row[i] for row in self.rows], dtype=np.float64)
        except ValueError:
            line = next(n for n, row in enumerate(self.rows) if not _is_number(row[i]))
            raise ReaderError(
                f"{self.path}, line {line + self.header + 1}: column {column!r} is a number, "
                f"found {self.rows[line][i]!r}; {_AGAIN}"
            ) from None

    def words(self, column: str) -> NDArray[np.str_]:
        """[n] cells of a column, as they stand."""
        i = self.columns.index(column)
        return np.array([row[i] for row in self.rows], dtype=np.str_)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_table(
    path: Path, columns: Sequence[str], *, separator: str | None = None, header: int = 0
) -> Table:
    """Reads a text file whose every line has the given columns.

    Args:
        path: The file.
        columns: Names of the columns, for `Table` and for messages.
        separator: Between columns; None: any blanks.
        header: Lines on top that are skipped.

    Raises:
        ReaderError: The file is missing or empty, or a line has another number of columns.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReaderError(
            f"{path}: cannot be read ({error.strerror}); docs/datasets.md describes the layout"
        ) from error
    rows = [line.split(separator) for line in text.rstrip().splitlines()[header:]]
    if not rows:
        raise ReaderError(f"{path}: no line of data; {_AGAIN}")
    for number, row in enumerate(rows, start=header + 1):
        if len(row) != len(columns):
            raise ReaderError(
                f"{path}, line {number}: expected {len(columns)} columns "
                f"({', '.join(columns)}), found {len(row)}; {_AGAIN}"
            )
    return Table(path, header, columns, rows)
