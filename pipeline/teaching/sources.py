"""The films and pictures to teach on, whose licence allows it, from where they lie.

A sheet has a row for each file: what it is, whose, under which licence, where that is stated, and
an address at which it cannot change, with the digest of its bytes.
"""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.importing.imagenet import download
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import of_the_disk
from pipeline.runtime.sheets import read_rows
from pipeline.stores.weights import file_sha256

COLUMNS = ("file", "kind", "title", "author", "licence", "stated", "address", "sha256", "start")
_KINDS = ("film", "picture")
_NAME = re.compile(r"[a-z0-9]\w*\.[a-z0-9]+")
"""Of a file: its stem begins the names of clips."""


class Source(NamedTuple):
    """A row of the sheet."""

    file: str
    """Name of the file, without folders; no two differ in the suffix only."""
    kind: Literal["film", "picture"]
    title: str
    author: str
    licence: str
    stated: str
    """Address of the page that states the licence."""
    address: str
    """Where the file is, at a version that cannot change."""
    sha256: str
    start: float
    """Seconds from the film's first frame from which on it is used."""


def read_sources(sheet: Path) -> dict[str, Source]:
    """Return the rows of a sheet of sources, in its order, by the stem of the file.

    Raises:
        InputError: The sheet is missing or does not fit.
    """
    sources: dict[str, Source] = {}
    for number, row in enumerate(read_rows(sheet, COLUMNS), start=1):
        source = _source(f"{sheet}: row {number}", {column: row[column] for column in COLUMNS})
        stem = Path(source.file).stem
        if stem in sources:
            raise InputError(f"{sheet}: row {number}: {stem} is there twice; rename one of them")
        sources[stem] = source
    return sources


def _source(where: str, row: dict[str, str]) -> Source:
    """A row whose cells fit; `where` is what errors begin with."""
    if empty := [column for column in COLUMNS if not row[column].strip()]:
        raise InputError(f"{where}: no {', '.join(empty)}; fill in every cell")
    if not _NAME.fullmatch(row["file"]):
        raise InputError(
            f"{where}: file {row['file']!r:.80}; use lower-case letters, digits, _ and a suffix"
        )
    if row["kind"] not in _KINDS:
        raise InputError(f"{where}: kind {row['kind']!r:.80}; use one of {', '.join(_KINDS)}")
    if not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
        raise InputError(f"{where}: sha256 {row['sha256']!r:.80}; give all 64 digits, as sha256sum")
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", row["start"]):
        raise InputError(f"{where}: start {row['start']!r:.80}; give seconds, 0 or more")
    return Source(**row | {"start": float(row["start"])})  # type: ignore[arg-type]


def fetched(folder: Path, source: Source) -> Path:
    """Return the path of a source's file in a folder; fetch it where it is missing.

    Raises:
        InputError: It cannot be fetched, or has other bytes than its row states.
    """
    file = folder / source.file
    if file.is_file():
        if file_sha256(file) != source.sha256:
            raise InputError(
                f"{file}: has another sha256 than its row in the sheet of sources states, "
                f"{source.sha256[:8]}...; remove it, and rerun"
            )
        return file
    print(f"{file}: fetches {source.address}", flush=True)
    try:
        download(source.address, file, source.sha256, "")
    except InputError as error:
        cause = error.__cause__
        if cause is None or (isinstance(cause, OSError) and of_the_disk(cause)):
            raise
        if isinstance(cause, RuntimeError):  # of the digest
            raise InputError(
                f"{file}: {source.address} has other bytes than its row in the sheet of sources "
                f"states (sha256 {source.sha256[:8]}...); put that file there, or take the row out"
            ) from error
        reason = " ".join(str(cause).split())
        raise InputError(
            f"{file}: cannot fetch {source.address} ({reason}); fetch it on a connected machine, "
            "and put it there"
        ) from error
    return file
