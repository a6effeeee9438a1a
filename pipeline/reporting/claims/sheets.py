"""Checks of sheets of results: what a column comes to, and whether one is above another."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Final

import numpy as np

from pipeline.planning.claims import Claim
from pipeline.reporting.claims.differences import Difference, undecided, verdict
from pipeline.reporting.claims.facts import Parts, fits
from pipeline.reporting.claims.run import FAILS, HOLDS, OPEN, Finding, Run, comparable
from pipeline.reporting.intervals import ClipSums, compare, drawn_clips
from pipeline.reporting.pages.rendering import number, shown_comparison
from pipeline.runtime.sheets import read_rows

_AGGREGATES: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "min": min,
    "max": max,
    "mean": fmean,
    "sum": sum,
}


def column(claim: Claim, parts: Parts, run: Run) -> Finding:
    """A column of a sheet of results comes to what the claim has."""
    file = run.results / parts["file"]
    if not file.is_file():
        return _missing(claim, run, file)
    rows = read_rows(file, (parts["column"],))
    values = [float(row[parts["column"]]) for row in rows if row[parts["column"]]]
    if not values:
        return Finding(OPEN, "no value", (file,), f"no clip has {parts['column']}")
    value = _AGGREGATES[parts["aggregate"]](values)
    shown = f"{value:g} over {len(values)} clips"
    found = Finding(HOLDS if fits(claim.expected, value) else FAILS, shown, (file,))
    return comparable(run, file.stem, found)


def paired(claim: Claim, parts: Parts, run: Run) -> Finding:
    """One column of a sheet of frames is above another, or above a number, clip by clip."""
    file = run.results / parts["file"]
    if not file.is_file():
        return _missing(claim, run, file)
    first, second = parts["first"], parts["second"]
    columns = (first,) if second[0].isdigit() else (first, second)
    totals = defaultdict[str, list[float]](lambda: [0.0, 0.0, 0.0])
    for line in read_rows(file, ("clip", *columns)):
        if all(line[name] for name in columns):
            values = (float(line[first]), float(line.get(second, second)), 1.0)
            totals[line["clip"]] = [
                a + b for a, b in zip(totals[line["clip"]], values, strict=True)
            ]
    if not totals:
        return Finding(OPEN, "no value", (file,), f"no frame has {' and '.join(columns)}")
    array = np.array([totals[clip] for clip in sorted(totals)])
    ours, theirs = (ClipSums(array[:, i], array[:, 2].astype(np.int64)) for i in (0, 1))
    cell = compare(ours, theirs, "clip", drawn_clips(len(array), run.settings.seed))
    result = (
        f"{first} {number(ours.mean('clip'))}, {second} {number(theirs.mean('clip'))}; difference "
        f"{' '.join(shown_comparison(cell))} over {len(array)} clips"
    )
    found = Finding(verdict([Difference(second, first, cell).side], most=False), result, (file,))
    if found.verdict == OPEN:
        found = replace(found, why=undecided(len(array)))
    return comparable(run, file.stem, found)


def _missing(claim: Claim, run: Run, file: Path) -> Finding:
    why = run.apart(file.stem) or f"make it with: snakemake {file}"
    return Finding(OPEN, "no such sheet", (claim.sheet,), why)
