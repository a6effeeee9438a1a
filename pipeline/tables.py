"""The tables of Sec. IV-D and IV-E: the scores of this run beside the values that the paper prints.

`python -m pipeline.tables` reads a CSV per model, training and dataset (a row per frame) and the
transcribed sheets of workflow/published. For each table it writes <name>.csv (a row per method and
metric), <name>.md and <name>.html, and an index of them all. The same input gives the same bytes.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pandas as pd

from pipeline.config import Table, TablesSettings
from pipeline.errors import InputError
from pipeline.metrics import METRICS
from pipeline.rendering import Cell, Page, Row, html, index_html, index_markdown, markdown
from pipeline.stage import main

DROPPED: Final = ("no_fixation", "empty_density")
"""Statuses of frames that enter no mean: nothing to compare with. A constant prediction stays."""
SANITY_GROUP: Final = "Sanity checks"
UNPRINTED_GROUP: Final = "Not in the paper"
UNTRAINED: Final = "untrained"
TITLE: Final = "Dynamic saliency: our scores beside the paper's"
AVERAGES: Final = {
    "frame": "mean over frames",
    "clip": "mean over the frames of a clip, then over clips",
}

Key = tuple[str, str, str]
"""Model, training, dataset: the last three parts of the path of a file of scores."""


@dataclass(frozen=True)
class PrintedRow:
    """A row of a table of the paper; a value that is missing there is missing here."""

    group: str
    method: str
    deep: bool
    values: dict[str, float]


@dataclass(frozen=True)
class Measurement:
    """One model on one dataset: means over frames, and what went into them."""

    means: dict[str, float]
    """Mean per metric, NaN where no frame has a value."""
    statuses: dict[str, int]
    """Status -> frames, dropped ones included."""
    undefined: dict[str, int]
    """Metric that is NaN in frames that do count -> number of those frames."""


def tables(*, scores: list[Path], published: Path, out: Path, settings: TablesSettings) -> None:
    """Write every table of the settings, and their index, into the folder `out`.

    Args:
        scores: Files `.../<model>/<training>/<dataset>.csv`, a row per frame.
        published: Folder of the transcribed tables; a table without a sheet there is a new one.
        out: Folder to write.
        settings: Tables, datasets and what the footer says.

    Raises:
        InputError: A file of scores is missing, or is not what it should be.
    """
    found = {(path.parent.parent.name, path.parent.name, path.stem): path for path in scores}
    pages = []
    for name, table in settings.tables.items():
        measured = _measure(table, found, settings)
        pages.append(_page(name, read_published(published / f"{name}.csv"), measured, settings))
    out.mkdir(parents=True, exist_ok=True)
    for page in pages:
        _write_long(page, out / f"{page.name}.csv")
        _write(out / f"{page.name}.md", markdown(page))
        _write(out / f"{page.name}.html", html(page))
    remarks = (_origin(settings), *_run_remark(settings.run))
    _write(out / "index.md", index_markdown(pages, TITLE, remarks))
    _write(out / "index.html", index_html(pages, TITLE, remarks))


def read_published(path: Path) -> list[PrintedRow]:
    """A sheet of workflow/published: columns group, method, deep, then metrics. No file, no rows.

    Raises:
        InputError: A column is missing or unknown, or a method comes twice.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as lines:
        sheet = csv.DictReader(line for line in lines if not line.startswith("#"))
        words, metrics = (sheet.fieldnames or [])[:3], (sheet.fieldnames or [])[3:]
        if words != ["group", "method", "deep"] or not {*metrics} <= METRICS.keys():
            raise InputError(
                f"{path}: expected the columns group,method,deep and metrics out of "
                f"{','.join(METRICS)}, found {','.join([*words, *metrics])}"
            )
        rows = [_printed_row(line) for line in sheet]
    methods = [row.method for row in rows]
    if twice := sorted({method for method in methods if methods.count(method) > 1}):
        raise InputError(f"{path}: {', '.join(twice)} comes twice")
    return rows


def read_scores(path: Path) -> pd.DataFrame:
    """A file of scores: clip, frame, a column per metric (NaN where empty), status.

    Raises:
        InputError: The file is missing, has other columns, or no row.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file of scores; make it with: snakemake {path}")
    remedy = f"make it anew with: snakemake --force {path}"
    expected = ["clip", "frame", *METRICS, "status"]
    try:
        # Names of clips such as 001 or NA are text.
        words, numbers = {"clip": str, "status": str}, {metric: [""] for metric in METRICS}
        sheet = pd.read_csv(path, dtype=words, keep_default_na=False, na_values=numbers)
        sheet = sheet.astype({metric: float for metric in METRICS if metric in sheet})
    except ValueError as error:
        raise InputError(f"{path}: not a table of numbers ({error}); {remedy}") from error
    if [*sheet.columns] != expected:
        found = ",".join(sheet.columns)
        raise InputError(f"{path}: expected columns {','.join(expected)}, found {found}; {remedy}")
    if sheet.empty:
        raise InputError(f"{path}: holds no frame; {remedy}")
    return sheet


def summarise(sheet: pd.DataFrame, average: Literal["frame", "clip"]) -> Measurement:
    """Average a file of scores over frames, or over each clip's frames and then over clips.

    Frames of a status in `DROPPED` enter no mean, and a NaN not that of its metric.
    """
    used = sheet[~sheet["status"].isin(DROPPED)]
    values = used[[*METRICS]]
    means = values.groupby(used["clip"]).mean().mean() if average == "clip" else values.mean()
    undefined = {metric: int(values[metric].isna().sum()) for metric in METRICS}
    return Measurement(
        means={metric: float(means[metric]) for metric in METRICS},
        statuses={str(k): int(n) for k, n in sheet["status"].value_counts().sort_index().items()},
        undefined={metric: count for metric, count in undefined.items() if count},
    )


def _printed_row(line: Mapping[str, str]) -> PrintedRow:
    values = {metric: float(line[metric]) for metric in METRICS if line.get(metric)}
    return PrintedRow(line["group"], line["method"], line["deep"] != "no", values)


def _measure(
    table: Table, found: Mapping[Key, Path], settings: TablesSettings
) -> dict[str, Measurement]:
    """Row label -> measurement, for the table's own rows and then the sanity rows."""
    if table.dataset in settings.left_out:
        return {}
    wanted = {label: (row.model, row.training) for label, row in table.measured.items()}
    wanted |= {label: (model, UNTRAINED) for label, model in settings.sanity.items()}
    paths = {label: _find((*key, table.dataset), found) for label, key in wanted.items()}
    sheets = {label: read_scores(path) for label, path in paths.items()}
    _check_same_frames(paths, sheets)
    average = settings.datasets[table.dataset].average
    return {label: summarise(sheet, average) for label, sheet in sheets.items()}


def _find(key: Key, found: Mapping[Key, Path]) -> Path:
    if key in found:
        return found[key]
    folder = next((path.parents[2] for path in found.values()), Path("scores"))
    path = folder.joinpath(*key).with_suffix(".csv")
    raise InputError(f"{path}: not among the scores given; make it with: snakemake {path}")


def _check_same_frames(paths: Mapping[str, Path], sheets: Mapping[str, pd.DataFrame]) -> None:
    """Rows of a table compare only if all have the same frames, and leave out the same ones."""
    truth = {label: sheet[["clip", "frame", "status"]].copy() for label, sheet in sheets.items()}
    for frames in truth.values():
        frames["status"] = frames["status"].where(frames["status"].isin(DROPPED), "used")
    first = next(iter(truth), None)
    for label, frames in truth.items():
        if first is not None and not frames.equals(truth[first]):
            raise InputError(
                f"{paths[label]}: its frames are not those of {paths[first]}; make both anew "
                f"with: snakemake --force {paths[first]} {paths[label]}"
            )


def _page(
    name: str,
    printed: Sequence[PrintedRow],
    measured: Mapping[str, Measurement],
    settings: TablesSettings,
) -> Page:
    table = settings.tables[name]
    best = {metric: _best(metric, measured.values()) for metric in table.metrics}
    rows = []
    for entry in [*printed, *_unprinted(printed, measured, settings)]:
        ours = measured[entry.method].means if entry.method in measured else {}
        cells = tuple(
            _cell(entry.values.get(metric), ours.get(metric), best[metric])
            for metric in table.metrics
        )
        rows.append(Row(entry.group, entry.method, entry.deep, entry.method in measured, cells))
    return Page(
        name=name,
        title=f"{name.replace('_', ' ').capitalize()}. {table.title}",
        metrics={metric: METRICS[metric] for metric in table.metrics},
        rows=tuple(rows),
        remarks=_remarks(name, table, settings),
        footer=_footer(table, measured, settings),
    )


def _unprinted(
    printed: Sequence[PrintedRow],
    measured: Mapping[str, Measurement],
    settings: TablesSettings,
) -> list[PrintedRow]:
    """Rows for what was measured and is not in the paper; sanity checks come last."""
    known = {row.method for row in printed}
    return [
        PrintedRow(SANITY_GROUP if label in settings.sanity else UNPRINTED_GROUP, label, True, {})
        for label in measured
        if label not in known
    ]


def _best(metric: str, measured: Iterable[Measurement]) -> float | None:
    """The best mean as it is shown, so that equal looks are equal ranks."""
    shown = [round(entry.means[metric], 3) for entry in measured]
    shown = [value for value in shown if not math.isnan(value)]
    pick = max if METRICS[metric] == "higher" else min
    return pick(shown, default=None)


def _cell(printed: float | None, ours: float | None, best: float | None) -> Cell:
    return Cell(printed, ours, best=ours is not None and round(ours, 3) == best)


def _remarks(name: str, table: Table, settings: TablesSettings) -> tuple[str, ...]:
    remarks = [*_run_remark(settings.run)]
    if table.dataset in settings.left_out:
        remarks.append(f"{table.dataset} is left out of this run: printed values only.")
    elif lacking := settings.lacking.get(name):
        rows = [f"{label} (its training needs {', '.join(of)})" for label, of in lacking.items()]
        remarks.append(f"Not measured, for want of data: {'; '.join(rows)}.")
    return tuple(remarks)


def _run_remark(run: str) -> tuple[str, ...]:
    if run == "paper":
        return ()
    kind = " on drawn miniatures" if run == "demo" else ""
    return (
        f"Our numbers are of the run {run}{kind}. They show that the workflow works; they are "
        "not comparable with the paper's, and the differences mean nothing.",
    )


def _origin(settings: TablesSettings) -> str:
    return (
        "Each table sets what this run measured beside what the paper prints. "
        f"Run {settings.run}, protocol {settings.protocol}, configuration "
        f"{settings.config_digest}, code {settings.code}, seed {settings.seed}."
    )


def _footer(
    table: Table, measured: Mapping[str, Measurement], settings: TablesSettings
) -> dict[str, str]:
    """Term -> text: all that must be known to compare or to repeat the numbers."""
    dataset = settings.datasets.get(table.dataset)
    footer = {"Note": table.note} if table.note else {}
    footer |= {"Run": settings.run, "Dataset": table.dataset}
    if measured and dataset:
        footer |= {"Ground truth": dataset.variant, "Split": dataset.split}
        footer |= _frames(measured) | {"Average": AVERAGES[dataset.average]}
    return footer | {
        "Protocol": settings.protocol,
        "Configuration": settings.config_digest,
        "Code": settings.code,
        "Seed": str(settings.seed),
    }


def _frames(measured: Mapping[str, Measurement]) -> dict[str, str]:
    """How many frames count, why others do not, and which of those that count are odd."""
    statuses = next(iter(measured.values())).statuses
    dropped = {reason: statuses.get(reason, 0) for reason in DROPPED}
    used = sum(statuses.values()) - sum(dropped.values())
    frames = f"{used} used; dropped: {', '.join(f'{k} {n}' for k, n in dropped.items())}"
    constant = [
        f"{label} {entry.statuses['constant_prediction']}"
        for label, entry in measured.items()
        if "constant_prediction" in entry.statuses
    ]
    undefined = [
        f"{label} {metric} {count}"
        for label, entry in measured.items()
        for metric, count in entry.undefined.items()
    ]
    return {
        "Frames": frames,
        "Frames with a constant prediction": ", ".join(constant) or "none",
        "Frames without a value, left out of its mean": ", ".join(undefined) or "none",
    }


def _write_long(page: Page, path: Path) -> None:
    """A line per row and metric: printed and ours in full, difference = ours - printed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(["group", "method", "source", "metric", "printed", "ours", "difference"])
        for row in page.rows:
            source = "measured" if row.measured else "printed"
            for metric, cell in zip(page.metrics, row.cells, strict=True):
                printed = "" if cell.printed is None else f"{cell.printed:.3f}"
                ours = "" if cell.ours is None else f"{cell.ours:.6f}"
                difference = "" if cell.difference is None else f"{cell.difference:.6f}"
                sheet.writerow([row.group, row.method, source, metric, printed, ours, difference])


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(tables)
