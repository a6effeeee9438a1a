"""Footer of a table: all that must be known to compare or to repeat its numbers."""

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
"""Clips below which percentile intervals are known to be too short."""


def footer(
    table: Table,
    measured: Mapping[str, Measurement],
    odd: Sequence[Disagreement],
    settings: TablesSettings,
) -> dict[str, str]:
    """Terms and texts below a table, all of whose measured rows leave out the same frames.

    `odd` are the cells of this table whose mark in the paper is not the one its numbers give.
    """
    dataset = settings.datasets.get(table.dataset)
    terms = {"Note": table.note} if table.note else {}
    terms |= {"Run": settings.run, "Dataset": table.dataset}
    if measured and dataset:
        terms |= {"Ground truth": dataset.variant, "Split": dataset.split}
        terms |= _frames(table, measured, settings)
        terms |= {"Average": AVERAGES[_first(measured).average], "Intervals": _intervals(measured)}
        terms |= _observers(table, settings)
    if odd:
        terms["Marks in the paper's text"] = "; ".join(map(str, odd))
    return terms | {
        "Protocol": settings.protocol,
        "Configuration": settings.config_digest,
        "Code": settings.code,
        "Seed": str(settings.seed),
    }


def _observers(table: Table, settings: TablesSettings) -> dict[str, str]:
    """What the row of the observers is; nothing without such a row."""
    rows = [label for label, row in table.measured.items() if row.model in settings.observed]
    if not rows:
        return {}
    text = (
        "no model: each is predicted by the gaze of all others. CC, SIM, KLDiv and chi-square are "
        "of one person's gaze, and not comparable with a model's. Not ranked, not tested"
    )
    return {", ".join(rows): text}


def _first(measured: Mapping[str, Measurement]) -> Measurement:
    """Any of the rows: all have the same frames, averaged alike."""
    return next(iter(measured.values()))


def _frames(
    table: Table, measured: Mapping[str, Measurement], settings: TablesSettings
) -> dict[str, str]:
    """How many frames there are, why some do not count, and which of the others are odd."""
    first = _first(measured)
    rules = PROTOCOLS[settings.protocol]
    # A protocol that draws more frames than there are averages all of them.
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
    """Metrics by word and count: `no_fixation 3 (AUC-J, NSS)`."""
    groups: dict[str, list[str]] = {}
    for (word, metric), count in counts.items():
        groups.setdefault(f"{word}{count}", []).append(metric)
    return "; ".join(f"{head} ({', '.join(metrics)})" for head, metrics in groups.items())


def by_row(texts: Mapping[str, str]) -> str:
    """Texts of rows as one; rows with the same text are named together."""
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
    # Metrics leave out different frames, and so different clips; the note is of the fullest one.
    scored = max(int(np.count_nonzero(sums.counts)) for sums in first.by_clip.values())
    if scored < 2:
        return "none: one clip alone does not tell how clips differ"
    text = f"95 %, percentiles of a bootstrap over {scored} clips, {DRAWS} draws"
    return text if scored >= _FEW else f"{text}; of so few clips they are too short"
