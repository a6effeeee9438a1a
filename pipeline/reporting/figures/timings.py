"""Time and memory that the jobs of each rule took, from Snakemake's `benchmark:` files."""

from pathlib import Path
from statistics import median
from typing import NamedTuple

from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows


class Timing(NamedTuple):
    """All jobs of a rule; None where they were too short to be looked at while they ran."""

    rule: str
    jobs: int
    wall: float
    """Seconds, summed over jobs."""
    cpu: float | None
    """Seconds of all cores, summed over jobs."""
    memory: float | None
    """Median over jobs of each one's peak of resident memory, in MB."""
    peak: float | None
    """The largest of those peaks, in MB."""


_Job = tuple[float, float | None, float | None]
"""Seconds on the clock and of all cores, and the peak of resident memory in MB."""


def read_timings(folder: Path) -> list[Timing]:
    """Timings by rule, the longest first, of files <folder>/<rule>/.../<job>.tsv.

    Raises:
        InputError: A file is not one that Snakemake writes.
    """
    jobs: dict[str, list[_Job]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        jobs.setdefault(path.relative_to(folder).parts[0], []).append(_read(path))
    timings = [_summed(rule, of_rule) for rule, of_rule in jobs.items()]
    return sorted(timings, key=lambda timing: (-timing.wall, timing.rule))


def _summed(rule: str, jobs: list[_Job]) -> Timing:
    wall, *measured = zip(*jobs, strict=True)
    cpu, memory = ([value for value in values if value is not None] for values in measured)
    peak = max(memory, default=None)
    middle = median(memory) if memory else None
    return Timing(rule, len(jobs), sum(wall), sum(cpu) if cpu else None, middle, peak)


def _read(path: Path) -> _Job:
    """The job of a file, which has one row."""
    try:
        row = read_rows(path, ("s", "cpu_time", "max_rss"), delimiter="\t")[0]
        cells = (row["s"], row["cpu_time"], row["max_rss"])
        # Snakemake writes NA or - for jobs that ended before its first look at them.
        wall, cpu, memory = (None if cell in ("NA", "-", "") else float(cell) for cell in cells)
        if wall is None:
            raise ValueError("no seconds")
    except (IndexError, InputError, ValueError) as error:
        raise InputError(
            f"{path}: expected a row with s, cpu_time and max_rss, as Snakemake's benchmark "
            f"writes it ({error}); delete it"
        ) from None
    return wall, cpu, memory


def duration(seconds: float) -> str:
    """Seconds in two units at most: 4.2 s, 3 min 20 s, 5 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
