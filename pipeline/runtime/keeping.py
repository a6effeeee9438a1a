"""What one plan leaves to the next, below Snakemake's own folder; it can be removed at any time."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from pipeline.runtime.files import disk_errors

Entry = TypeVar("Entry")


def keep(file: Path, text: str) -> None:
    """Write a file that is either whole or not there, and that another plan may be writing too.

    Raises:
        InputError: The disk refuses it.
    """
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f"{file.name}.{os.getpid()}")  # its own name
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(file)


def kept(file: Path, kind: TypeAdapter[dict[str, Entry]]) -> dict[str, Entry]:
    """The dictionary that a file holds as JSON; empty where it is not there, or of another kind.

    So it is where it is damaged, or where another version kept something else.
    """
    try:
        return kind.validate_json(file.read_bytes())
    except (OSError, ValueError):
        return {}
