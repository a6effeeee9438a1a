"""The last lines of the jobs that run now, read from their logs again and again.

    python -m pipeline.runtime.follow [LOGS] [--once] [--every SECONDS]

LOGS is the folder of one run's logs, or of several runs' (default: logs). A job runs if its log
changed within the last minutes and the file of its benchmark, which Snakemake writes when a job has
ended well, is not younger. A failed job is shown as well until its log is old. It works where the
logs are seen, also while the jobs run on other machines. Ctrl-C ends it.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.runtime.pace import duration

SILENT = 600.0
"""Seconds without a new line after which a job counts as ended: stages write a line a minute, and a
single step may take several of them."""
_WIDTH = 120
"""Characters of a line on the terminal, at most."""
_TAIL = 4096
"""Bytes at the end of a log that are read: more than its last line."""
_CLEAR = "\x1b[2J\x1b[H"


class Running(NamedTuple):
    """A job that runs."""

    log: Path
    """Path of its log below the folder of logs."""
    age: float
    """Seconds since its last line."""
    line: str
    """Its last line; empty where there is none yet."""


def running(folder: Path, now: float) -> list[Running]:
    """Return the jobs whose logs lie below a folder and that run, the oldest line first."""
    found = []
    for log in folder.rglob("*.log"):
        changed = _changed(log)
        if now - changed <= SILENT and _changed(_benchmark(folder, log)) < changed:
            age = max(0.0, now - changed)  # clocks of other machines differ
            found.append(Running(log.relative_to(folder), age, _last_line(log)))
    return sorted(found, key=lambda job: (-job.age, job.log))


def _changed(file: Path) -> float:
    """When a file changed, in seconds; 0 where there is none."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _benchmark(folder: Path, log: Path) -> Path:
    """The file of a job's benchmark: <logs>/benchmarks/flow/a.tsv for <logs>/flow/a.log."""
    for logs in (parent for parent in log.parents if parent.is_relative_to(folder)):
        file = logs / "benchmarks" / log.relative_to(logs).with_suffix(".tsv")
        if file.is_file():
            return file
    return folder / "benchmarks" / log.relative_to(folder).with_suffix(".tsv")


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(char if char.isprintable() else " " for char in lines[-1]) if lines else ""


def shown(jobs: Sequence[Running]) -> Iterator[str]:
    """Yield two lines for each job: its log with the age of its last line, and that line."""
    for job in jobs:
        yield f"{job.log.with_suffix('')}, {duration(job.age)} ago"
        yield f"    {job.line or '(nothing yet)'}"[:_WIDTH]
    if not jobs:
        yield "no job runs here"


def main(arguments: Sequence[str] | None = None) -> None:
    """Show the jobs, once or until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.runtime.follow",
        description="Shows the last lines of the jobs that run now.",
    )
    parser.add_argument("logs", nargs="?", type=Path, default=Path("logs"), help="default: logs")
    parser.add_argument("--once", action="store_true", help="show them once")
    parser.add_argument("--every", type=float, default=5.0, help="seconds; default: 5")
    given = parser.parse_args(arguments)
    if not given.logs.is_dir():
        sys.exit(f"{parser.prog}: {given.logs}: no such folder; name that of pathvars.logs")
    try:
        while True:
            lines = shown(running(given.logs, time.time()))
            print("" if given.once else _CLEAR, *lines, sep="\n", flush=True)
            if given.once:
                return
            time.sleep(given.every)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
