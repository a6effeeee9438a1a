"""Stage report: one page that tells a whole run, and that needs no network and no script.

Tables as stage `tables` made them, training curves, the best, median and worst clip of each
dataset, gates, what the check of gaze against frames found, how long it took, and the rules. What
a run does not have is said in a sentence. Nothing is told by colour alone.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

from pipeline.config.evaluation import TablesSettings
from pipeline.reporting.html import definitions, embedded, figure, image, paragraph, table
from pipeline.reporting.rule_graph import Edges, read_edges, row_of_each, svg, without
from pipeline.reporting.timings import Timing, read_timings
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole

TRAINING: Final = "training"
"""Stem of the picture of the training curves; all other pictures are of a dataset."""
INDEX: Final = "index"
"""Stem of the list of tables, which this page's own contents replace."""
_LAST: Final = 10
"""Iterations whose mean loss stands for a training's end."""
_MOST: Final = 100
"""Flagged clips of a dataset that are listed; the sheet has them all."""
FLAGS: Final = {
    "short_gaze": "a recording is much shorter than the video",
    "long_gaze": "recordings are much longer than the video",
    "few_observers": "fewer observers than there should be",
    "outside": "many samples lie beside the video",
    "no_motion": "nothing moves, so time and place cannot be checked",
    "late": "gaze comes later than the motion that it fits",
    "early": "gaze comes before the motion that it fits",
    "flipped_x": "gaze fits the motion better mirrored left to right",
    "flipped_y": "gaze fits the motion better turned upside down",
}
"""What the flags of stage `alignment` mean."""

_STYLE: Final = """\
h1 { font-size: 1.6rem; }
h2 { font-size: 1.35rem; }
h3 { font-size: 1.1rem; margin-top: 1.8rem; }
h4 { font-size: 1rem; }
.contents > ol { columns: 2 18rem; }
.contents ul { padding-left: 1.2rem; font-size: .9rem; }
figure { margin: 1rem 0; }
figure img { display: block; height: auto; max-width: max(100%, 42rem); }
figcaption { font-size: .85rem; margin-top: .3rem; }
svg { display: block; max-width: none; margin: 0 auto; font-family: system-ui, sans-serif; }
.bar { display: block; border-top: .7rem solid; min-width: 1px; }
td.length { width: 25%; min-width: 8rem; vertical-align: middle; }
section { border-top: 1px solid GrayText; margin-top: 2rem; }
@media (max-width: 40rem) {
  th[scope=row] { overflow-wrap: anywhere; min-width: 7rem; }
  td.length { min-width: 4rem; }
}
@media print {
  section { border-top: none; }
  figure { break-inside: avoid; }
  figure img { max-width: 100%; max-height: 22cm; width: auto; }
  h3, h4 { break-after: avoid; }
  thead th { white-space: normal; vertical-align: bottom; }
  svg { width: 100%; height: auto; }
}"""


class Section(NamedTuple):
    """A part of the page."""

    name: str
    title: str
    body: list[str]


def report(
    *,
    tables: Path,
    pictures: list[Path],
    logs: list[Path],
    gates: list[Path],
    alignment: list[Path],
    benchmarks: Path,
    rules: Path,
    absent: list[str],
    settings: TablesSettings,
    page: Path,
) -> None:
    """Everything that a run made, to one HTML file.

    Args:
        tables: Folder of stage `tables`.
        pictures: PNGs of stages `pictures`, each with its sheet beside it, and `curves`.
        logs: <model>/<training>.csv of every training.
        gates: Sheets of stage `gates`, with their PNGs beside them.
        alignment: Sheets of stage `alignment`.
        benchmarks: Folder of Snakemake's benchmarks, <rule>/.../<job>.tsv; need not be there.
        rules: Which rule reads from which, as DOT.
        absent: Rules in it that this run has no use for.
        settings: Those of the tables.
        page: File to write.
    """
    of_datasets = [picture for picture in pictures if picture.stem != TRAINING]
    of_trainings = [picture for picture in pictures if picture.stem == TRAINING]
    style, of_tables = _tables(tables)
    sections = [
        Section("tables", "Tables", of_tables),
        Section("training", "Training", [*_training(of_trainings, logs)]),
        Section("panels", "Best, median and worst clips", [*_panels(of_datasets)]),
        Section("gates", "The gate", [*_gates(gates)]),
        Section("alignment", "Gaze against frames", [*_alignment(alignment)]),
        Section("timing", "Time and memory", [*_timing(read_timings(benchmarks))]),
        Section("rules", "Rules", [*_rules(without(read_edges(rules), absent))]),
    ]
    with whole(page) as partial:
        text = _document(settings, f"{style}\n{_STYLE}", sections)
        partial.write_text(text, encoding="utf-8", newline="\n")


def _document(settings: TablesSettings, style: str, sections: Sequence[Section]) -> str:
    title = f"Dynamic saliency: everything of run {settings.run}"
    contents = "".join(map(_listed, sections))
    told = {
        "Protocol": settings.protocol,
        "Configuration": settings.config_digest,
        "Code": settings.code,
        "Seed": str(settings.seed),
        "Left out": ", ".join(settings.left_out) or "no dataset",
    }
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}\n</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        definitions(told),
        f'<nav class="contents" aria-label="Contents"><ol>{contents}</ol></nav>',
    ]
    for name, heading, body in sections:
        opened = f'<section aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>'
        lines += [opened, *body, "</section>"]
    return "\n".join([*lines, "</body></html>", ""])


def _listed(section: Section) -> str:
    """A section in the contents, with the headings in it."""
    found = re.findall(r'<h3 id="([^"]+)">(.*?)</h3>', "".join(section.body))
    parts = "".join(f'<li><a href="#{name}">{told}</a></li>' for name, told in found)
    inside = f"<ul>{parts}</ul>" if parts else ""
    return f'<li><a href="#{section.name}">{section.title}</a>{inside}</li>'


def _tables(folder: Path) -> tuple[str, list[str]]:
    """The style of the tables' pages, which this page takes on, and their bodies."""
    _, style = embedded(folder / f"{INDEX}.html", INDEX)
    pages = sorted(page for page in folder.glob("*.html") if page.stem != INDEX)
    bodies = [embedded(page, page.stem)[0] for page in pages]
    return style, bodies or [paragraph("This run has no tables.")]


def _training(curves: Sequence[Path], logs: Iterable[Path]) -> Iterator[str]:
    """The curves, and where each began and ended."""
    rows = [
        (escape(log.parent.name), escape(log.stem), *_losses(log))
        for log in sorted(logs, key=lambda log: (log.stem, log.parent.name))
    ]
    if not rows:
        yield paragraph("This run trains nothing, so there are no curves.")
        return
    for picture in curves:
        told = "Loss, Eq. (6), by iteration, a panel for each training and a line for each model."
        yield figure("training-curves", image(picture, f"{told} The table has its ends."), told)
    heads = ["Model", "Training", "Iterations", "First loss", f"Mean of the last {_LAST}"]
    yield table("training", heads, rows)


def _losses(log: Path) -> tuple[str, str, str]:
    rows = _read(log, "iteration", "loss")
    if not rows:
        return "0", "-", "-"
    losses = [float(row["loss"]) for row in rows]
    return rows[-1]["iteration"], f"{losses[0]:.3f}", f"{fmean(losses[-_LAST:]):.3f}"


def _panels(pictures: Iterable[Path]) -> Iterator[str]:
    none = True
    for picture in pictures:
        none = False
        rows = _read(picture.with_suffix(".csv"), "place", "clip", "frame", "model", "NSS")
        told = "; ".join(dict.fromkeys(_shown(row) for row in rows))
        name = f"panels-{picture.stem}"
        yield f'<h3 id="{name}">{escape(picture.stem)}</h3>'
        alt = f"Frame, density, flow, saliency and error of each model in {picture.stem}: {told}."
        caption = (
            f"By the NSS of {rows[-1]['model'] if rows else 'no model'}: {told}. Upper lines: "
            "frame, density and saliency, each from its lowest value (dark) to its highest "
            "(bright). Lower lines: flow, the paler the slower, and |density - saliency|, both "
            "stretched to 0..1, from black (0) to white (1), with the frame's NSS."
        )
        yield figure(f"{name}-caption", image(picture, alt), caption)
    if none:
        yield paragraph(
            "No trained model was tested on moving pictures in this run, so there is nothing to "
            "show."
        )


def _shown(row: Mapping[str, str]) -> str:
    return f"{row['place']} {row['clip']}, frame {row['frame']}"


def _gates(sheets: Sequence[Path]) -> Iterator[str]:
    if not sheets:
        yield paragraph("This run tests no gated network on moving pictures: no gate to show.")
        return
    yield paragraph(
        "G_T is the weight of the motion stream, 1 less that of the appearance stream; it starts "
        "at one half everywhere."
    )
    heads = ["Dataset", "Model", "Frames", "G_T where it moves", "G_T where it rests"]
    yield table("gates", heads, map(_gate_row, sheets))
    for sheet in sheets:
        about = f"{sheet.stem}, {sheet.parents[1].name} {sheet.parent.name}"
        yield f'<h3 id="gates-{sheet.stem}">{escape(about)}</h3>'
        told = {
            "curves": "Mean of G_T by frame, where things move (solid) and where they rest "
            "(dashed); no line where nothing moves.",
            "panels": "The liveliest frame of some clips, its flow, the maps S_A and S_T with "
            "their weights G_A and G_T (black 0, bright 1), and the saliency S made of them.",
        }
        for kind, caption in told.items():
            picture = image(sheet.with_name(f"{sheet.stem}_{kind}.png"), f"{about}. {caption}")
            yield figure(f"gates-{sheet.stem}-{kind}", picture, caption)


def _gate_row(sheet: Path) -> tuple[str, ...]:
    """Means over the frames that have a value."""
    rows = _read(sheet, "clip", "G_T_moving", "G_T_resting")
    cells = [escape(sheet.stem), escape(f"{sheet.parents[1].name} {sheet.parent.name}")]
    cells.append(str(len(rows)))
    for column in ("G_T_moving", "G_T_resting"):
        known = [float(row[column]) for row in rows if row[column]]
        cells.append(f"{fmean(known):.3f}" if known else "-")
    return tuple(cells)


def _alignment(sheets: Sequence[Path]) -> Iterator[str]:
    if not sheets:
        yield paragraph("This run uses no dataset with motion, so no gaze was checked.")
        return
    found = {sheet.stem: (sheet, _read(sheet, "clip", "flags")) for sheet in sheets}
    flagged = {name: [row for row in rows if row["flags"]] for name, (_, rows) in found.items()}
    counts = [
        (escape(name), str(len(rows)), str(len(flagged[name])), escape(_counted(flagged[name])))
        for name, (_, rows) in found.items()
    ]
    yield table("alignment", ["Dataset", "Clips", "Flagged", "Flags"], counts)
    raised = {flag for rows in flagged.values() for row in rows for flag in row["flags"].split()}
    if not raised:
        yield paragraph("No clip is flagged. That is no proof: motion does not always draw gaze.")
    yield definitions({flag: told for flag, told in FLAGS.items() if flag in raised})
    for name, rows in flagged.items():
        if rows:
            yield from _flagged(name, found[name][0], rows)


def _counted(rows: Iterable[Mapping[str, str]]) -> str:
    counts = Counter(flag for row in rows for flag in row["flags"].split())
    return ", ".join(f"{flag} {count}" for flag, count in sorted(counts.items())) or "none"


def _flagged(name: str, sheet: Path, rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    yield f'<h3 id="alignment-{name}">{escape(name)}: flagged clips</h3>'
    columns = {
        "flags": "Flags",
        "seconds": "Seconds",
        "shortest_gaze_seconds": "Shortest gaze",
        "observers_per_frame": "Observers",
        "outside_share": "Outside",
        "nss_0": "NSS on motion",
        "best_lag": "Best lag",
        "nss_best": "NSS there",
    }
    cells = [
        (escape(row["clip"]), *(escape(row.get(column) or "-") for column in columns))
        for row in rows[:_MOST]
    ]
    yield table(f"alignment-{name}", ["Clip", *columns.values()], cells)
    if len(rows) > _MOST:
        yield paragraph(f"and {len(rows) - _MOST} more, in {sheet}.")


def _timing(timings: Sequence[Timing]) -> Iterator[str]:
    if not timings:
        yield paragraph(
            "No timing was kept: this run's jobs were done before they were measured. "
            "Whatever runs anew is."
        )
        return
    yield paragraph(
        "Each job as it last ran, summed by rule; jobs that ran side by side count each. Memory "
        "is what a job held at its peak, over the jobs of a rule. Short jobs are looked at only "
        "every half second, or not at all (-)."
    )
    heads = ["Rule", "Jobs", "Wall", "", "CPU", "Peak memory, median", "largest"]
    longest = max(timing.wall for timing in timings) or 1.0
    lines = [_timing_row(timing, longest) for timing in timings]
    wall = sum(timing.wall for timing in timings)
    cpu = sum(timing.cpu or 0.0 for timing in timings)
    jobs = sum(timing.jobs for timing in timings)
    lines.append(("all", str(jobs), duration(wall), "", duration(cpu), "", ""))
    told = table("timing", heads, lines)
    yield told.replace("<td><span", '<td class="length"><span')


def _timing_row(timing: Timing, longest: float) -> tuple[str, ...]:
    share = 100 * timing.wall / longest
    return (
        escape(timing.rule),
        str(timing.jobs),
        duration(timing.wall),
        f'<span class="bar" style="width: {share:.1f}%"></span>',
        "-" if timing.cpu is None else duration(timing.cpu),
        _megabytes(timing.memory),
        _megabytes(timing.peak),
    )


def duration(seconds: float) -> str:
    """Two units at most: 4.2 s, 3 min 20 s, 5 h 02 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} MB"


def _rules(edges: Edges) -> Iterator[str]:
    if not edges:
        yield paragraph("No rule reads what another one made.")
        return
    order = row_of_each(edges)
    reads = {
        rule: sorted({first for first, second in edges if second == rule}, key=order.__getitem__)
        for rule in sorted(order, key=lambda rule: (order[rule], rule))
    }
    told = "; ".join(f"{rule} reads {', '.join(of)}" for rule, of in reads.items() if of)
    caption = (
        "A rule stands below all that it reads from; of several ways only the longer is drawn. "
        "A word is the rule, the module in pipeline, and the folder of logs."
    )
    yield figure("rules-drawn", svg(edges, f"Graph of the rules: {told}."), caption)
    yield "<details><summary>In words</summary>"
    lines = [(escape(rule), escape(", ".join(of) or "raw data")) for rule, of in reads.items()]
    yield table("rules", ["Rule", "Reads from"], lines)
    yield "</details>"


def _read(sheet: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of a CSV.

    Raises:
        InputError: It is missing, or lacks a column that is needed.
    """
    remedy = f"make it anew with: snakemake --force {sheet}"
    try:
        with sheet.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except OSError as error:
        raise InputError(f"{sheet}: cannot be read ({error.strerror}); {remedy}") from None
    if lacking := set(columns) - set(reader.fieldnames or ()):
        found = ",".join(reader.fieldnames or ()) or "an empty file"
        raise InputError(
            f"{sheet}: expected columns {','.join(sorted(lacking))}, found {found}; {remedy}"
        )
    return rows


if __name__ == "__main__":
    main(report)
