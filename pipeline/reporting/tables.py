"""The tables of Sec. IV-D and IV-E: the scores of this run beside the values that the paper prints.

`python -m pipeline.reporting.tables` reads a CSV per model, training and dataset (a row per frame)
and the transcribed sheets of workflow/published. For each table it writes <name>.csv (a row per
method and metric), <name>_clips.csv, <name>.md, <name>.html and <name>.tex; beside them an index,
and pages.json, from which the report is rendered. The same input gives the same bytes.
"""

import itertools
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from pipeline.config.evaluation import Table, TablesSettings
from pipeline.config.section import GIVEN, UNTRAINED
from pipeline.evaluation.metrics.registry import better
from pipeline.evaluation.protocols import protocol, reported
from pipeline.planning.made import check
from pipeline.planning.paths import clip_page, clips_page
from pipeline.reporting import differences
from pipeline.reporting.coverage import Manifests, listed_beyond, sentences
from pipeline.reporting.means import Measurement, Sheet, read_scores, summarise
from pipeline.reporting.pages.notes import (
    comparable,
    counted,
    footer,
    of_run,
    origin,
    remarks,
    source,
)
from pipeline.reporting.pages.outcome import outcome
from pipeline.reporting.pages.page import (
    SANITY_GROUP,
    UNPRINTED_GROUP,
    Cell,
    ClipPages,
    Page,
    Row,
    write_index,
    write_page,
)
from pipeline.reporting.pages.sheets import write_attributes, write_clips, write_long
from pipeline.reporting.published import (
    Disagreement,
    PrintedRow,
    disagreements,
    ranks,
    read_published,
)
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.chains import product
from pipeline.stores.score_sheets import sheet_facts
from pipeline.stores.seals import name_of

TITLE: Final = "Dynamic saliency: our scores beside the paper's"

Key = tuple[str, str, str, str]
"""Protocol of a file of scores, and the last parts of its path: model, training, dataset."""
Read = Callable[[Path, str], Sheet]


def tables(
    *,
    scores: list[Path],
    made: list[Path],
    expected: dict[str, dict[str, Any]],
    tested: list[Path],
    trained: list[Path],
    published: Path,
    out: Path,
    settings: TablesSettings,
) -> None:
    """Write every table of the settings, and their index, into the folder `out`.

    `scores` are `.../<protocol>/<model>/<training>/<dataset>.csv`, a row per frame; `made` are the
    manifests and weights behind them, and `expected` the settings that each must have been made
    with (pipeline/planning/made.py). `tested` and `trained` are manifests of the scored splits and
    of the training splits, .../<dataset>/<stage>/<part>.json: they name clips that a job left out.
    A table without a sheet in the folder `published` is new.

    Raises:
        InputError: A file of scores is missing or malformed, its frames are not those of others, or
            something was made with other settings than config.yaml has, or from other stores or
            weights than are there.
    """
    check([*made, *scores], expected)
    found = {
        (sheet_facts(path)["protocol"], *path.parts[-3:-1], path.stem): path for path in scores
    }
    read = cache(read_scores)  # several tables have the same rows
    odd = disagreements(published) if (published / "marks.csv").exists() else []
    of = {name: _as_printed(table, settings) for name, table in settings.tables.items()}
    measured = {
        name: _measure(name, _reported(table, of[name]), found, read, of[name])
        for name, table in settings.tables.items()
    }
    data = Manifests(tested, trained)
    pages = [
        _page(name, read_published(published / f"{name}.csv"), entries, odd, of[name], data)
        for name, entries in measured.items()
    ]
    pages = [replace(page, clip_pages=_clip_pages(page, settings, out)) for page in pages]
    for page in pages:
        write_long(page, out / f"{page.name}.csv")
        if measured[page.name]:
            write_clips(page, measured[page.name], out / f"{page.name}_clips.csv")
        if attributes := _attributes(page.name, settings):
            sheet = out / f"{page.name}_attributes.csv"
            write_attributes(page, measured[page.name], attributes, sheet)
        write_page(out, page, ("md", "html", "tex"))
    parts = sentences(itertools.chain(*settings.coverage.values()), data)
    sentences_above = (outcome(pages), *of_run(settings.run), counted(pages, settings), *parts)
    sentences_above = (*sentences_above, origin(settings))
    inputs = {name_of(path): product(path).digest for path in scores}
    further = _further(settings, out)
    write_index(out, pages, TITLE, sentences_above, inputs, settings.run, further)


def _as_printed(table: Table, settings: TablesSettings) -> TablesSettings:
    """The settings with the protocol that the values of a table were printed by."""
    return settings.model_copy(update={"protocol": table.protocol or settings.protocol})


def _measure(
    name: str, table: Table, found: Mapping[Key, Path], read: Read, settings: TablesSettings
) -> dict[str, Measurement]:
    """Row label -> measurement, for the table's own rows and then the sanity rows."""
    if table.dataset in settings.left_out:
        return {}
    wanted = {label: (row.model, row.training) for label, row in table.measured.items()}
    wanted |= {label: (model, UNTRAINED) for label, model in settings.sanity.items()}
    paths = {
        label: _find((settings.protocol, *key, table.dataset), found)
        for label, key in wanted.items()
    }
    sheets = {label: read(path, settings.protocol) for label, path in paths.items()}
    _check_metrics(name, table, sheets.values())
    _check_same_frames(table, list(sheets.values()))
    meta = settings.datasets[table.dataset].meta
    average = table.average or protocol(settings.protocol).averaging(meta=meta)
    return {label: summarise(sheet, average, settings.seed) for label, sheet in sheets.items()}


def _reported(table: Table, settings: TablesSettings) -> Table:
    """The table without metrics that the protocol does not report, unless it reports none."""
    known = reported(protocol(settings.protocol), table.metrics)
    metrics = tuple(metric for metric in table.metrics if metric in known)
    return table.model_copy(update={"metrics": metrics or table.metrics})


def _find(key: Key, found: Mapping[Key, Path]) -> Path:
    if key in found:
        return found[key]
    alike = (path.parents[2] for (protocol, *_), path in found.items() if protocol == key[0])
    path = next(alike, Path("scores", key[0])).joinpath(*key[1:]).with_suffix(".csv")
    raise InputError(f"{path}: not among the scores given; make it with: snakemake {path}")


def _check_metrics(name: str, table: Table, sheets: Iterable[Sheet]) -> None:
    for sheet in sheets:
        if lacking := [metric for metric in table.metrics if metric not in sheet.statuses]:
            raise InputError(
                f"{sheet.path}: table {name} wants {', '.join(lacking)}, but this sheet of "
                f"protocol {sheet.rules.name} has only {', '.join(sheet.statuses)}; take it "
                f"out of tables.{name}.metrics in config.yaml, or choose another score.protocol"
            )


def _check_same_frames(table: Table, sheets: Sequence[Sheet]) -> None:
    """Rows of a table compare only if all have the same frames, and leave out the same ones."""
    for sheet in sheets[1:]:
        first, columns = sheets[0], ["clip", "frame"]
        same = sheet is first or (
            sheet.frames[columns].equals(first.frames[columns])
            and all(
                np.array_equal(sheet.left_out(metric), first.left_out(metric))
                for metric in table.metrics
            )
        )
        if not same:
            raise InputError(
                f"{sheet.path}: its frames are not those of {first.path}; make both again "
                f"with: snakemake --force {first.path} {sheet.path}{_gaps(first, sheet)}"
            )


def _gaps(*sheets: Sheet) -> str:
    """Hint for sheets of maps that were made elsewhere; empty if none is."""
    given = [sheet.path for sheet in sheets if sheet.path.parent.name == GIVEN]
    if not given:
        return ""
    model, dataset = given[0].parents[1].name, given[0].name
    return (
        f"; maps that were made elsewhere must have every frame: frames missing from {model} are "
        f"listed in saliency/{model}/{GIVEN}/{dataset} beside the folder of scores"
    )


def _page(
    name: str,
    printed: Sequence[PrintedRow],
    measured: Mapping[str, Measurement],
    odd: Sequence[Disagreement],
    settings: TablesSettings,
    data: Manifests,
) -> Page:
    table = _reported(settings.tables[name], settings)
    # The observers themselves are no rivals of a model.
    observed = {label for label, row in table.measured.items() if row.model in settings.observed}
    rivals = {label: entry for label, entry in measured.items() if label not in observed}
    entries = [*printed, *_unprinted(printed, measured, settings)]
    compares = comparable(settings.run)
    columns = [_column(m, entries, measured, observed, compares) for m in table.metrics]
    rows = [
        Row(entry.group, entry.method, entry.deep, entry.method in measured, cells)
        for entry, cells in zip(entries, zip(*columns, strict=True), strict=True)
    ]
    attributes = _attributes(name, settings)
    dataset, of = settings.datasets[table.dataset], settings.coverage.get(name, ())
    # Listed frames of a meta dataset do not compare with the frames of a split.
    frames = None if dataset.meta or not measured else next(iter(measured.values())).frames
    pairs = differences.compared(rivals, settings.sanity, table.metrics, settings.seed)
    return Page(
        name=name,
        caption=table.title,
        metrics={metric: better(metric) for metric in table.metrics},
        rows=tuple(rows),
        pairs=pairs,
        pairs_note=differences.note(pairs, table.metrics, rivals),
        clips=differences.by_clip(rivals, settings.sanity, table.metrics),
        attributes=differences.by_attribute(measured, attributes, table.metrics),
        remarks=(*sentences(of, data, frames), *remarks(name, table, rows, settings)),
        links=_links(name, bool(measured), attributes is not None),
        footer=footer(table, measured, [one for one in odd if one.table == name], settings)
        | listed_beyond(dataset.frame_list, of, data),
        source=source(table, settings),
    )


def _links(name: str, measured: bool, attributes: bool) -> dict[str, str]:
    links = {"index.html": "All tables", f"{name}.csv": "CSV"}
    links |= {f"{name}_clips.csv": "CSV of the clips"} if measured else {}
    links |= {f"{name}_attributes.csv": "CSV of the attributes"} if attributes else {}
    return links | {f"{name}.md": "Markdown", f"{name}.tex": "LaTeX"}


def _further(settings: TablesSettings, folder: Path) -> dict[str, tuple[str, str]]:
    """Pages of the run beside its tables: link from a folder -> what is there, and its command."""
    if not settings.results:
        return {}
    to = quote(os.path.relpath(settings.results, folder))
    run = f"RUN={settings.run}"
    return {
        f"{to}/report.html": ("pictures, training curves and checks", f"make report {run}"),
        f"{to}/reproduction.html": ("the papers' claims with verdicts", f"make reproduction {run}"),
    }


def _clip_pages(page: Page, settings: TablesSettings, folder: Path) -> ClipPages | None:
    """Links from a table in a folder to the pages of its clips."""
    if page.clips is None or not settings.results:
        return None
    dataset = settings.tables[page.name].dataset
    to = os.path.relpath(settings.results, folder)
    listing = clips_page(dataset)
    links = {clip: quote(f"{to}/{clip_page(dataset, clip)}") for clip, _, _ in page.clips.rows}
    target = f"{settings.results}/{listing}"
    command = f"snakemake --cores 1 --config run={settings.run} -- {target}"
    return ClipPages(command, links, quote(f"{to}/{listing}"))


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


def _column(
    metric: str,
    entries: Sequence[PrintedRow],
    measured: Mapping[str, Measurement],
    unranked: Collection[str],
    compares: bool,
) -> list[Cell]:
    """Cells of a metric, one per row."""
    printed = [entry.values.get(metric) for entry in entries]
    rows = [measured.get(entry.method) for entry in entries]
    ours = [None if row is None else row.means[metric] for row in rows]
    between = [None if row is None else row.intervals[metric] for row in rows]
    rivals = [
        None if entry.method in unranked else value
        for entry, value in zip(entries, ours, strict=True)
    ]
    columns = (printed, ours, between, ranks(metric, printed), ranks(metric, rivals))
    return [Cell(*values, comparable=compares) for values in zip(*columns, strict=True)]


def _attributes(name: str, settings: TablesSettings) -> Path | None:
    dataset = settings.datasets.get(settings.tables[name].dataset)
    return dataset.attributes if dataset else None


if __name__ == "__main__":
    main(tables)
