"""The one home of CSV: sheets of words under a header, with comment lines above it.

What is written is read back as it was, whatever a clip is called. A text that a spreadsheet program
would take for a formula (=, +, - or @ in front, and no number) is written with a ' in front, which
these programs hide and `read_rows` takes off.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import TextIO

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.text import read_text

_FORMULA = re.compile("'*(\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
"""What spreadsheet programs compute, the full-width signs of Asian keyboards among it. A ' in front
counts as well, so that it is never taken off a text that began with one."""


def shielded(cell: object) -> object:
    """The cell as it is written: with a ' in front of what a spreadsheet would compute."""
    if not isinstance(cell, str) or not _FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def plain(cell: str) -> str:
    """The text that was written as this cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def number(cell: str) -> int:
    """The number that a cell holds, of at most nine digits.

    Raises:
        ValueError: It holds something else.
    """
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", cell):
        raise ValueError(f"{cell!r:.40} is no whole number of at most nine digits")
    return int(cell)


def read_rows(
    path: Path, columns: Sequence[str] = (), delimiter: str = ","
) -> list[dict[str, str]]:
    """Rows of a sheet, each as its words by column.

    Lines above the header that begin with # are comments; below it they are rows as any other. The
    header must have `columns`; others are kept as well.

    Raises:
        InputError: The sheet cannot be read, is not text, misses a column or has one twice, or has
            a row with more or fewer cells than the header.
    """
    text = io.StringIO(read_text(path), newline="")
    lines = dropwhile(lambda line: line.startswith("#"), text)
    sheet = csv.DictReader(lines, delimiter=delimiter, restkey="", strict=True)
    rows: list[dict[str, str]] = []
    try:
        rows.extend(sheet)
    except csv.Error as error:
        raise InputError(f"{path}: row {len(rows) + 1}: {error}; correct this row") from error
    header = sheet.fieldnames or ()
    if missing := [column for column in columns if column not in header]:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; the header must have {','.join(columns)}, "
            f"found {','.join(header)!r:.80}"
        )
    if twice := sorted({column for column in header if header.count(column) > 1}):
        raise InputError(f"{path}: column {', '.join(twice)} is there twice; remove one of them")
    for number, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise InputError(
                f"{path}: row {number}: expected {len(header)} cells, found "
                f"{'more' if '' in row else 'fewer'}; correct this row"
            )
    return [{column: plain(cell) for column, cell in row.items()} for row in rows]


class _Lines:
    """A file whose rows end in a line feed, however csv ends them.

    csv quotes the characters that end its rows: only with both is a carriage return in a name safe.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> int:
        """Write a row that ends in a carriage return and a line feed."""
        return self._file.write(row.removesuffix("\r\n") + "\n")


def heading(about: Mapping[str, str]) -> list[str]:
    """Return comment lines such as `run: demo`, one for each term that has a text."""
    return [" ".join(f"{term}: {text}".split()) for term, text in about.items() if text]


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    comments: Sequence[str] = (),
) -> int:
    """Write a sheet that is either whole or not there; return its number of rows.

    None is an empty cell. Comments are lines above the header, written with a # in front. Bytes of
    a name that are not UTF-8 are spelled out.

    Raises:
        InputError: The disk refuses it.
    """
    count = 0
    with (
        atomic(path) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.writelines(f"# {' '.join(comment.splitlines())}\n" for comment in comments)
        sheet = csv.writer(_Lines(file))
        sheet.writerow(columns)
        for row in rows:
            sheet.writerow([shielded(cell) for cell in row])
            count += 1
    return count
