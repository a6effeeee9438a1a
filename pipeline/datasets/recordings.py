"""Whose recording a file is, by its name."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.datasets.records import ReaderError


def by_observer(
    files: Sequence[Path], number: Callable[[Path], int | None], expected: str
) -> dict[int, Path]:
    """Return the recordings among some files by observer, in the order of the files.

    `number` gives the observer of a file, and None for one that is no recording, as .DS_Store.

    Raises:
        ReaderError: Two recordings are of one observer, or there are only other files; then the
            message says which name was `expected`.
    """
    found: dict[int, Path] = {}
    for path in files:
        observer = number(path)
        if observer is None:
            continue
        if observer in found:
            raise ReaderError(
                f"{path}: {found[observer]} is of the same observer, {observer}; move one of the "
                "two out of the folder"
            )
        found[observer] = path
    if files and not found:
        raise ReaderError(f"{files[0]}: {expected}")
    return found
