"""Notes above and below a table: all that must be known to compare or to repeat its numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.config.evaluation import Table, TablesSettings
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.reporting.intervals import DRAWS, FEWEST_CLIPS
from pipeline.reporting.means import Measurement
from pipeline.reporting.pages.page import Page, Row
from pipeline.reporting.published import Disagreement

AVERAGES: Final = {
    "frame": "mean over frames",
    "clip": "mean over the frames of a clip, then over clips",
}
_PAPERS: Final = ("paper", "part", "diem_whole")
"""Runs with the paper's settings; what part of the data `part` has, each table says by itself."""
_DRAWN: Final = "demo"
"""The run whose data are drawn."""
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
        if truth := PROTOCOLS[settings.protocol].truth:
            terms["Densities"] = f"the protocol's own, in place of those above: {truth}"
        terms |= _frames(table, measured, settings)
        terms |= {"Average": AVERAGES[_first(measured).average], "Intervals": _intervals(measured)}
        terms |= {"Optical flow": _flows(table, measured, settings)}
        terms |= _observers(table, settings)
    if odd:
        terms["Marks in the paper's text"] = "; ".join(map(str, odd))
    return terms | {
        "Protocol": settings.protocol,
        "Configuration": settings.config_digest,
        "Code": settings.code,
        "Seed": str(settings.seed),
    }


def source(table: Table, settings: TablesSettings) -> dict[str, str]:
    """Return what made a table's numbers, term by term; every sheet of it begins with that."""
    dataset = settings.datasets.get(table.dataset)
    return {
        "run": settings.run,
        "dataset": table.dataset,
        "variant": dataset.variant if dataset else "",
        "split": dataset.split if dataset else "",
        "protocol": settings.protocol,
        "seed": str(settings.seed),
        "configuration": settings.config_digest,
        "code": settings.code,
    }


def _flows(table: Table, measured: Iterable[str], settings: TablesSettings) -> str:
    """The optical flow that each measured row sees, with its weights."""
    models = {label: row.model for label, row in table.measured.items()} | settings.sanity
    return by_row({label: settings.flows.get(models.get(label, ""), "none") for label in measured})


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
    if scored < FEWEST_CLIPS:
        clips = "1 clip has" if scored == 1 else f"{scored} clips have"
        return f"none: {clips} a value, and with fewer than {FEWEST_CLIPS} none is shown"
    text = f"95 %, percentiles of a bootstrap over {scored} clips, {DRAWS} draws"
    return text if scored >= _FEW else f"{text}; of so few clips they are too short"


def remarks(
    name: str, table: Table, rows: Sequence[Row], settings: TablesSettings
) -> tuple[str, ...]:
    """Return what must be known of a table: of its run, and of what it does not measure."""
    found = [*of_run(settings.run)]
    if why := settings.left_out.get(table.dataset):
        return (*found, f"{why}: printed values only.")
    lacking = settings.lacking.get(name, {}) | {
        row.method: settings.quoted[row.method]
        for row in rows
        if row.method in settings.quoted and not row.measured
    }
    if lacking:
        found.append(f"Not measured: {_by_reason(lacking.items())}.")
    if dropped := [m for m in settings.tables[name].metrics if m not in table.metrics]:
        found.append(f"Protocol {settings.protocol} does not report {', '.join(dropped)}.")
    return tuple(found)


def _by_reason(whys: Iterable[tuple[str, str]]) -> str:
    """Labels and why each is not measured; those with the same reason stand together."""
    groups: dict[str, Counter[str]] = {}
    for label, why in whys:
        groups.setdefault(why, Counter())[label] += 1
    parts = []
    for why, labels in groups.items():
        named = [label if n == 1 else f"{label} in {n} tables" for label, n in labels.items()]
        parts.append(f"{', '.join(named)} ({why})")
    return "; ".join(parts)


def counted(pages: Sequence[Page], settings: TablesSettings) -> str:
    """Return how many rows the papers print, how many were measured, and why not the others."""
    printed = [
        (page.name, row)
        for page in pages
        for row in page.rows
        if any(cell.printed is not None for cell in row.cells)
    ]
    whys = [
        (row.method, _why(name, row.method, settings)) for name, row in printed if not row.measured
    ]
    text = (
        f"Of the {len(printed)} rows that the papers print, {len(printed) - len(whys)} have a "
        "value of this run beside them"
    )
    return f"{text}; not measured: {_by_reason(whys)}." if whys else f"{text}."


def _why(name: str, method: str, settings: TablesSettings) -> str:
    """Why a printed row of a table was not measured."""
    dataset = settings.tables[name].dataset
    lacking = settings.quoted | settings.lacking.get(name, {})
    return settings.left_out.get(dataset) or lacking.get(method, "only quoted")


def comparable(run: str) -> bool:
    """Return whether a run's numbers have differences to printed ones: not those of drawn data."""
    return run != _DRAWN


def of_run(run: str) -> tuple[str, ...]:
    """Return whether a run's numbers compare with the papers'; nothing where they do."""
    if run in _PAPERS:
        return ()
    if not comparable(run):
        return (
            f"Our numbers are of the run {run} on drawn miniatures. They show that the workflow "
            "works, are not comparable with the paper's, and have no differences to them.",
        )
    return (
        f"Our numbers are of the run {run}, which is not the paper's; where printed values stand "
        "beside them, they are not comparable with the paper's, and the differences mean nothing.",
    )


def protocols(settings: TablesSettings) -> str:
    """Return the run's protocol, and those of tables with another: `mit (rudoy in table_9)`."""
    groups: dict[str, list[str]] = {}
    for name, table in settings.tables.items():
        if table.protocol and table.protocol != settings.protocol:
            groups.setdefault(table.protocol, []).append(name)
    texts = [f"{protocol} in {', '.join(names)}" for protocol, names in groups.items()]
    return f"{settings.protocol} ({'; '.join(texts)})" if texts else settings.protocol


def origin(settings: TablesSettings) -> str:
    """Return which run, configuration and code made the tables."""
    return (
        "Each table sets what this run measured beside what the paper prints. "
        f"Run {settings.run}, protocol {protocols(settings)}, configuration "
        f"{settings.config_digest}, code {settings.code}, seed {settings.seed}."
    )
