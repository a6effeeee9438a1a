"""Sheets of scores: CSV below one line that says what they were made from, and their digest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.seals import digest_of, head_of, is_sealed, rerun, sealed

_PROTOCOL, _MADE = "# protocol: ", "; made: "


def seal_sheet(
    sheet: Path, protocol: str, settings: Mapping[str, Any], inputs: Any, first_frame: int = 0
) -> None:
    """Put the first line above a CSV: its protocol, settings, inputs (name -> digest) and digest.

    `first_frame` is the number that the column `frame` has for a clip's first frame.

    Raises:
        InputError: The disk refuses it.
    """
    body = sheet.read_bytes()
    facts = {"settings": settings, "inputs": inputs, "digest": _digest(protocol, body)}
    # Sheets of older releases count from 0 and say nothing of it.
    facts |= {"first_frame": first_frame} if first_frame else {}
    line = f"{_PROTOCOL}{protocol}{_MADE}{json.dumps(sealed(facts), sort_keys=True)}\n"
    with atomic(sheet) as partial:
        partial.write_bytes(line.encode() + body)


def sheet_facts(sheet: Path) -> dict[str, Any]:
    """Return `protocol`, `settings`, `inputs`, `digest` and `first_frame` of a sheet.

    It is as it was written.

    Raises:
        InputError: It is missing, edited, damaged or of an older release.
    """
    # What `score_folder` wrote is nobody's output.
    ours = "scores" in sheet.parts or "given" not in sheet.parts
    remedy = rerun(sheet) if ours else "score its maps again: python -m pipeline.score_folder"
    if not sheet.is_file():
        raise InputError(f"{sheet}: no such file of scores; make it with: snakemake {sheet}")
    line, _, body = sheet.read_bytes().partition(b"\n")
    first, separator, facts = line.decode(errors="replace").partition(_MADE)
    if not first.startswith(_PROTOCOL) or not separator:
        raise InputError(
            f"{sheet}: does not say what it was made from: edited, or of an older release; {remedy}"
        )
    protocol = first.removeprefix(_PROTOCOL)
    try:
        said = json.loads(facts)
        intact = is_sealed(said) and said["digest"] == _digest(protocol, body)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        intact = False
    if not intact:
        raise InputError(f"{sheet}: edited or damaged since it was written; {remedy}")
    return {"first_frame": 0, **said, "protocol": protocol}


def is_score_sheet(path: Path) -> bool:
    """Whether a regular file that can be read begins as a sheet of scores does."""
    return head_of(path, len(_PROTOCOL)) == _PROTOCOL.encode()


def _digest(protocol: str, body: bytes) -> str:
    return digest_of(f"{protocol}\n".encode(), body)
