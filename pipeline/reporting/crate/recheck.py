"""A stranger's check of a crate: `python -m pipeline.reporting.crate.recheck CRATE`.

    python -m pipeline.reporting.crate.recheck CRATE [--tables]

CRATE is the folder of a crate, or its zip, which is unpacked elsewhere and checked by the code that
is in it. Needs no data and no network. Compares every file with its checksum,
scores the maps again that the crate holds, makes all tables again from the sheets of scores, and
compares each file byte by byte with that of the crate. Ends with status 1 if one differs. With
`--tables` no map is scored.
"""

import argparse
import json
import math
import os
import runpy
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any, Final

from pipeline.reporting.crate.calls import TABLES
from pipeline.reporting.crate.checksums import check_sums
from pipeline.reporting.crate.places import CODE_FOLDER
from pipeline.runtime.cli import in_a_line
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.runtime.text import read_text

TABLES_WORDS: Final = "run/tables.args"
"""The words of the call of stage `tables`, a line each: `... @run/tables.args --out FOLDER`."""
SCORES_CALLS: Final = "run/scores.json"
"""The calls of the stages that score."""
_NAMED: Final = 5
"""Sheets that a message names; the rest is counted."""


def recheck(crate: Path, *, scored: bool = True) -> list[str]:
    """Return a message for each kind of file that is not made again as it is; print what is.

    Without `scored` only the tables are made again.

    Raises:
        InputError: The crate is none, changed since it was packed, or a stage refuses its files.
    """
    print(f"checksums: {check_sums(crate)} files are as they were packed", flush=True)
    messages = _scores(crate) if scored else []
    return messages + _tables(crate)


def _unpacked(archive: Path, words: Sequence[str]) -> int:
    """Check a zip by its own code, in a folder of its own; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{archive}: cannot be unpacked ({error}); fetch it again") from None
        line = [sys.executable, "-P", "-m", "pipeline.reporting.crate.recheck", ".", *words]
        code = str(Path(folder).resolve() / CODE_FOLDER)
        environment = {**os.environ, "PYTHONPATH": code, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(line, cwd=folder, env=environment, check=False).returncode


def _scores(crate: Path) -> list[str]:
    calls = json.loads(read_text(crate / SCORES_CALLS))
    differing, again = list[str](), 0
    with chdir(crate), tempfile.TemporaryDirectory() as folder:
        for call in calls:
            if not call["again"]:
                continue
            again += 1
            sheet = Path(call["output"])
            made = Path(folder, *sheet.parts[-5:])
            made.parent.mkdir(parents=True, exist_ok=True)
            run_stage(call["module"], [*call["words"], call["out"], str(made)])
            if made.read_bytes() != sheet.read_bytes():
                differing.append(f"{sheet} ({_distance(sheet, made)})")
    others = len(calls) - again
    print(f"scores: {again - len(differing)} of {again} sheets came out the same", flush=True)
    if others:
        print(f"scores: {others} sheets not made again, as their maps are not here", flush=True)
    return [f"scores: {_some(differing)} came out otherwise"] if differing else []


def _distance(before: Path, after: Path) -> str:
    """How far two sheets of scores are apart, in words."""
    pairs = [*zip(read_rows(before), read_rows(after), strict=False)]
    apart = max((_apart(one, other) for one, other in pairs), default=0.0)
    return "rows or words differ" if math.isinf(apart) else f"by {apart:.1g} at most"


def _apart(one: dict[str, str], other: dict[str, str]) -> float:
    """The largest difference of two rows' numbers; infinite where anything else differs."""
    largest = 0.0
    for column in {*one, *other}:
        before, after = one.get(column), other.get(column)
        if before != after:
            try:
                largest = max(largest, abs(float(str(before)) - float(str(after))))
            except ValueError:
                return math.inf
    return largest


def _tables(crate: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        _mirror(crate.resolve(), Path(folder))
        with chdir(folder):
            run_stage("pipeline.reporting.tables", [f"@{TABLES_WORDS}", "--out", TABLES])
        there, made = _content(crate / TABLES), _content(Path(folder, TABLES))
    differing = sorted(
        name for name in {*there, *made} if there.get(name, b"") != made.get(name, b"")
    )
    same = len({*there, *made}) - len(differing)
    print(f"tables: {same} of {len(there)} files came out the same", flush=True)
    return [f"tables: {_some(differing)} came out otherwise"] if differing else []


def _mirror(crate: Path, folder: Path) -> None:
    """Link all of a crate but its tables into a folder, in which they will lie as in the crate.

    Links on their pages depend on where the tables lie.
    """
    for path in crate.iterdir():
        if path.name != Path(TABLES).parts[0]:
            (folder / path.name).symlink_to(path)
    beside = (folder / TABLES).parent
    beside.mkdir()
    for path in (crate / TABLES).parent.iterdir():
        if path.name != Path(TABLES).name:
            (beside / path.name).symlink_to(path)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def run_stage(module: str, words: Sequence[str]) -> None:
    """Run a stage in this process; its imports are then there for the next one.

    Raises:
        InputError: It ends with a message.
    """
    try:
        with _arguments([module, *words]):
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise InputError(str(ended.code)) from None


@contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    before = sys.argv
    sys.argv = words
    try:
        yield
    finally:
        sys.argv = before


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Raises:
        SystemExit: With a line for each thing that differs.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.reporting.crate.recheck",
        description=(__doc__ or "").split("\n")[0],
    )
    parser.add_argument("crate", type=Path, help="folder or zip of the crate")
    parser.add_argument("--tables", action="store_true", help="score no maps, make tables only")
    given: Any = parser.parse_args(arguments)
    with in_a_line(parser.prog, [given.crate]):
        if given.crate.is_file():
            sys.exit(_unpacked(given.crate, ["--tables"] if given.tables else []))
        messages = recheck(given.crate, scored=not given.tables)
    if messages:
        sys.exit("\n".join(f"{parser.prog}: {given.crate}: {message}" for message in messages))
    print("the tables of this crate follow from what it holds")


if __name__ == "__main__":
    main()
