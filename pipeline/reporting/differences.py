"""Differences between the measured rows of a table, overall, by clip and by attribute."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.registry import better
from pipeline.reporting import means
from pipeline.reporting.intervals import FEWEST_CLIPS, compare, drawn_clips, holm
from pipeline.reporting.means import Measurement
from pipeline.reporting.pages.page import ClipTable, Pair, leading


def compared(
    measured: Mapping[str, Measurement],
    sanity: Collection[str],
    metrics: Sequence[str],
    seed: int,
) -> tuple[Pair, ...]:
    """Comparisons of every two measured rows, and of the best of them with each sanity check.

    All rows have the same clips and are averaged alike; `seed` is that of the bootstrap's draws.
    """
    rivals = [label for label in measured if label not in sanity]
    if not rivals:
        return ()
    best = _best(rivals, measured, leading(metrics))
    named = [*combinations(rivals, 2), *((best, other) for other in measured if other in sanity)]
    average, drawn = measured[best].average, drawn_clips(len(measured[best].clips), seed)
    cells = [
        compare(measured[one].by_clip[metric], measured[other].by_clip[metric], average, drawn)
        for one, other in named
        for metric in metrics
    ]
    corrected = holm([cell.p for cell in cells])
    final = (replace(cell, p=p) for cell, p in zip(cells, corrected, strict=True))
    return tuple(Pair(*pair, tuple(islice(final, len(metrics)))) for pair in named)


def note(pairs: Sequence[Pair], metrics: Sequence[str], measured: Mapping[str, Measurement]) -> str:
    """Sentences on what the differences are, and how they were tested or why they were not."""
    if not pairs:
        return ""
    known = any(cell.interval for pair in pairs for cell in pair.cells)
    bootstrap = ", with the 95 % interval of a paired bootstrap over clips" if known else ""
    what = (
        f"The first row's mean less the second one's{bootstrap}. "
        f"Sanity checks are compared with the row that is best by {leading(metrics)}."
    )
    tests = sum(cell.p is not None for pair in pairs for cell in pair.cells)
    clips = len(measured[pairs[0].first].clips)
    if not tests:
        return (
            f"{what} No interval and no test is possible: they need {FEWEST_CLIPS} clips with a "
            f"value, and there {'is 1' if clips == 1 else f'are {clips}'} in all."
        )
    return (
        f"{what} p: Wilcoxon's signed-rank test of the clips' means, two-sided, corrected by Holm "
        f"for the {tests} tests of this table; \u2021 marks p < 0.05."
    )


def by_clip(
    measured: Mapping[str, Measurement], sanity: Collection[str], metrics: Sequence[str]
) -> ClipTable | None:
    """Table of the leading metric, a row per clip; where the best row does worst comes first."""
    if not measured:
        return None
    metric = leading(metrics)
    rivals = [label for label in measured if label not in sanity] or [*measured]
    best = _best(rivals, measured, metric)
    others = [label for label in rivals if label != best] or [m for m in measured if m != best]
    by_row = {label: entry.by_clip[metric].means for label, entry in measured.items()}
    lead = _lead(by_row[best], [by_row[label] for label in others], metric)
    clips = measured[best].clips
    rows = [
        (clip, tuple(float(row[index]) for row in by_row.values()), float(lead[index]))
        for index, clip in enumerate(clips)
    ]
    sign = 1 if better(metric) == "higher" else -1
    rows.sort(key=lambda row: (math.isnan(row[2]), sign * row[2], row[0]))
    return ClipTable(metric, _clips_note(best, others), tuple(measured), tuple(rows))


def by_attribute(
    measured: Mapping[str, Measurement], attributes: Path | None, metrics: Sequence[str]
) -> ClipTable | None:
    """Table of the leading metric, a row per attribute; None without attributes."""
    if not measured or attributes is None:
        return None
    metric = leading(metrics)
    by_row = [means.by_attribute(entry, attributes) for entry in measured.values()]
    rows = tuple((name, tuple(one[name][metric] for one in by_row), math.nan) for name in by_row[0])
    text = (
        f"Means over the clips that {attributes.name} gives each attribute; a clip may have some."
    )
    return ClipTable(metric, text, tuple(measured), rows)


def _clips_note(best: str, others: Sequence[str]) -> str:
    if not others:
        return "One row was measured: no differences."
    of = others[0] if len(others) == 1 else f"the best of {', '.join(others)} in that clip"
    return f"Difference: {best} less {of}. The clip where {best} does worst comes first."


def _lead(
    best: NDArray[np.float64], others: Sequence[NDArray[np.float64]], metric: str
) -> NDArray[np.float64]:
    """Per clip, the best row's mean less the best of the others'; NaN without others."""
    if not others:
        return np.full_like(best, np.nan)
    # fmax and fmin pass over NaN.
    pick = np.fmax if better(metric) == "higher" else np.fmin
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = best - pick.reduce(np.stack(others))
    return found


def _best(labels: Sequence[str], measured: Mapping[str, Measurement], metric: str) -> str:
    """Row with the best mean, the first of several; NaN is worse than any value."""
    sign = 1 if better(metric) == "higher" else -1

    def merit(label: str) -> float:
        mean = measured[label].means[metric]
        return -math.inf if math.isnan(mean) else sign * mean

    return max(labels, key=merit)
