"""Differences of means over the same clips, and what many of them say about a claim.

A difference has the interval of a paired bootstrap and the p of Wilcoxon's signed-rank test
(`pipeline.reporting.intervals`), corrected by Holm for the differences of the claim. It is for or
against the claim where its interval leaves out 0 and p < 0.05; else it is open.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.evaluation.metrics.registry import better
from pipeline.evaluation.protocols import Average
from pipeline.reporting.claims.run import FAILS, HOLDS, OPEN, Verdict
from pipeline.reporting.intervals import (
    FEWEST_CLIPS,
    SIGNIFICANT,
    ClipSums,
    Comparison,
    compare,
    drawn_clips,
    holm,
)
from pipeline.reporting.pages.rendering import shown_comparison
from pipeline.runtime.sheets import read_rows

Side = Literal["for", "against", "open"]


@dataclass(frozen=True)
class Difference:
    """A row of a table against a rival in one metric."""

    rival: str
    metric: str
    cell: Comparison
    """The row less the rival, turned so that above 0 the row is the better one."""

    @property
    def side(self) -> Side:
        """What it says about the claim that the row is better."""
        interval, p = self.cell.interval, self.cell.p
        if interval is None or p is None or p >= SIGNIFICANT:
            return "open"
        return "for" if interval[0] > 0 else "against" if interval[1] < 0 else "open"

    @property
    def shown(self) -> str:
        """The difference as metrics have it, with interval and p."""
        return f"{self.metric} {' '.join(shown_comparison(_turned(self.cell, self.metric)))}"


def _turned(cell: Comparison, metric: str) -> Comparison:
    """The same comparison with its sign changed where a lower value is better."""
    if better(metric) == "higher":
        return cell
    ends = cell.interval and (-cell.interval[1], -cell.interval[0])
    return replace(cell, difference=-cell.difference, interval=ends)


def differences(
    sums: Mapping[tuple[str, str], ClipSums],
    row: str,
    rivals: Sequence[str],
    metrics: Sequence[str],
    average: Average,
    seed: int,
) -> list[Difference]:
    """Differences of a row and each of its rivals, metric by metric, with p corrected for all.

    Args:
        sums: What `clip_sums` read.
        row: Method that is claimed to be the better one.
        rivals: The others.
        metrics: Metrics that the claim is about.
        average: How the table's means are made.
        seed: Of the bootstrap's draws.
    """
    found = []
    for rival in rivals:
        for metric in metrics:
            first, second = sums[row, metric], sums[rival, metric]
            drawn = drawn_clips(len(first.counts), seed)
            cell = _turned(compare(first, second, average, drawn), metric)
            found.append(Difference(rival, metric, cell))
    corrected = holm([one.cell.p for one in found])
    return [
        replace(one, cell=replace(one.cell, p=p)) for one, p in zip(found, corrected, strict=True)
    ]


def clip_sums(
    file: Path, methods: set[str], metrics: set[str]
) -> Mapping[tuple[str, str], ClipSums]:
    """Method and metric -> sums and counts of all clips, in the order of the sheet."""
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for line in read_rows(file, ("method", "clip", "metric", "mean", "frames")):
        if line["method"] in methods and line["metric"] in metrics:
            mean = float(line["mean"] or 0)
            count = int(line["frames"]) if line["mean"] else 0
            found.setdefault((line["method"], line["metric"]), []).append((mean * count, count))
    return {
        key: ClipSums(np.array([s for s, _ in pairs]), np.array([n for _, n in pairs], np.int64))
        for key, pairs in found.items()
    }


def joined(sides: Sequence[Side]) -> Side:
    """One side of many: for only if all are."""
    return "against" if "against" in sides else "open" if "open" in sides else "for"


def verdict(sides: Sequence[Side], *, most: bool) -> Verdict:
    """What metrics come to, of which all or most must be for the claim."""
    if not most:
        return {"for": HOLDS, "against": FAILS, "open": OPEN}[joined(sides)]
    half = len(sides) / 2
    if sides.count("for") > half:
        return HOLDS
    return FAILS if sides.count("against") >= half else OPEN


def undecided(clips: int) -> str:
    """Why differences over some clips are neither for nor against a claim."""
    few = f"; a test needs {FEWEST_CLIPS}" if clips < FEWEST_CLIPS else ""
    return f"{clips} clips do not tell{few}"


def least(pairs: Sequence[Difference], metrics: Sequence[str]) -> str:
    """For each metric the difference that is least in favour of the claim."""
    texts = []
    for metric in metrics:
        of_metric = [one for one in pairs if one.metric == metric]
        worst = min(of_metric, key=lambda one: _merit(one.cell.difference))
        against = f" (less {worst.rival})"
        texts.append(f"{worst.shown}{against}")
    return "; ".join(texts)


def _merit(difference: float) -> float:
    return -math.inf if math.isnan(difference) else difference
