"""The one home of CSV: sheets of words under a header, with comment lines above it."""

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import dropwhile
from pathlib import Path

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic


def read_rows(
    path: Path, columns: Sequence[str] = (), delimiter: str = ","
) -> list[dict[str, str]]:
    """Rows of a sheet, each as its words by column.

    Lines above the header that begin with # are comments. Spreadsheet programs put a byte order
    mark in front, which is taken off. The header must have `columns`; others are kept as well.

    Raises:
        InputError: The sheet cannot be read, is not UTF-8, misses a column, or has a row with more
            or fewer cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error
    lines = dropwhile(lambda line: line.startswith("#"), io.StringIO(text, newline=""))
    sheet = csv.DictReader(lines, delimiter=delimiter, restkey="", strict=True)
    rows: list[dict[str, str]] = []
    try:
        rows.extend(sheet)
    except csv.Error as error:
        raise InputError(f"{path}: row {len(rows) + 1}: {error}; correct this row") from error
    missing = [column for column in columns if column not in (sheet.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; the header must have {','.join(columns)}"
        )
    for number, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise InputError(
                f"{path}: row {number}: expected {len(sheet.fieldnames or ())} cells, found "
                f"{'more' if '' in row else 'fewer'}; correct this row"
            )
    return rows


def write_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    comments: Sequence[str] = (),
) -> int:
    """Write a sheet that is either whole or not there; return its number of rows.

    None is an empty cell. Comments are lines above the header, written with a # in front.

    Raises:
        InputError: The disk refuses it.
    """
    count = 0
    with atomic(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {comment}\n" for comment in comments)
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(columns)
        for row in rows:
            sheet.writerow(row)
            count += 1
    return count
