"""SHA-256 of every file of a crate, in the form that `sha256sum -c SHA256SUMS` reads."""

from pathlib import Path
from typing import Final

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.text import read_text
from pipeline.stores.weights import file_sha256

SUMS: Final = "SHA256SUMS"
_NAMED: Final = 5
"""Files that a message names; the rest is counted."""


def files_of(crate: Path) -> list[str]:
    """Every file of a crate but the checksums themselves, by its path, in order.

    Passes over `check`, where a reviewer's environment may lie, and what Python compiles.
    """
    found = (path.relative_to(crate) for path in crate.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in found
        if path.parts[0] not in (SUMS, "check") and "__pycache__" not in path.parts
    )


def write_sums(crate: Path) -> None:
    """Write the checksums of all files of a crate.

    Raises:
        InputError: The disk refuses it.
    """
    lines = (f"{file_sha256(crate / path)}  {path}\n" for path in files_of(crate))
    with atomic(crate / SUMS) as partial:
        partial.write_text("".join(lines), encoding="utf-8", newline="\n")


def check_sums(crate: Path) -> int:
    """Compare every file of a crate with its checksum; return how many there are.

    Raises:
        InputError: It is no crate of this workflow, or a file differs, is missing or is not listed.
    """
    sums = crate / SUMS
    if not sums.is_file():
        raise InputError(f"{sums}: no such file, so this is no crate; make one: make crate")
    lines = (line.partition("  ") for line in read_text(sums).splitlines())
    listed = {path: digest for digest, _, path in lines}
    found = files_of(crate)
    wrong = sorted(
        path
        for path in {*listed, *found}
        if path not in listed
        or not (crate / path).is_file()
        or file_sha256(crate / path) != listed[path]
    )
    if wrong:
        some = ", ".join(wrong[:_NAMED]) + (", ..." if len(wrong) > _NAMED else "")
        raise InputError(
            f"{crate}: {len(wrong)} files differ from {SUMS}: {some}; unpack the archive again, "
            "or make the crate again: make crate"
        )
    return len(found)
