"""What is said below a table: all that must be known to compare or to repeat its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.config.evaluation import Table, TablesSettings
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.reporting.intervals import DRAWS
from pipeline.reporting.means import Measurement
from pipeline.reporting.published import Disagreement

AVERAGES: Final = {
    "frame": "mean over frames",
    "clip": "mean over the frames of a clip, then over clips",
}
ALL_ROWS: Final = "all rows"
_FEW: Final = 10
"""Clips below which percentile intervals are known to be short."""


def footer(
    table: Table,
    measured: Mapping[str, Measurement],
    odd: Sequence[Disagreement],
    settings: TablesSettings,
) -> dict[str, str]:
    """Term -> text.

    Args:
        table: The table.
        measured: Row -> measurement; all leave out the same frames.
        odd: Where the paper's marks are not those of its numbers, in this table.
        settings: What was run.
    """
    dataset = settings.datasets.get(table.dataset)
    told = {"Note": table.note} if table.note else {}
    told |= {"Run": settings.run, "Dataset": table.dataset}
    if measured and dataset:
        told |= {"Ground truth": dataset.variant, "Split": dataset.split}
        told |= _frames(table, measured, settings)
        told |= {"Average": AVERAGES[_first(measured).average], "Intervals": _intervals(measured)}
        told |= _observers(table, settings)
    if odd:
        told["Marks in the paper's text"] = "; ".join(map(str, odd))
    return told | {
        "Protocol": settings.protocol,
        "Configuration": settings.config_digest,
        "Code": settings.code,
        "Seed": str(settings.seed),
    }


def _observers(table: Table, settings: TablesSettings) -> dict[str, str]:
    """What the row of the observers is, where there is one."""
    rows = [label for label, row in table.measured.items() if row.model in settings.observed]
    if not rows:
        return {}
    said = (
        "no model: each is predicted by the gaze of all others. CC, SIM, KLDiv and chi-square are "
        "of one person's gaze, and not comparable with a model's. Not ranked, not tested"
    )
    return {", ".join(rows): said}


def _first(measured: Mapping[str, Measurement]) -> Measurement:
    """Any row: all have the same frames, averaged alike."""
    return next(iter(measured.values()))


def _frames(
    table: Table, measured: Mapping[str, Measurement], settings: TablesSettings
) -> dict[str, str]:
    """How many frames there are, why some do not count, and which that count are odd."""
    first = _first(measured)
    rules = PROTOCOLS[settings.protocol]
    drawn = rules.sample if rules.sample and rules.sample < first.frames else None
    clips = "1 clip" if len(first.clips) == 1 else f"{len(first.clips)} clips"
    left = statuses(first, table.metrics, rules.left_out)
    counted = {
        label: statuses(entry, table.metrics, odd(entry) - rules.left_out)
        for label, entry in measured.items()
    }
    undefined = {
        label: _grouped({("", m): n for m, n in entry.undefined.items() if m in table.metrics})
        for label, entry in measured.items()
    }
    return {
        "Frames": f"{first.frames} of {clips}"
        + (f", of which {drawn} drawn for each metric" if drawn else ""),
        "Left out of the means": left or "none",
        "Odd, yet counted": by_row(counted) or "none",
        "Without a value, though counted": by_row(undefined) or "none",
    }


def statuses(entry: Measurement, metrics: Sequence[str], wanted: Iterable[str]) -> str:
    """How many frames have each wanted status: `no_fixation 3 (AUC-J, NSS)`."""
    return _grouped(
        {
            (f"{status} ", metric): entry.statuses[metric][status]
            for status in sorted(wanted)
            for metric in metrics
            if status in entry.statuses[metric]
        }
    )


def odd(entry: Measurement) -> frozenset[str]:
    """The statuses of a measurement that are not ok."""
    return frozenset(status for counts in entry.statuses.values() for status in counts) - {"ok"}


def _grouped(counts: Mapping[tuple[str, str], int]) -> str:
    """Metrics with the same word and count are told together: `no_fixation 3 (AUC-J, NSS)`."""
    groups: dict[str, list[str]] = {}
    for (word, metric), count in counts.items():
        groups.setdefault(f"{word}{count}", []).append(metric)
    return "; ".join(f"{told} ({', '.join(metrics)})" for told, metrics in groups.items())


def by_row(texts: Mapping[str, str]) -> str:
    """Rows of which the same is to be told are named together."""
    groups: dict[str, list[str]] = {}
    for label, text in texts.items():
        groups.setdefault(text, []).append(label)
    return ". ".join(
        f"{ALL_ROWS if len(labels) == len(texts) else ', '.join(labels)}: {text}"
        for text, labels in groups.items()
        if text
    )


def _intervals(measured: Mapping[str, Measurement]) -> str:
    first = _first(measured)
    scored = max(int(np.count_nonzero(sums.counts)) for sums in first.by_clip.values())
    if scored < 2:
        return "none: one clip alone does not tell how clips differ"
    told = f"95 %, percentiles of a bootstrap over {scored} clips, {DRAWS} draws"
    return told if scored >= _FEW else f"{told}; of so few clips they are too short"
