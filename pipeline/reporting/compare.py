"""Stage compare: the same maps by every protocol, side by side.

It shows how far the protocol alone moves each number.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from pipeline.config.evaluation import Coverage
from pipeline.evaluation.metrics.registry import METRICS, better
from pipeline.evaluation.protocols import protocol
from pipeline.reporting.coverage import Manifests, listed_beyond, sentences
from pipeline.reporting.means import Measurement, read_scores, summarise
from pipeline.reporting.pages.notes import by_row, odd, statuses
from pipeline.reporting.pages.page import Cell, Page, Row, write_page
from pipeline.runtime.cli import main
from pipeline.runtime.sheets import write_rows

COLUMNS: Final = ("protocol", "metric", "mean", "low", "high")
OWN: Final = "Densities made by the protocol itself: {}."
SPREAD: Final = "Highest less lowest"
_SOURCE: Final = {
    "Run": "run",
    "Dataset": "dataset",
    "Ground truth": "variant",
    "Split": "split",
    "Seed": "seed",
}
"""Term of a footer -> what it is called at the head of a sheet; protocols have a column there."""
REMARK: Final = (
    "One set of maps, the gaze of the same people: whatever differs between two rows is the "
    "protocol's doing. "
    "A difference between two models that is smaller than the last row says nothing unless both "
    "were scored by one protocol."
)


def compare(
    *,
    scores: list[Path],
    title: str,
    run: str,
    truth: str,
    average: Literal["meta", "own"],
    coverage: list[Coverage],
    tested: list[Path],
    frame_list: list[Path],
    seed: int,
    out: Path,
) -> None:
    """Write one model's scores on one dataset, a sheet per protocol, to one page in `out`.

    The sheets are `.../<protocol>/<model>/<training>/<dataset>.csv`. `title` says whose maps they
    are, `run` and `truth` of which run and against which ground truth, `average` whether the
    dataset is a meta dataset, which some protocols average otherwise. `coverage`, `tested`
    (manifests of the scored split) and `frame_list` (none but of a meta dataset) show what part of
    the data they are of.

    Raises:
        InputError: A file of scores is missing, or is not what it should be.
    """
    sheets = {path.parents[2].name: path for path in scores}
    measured = measured_by(sheets, meta=average == "meta", seed=seed)
    footer = {"Run": run, "Dataset": scores[0].stem if scores else "", "Ground truth": truth}
    footer["Seed"] = str(seed)
    data = Manifests(tested)
    write_comparison(out, measured, title, footer, part_of(measured, coverage, data, frame_list))


class Part(NamedTuple):
    """What part of the data a page is of."""

    remarks: tuple[str, ...] = ()
    footer: Mapping[str, str] = MappingProxyType({})


def part_of(
    measured: Mapping[str, Measurement],
    coverage: Sequence[Coverage],
    data: Manifests,
    frame_list: Sequence[Path],
) -> Part:
    """What part of the data measurements are of, with the list of a meta dataset or none.

    Raises:
        InputError: A manifest or the list cannot be read.
    """
    listed = next(iter(frame_list), None)
    frames = max((entry.frames for entry in measured.values()), default=0)
    remarks = sentences(coverage, data, None if listed else frames)
    return Part(remarks, listed_beyond(listed, coverage, data))


def measured_by(sheets: Mapping[str, Path], *, meta: bool, seed: int) -> dict[str, Measurement]:
    """Protocol -> means of its sheet of scores, averaged as the protocol has it."""
    return {
        name: summarise(read_scores(sheet, name), protocol(name).averaging(meta=meta), seed)
        for name, sheet in sheets.items()
    }


def write_comparison(
    out: Path,
    measured: Mapping[str, Measurement],
    title: str,
    footer: Mapping[str, str],
    part: Part,
) -> None:
    """Write protocols.csv, .md and .html, a row per protocol, into a folder."""
    used = [metric for metric in METRICS if any(metric in m.means for m in measured.values())]
    rows = []
    for name, entry in measured.items():
        cells = (Cell(None, entry.means.get(m), entry.intervals.get(m)) for m in used)
        rows.append(Row("", name, True, True, tuple(cells)))
    if len(rows) > 1:
        rows.append(Row("Protocols apart", SPREAD, True, True, _spread(measured, used)))
    odd_frames = by_row({name: statuses(m, [*m.statuses], odd(m)) for name, m in measured.items()})
    remarks = [REMARK] if len(rows) > 1 else []
    if own := [name for name in measured if protocol(name).truth]:
        remarks.append(OWN.format(", ".join(own)))
    page = Page(
        name="protocols",
        caption=title,
        metrics={metric: better(metric) for metric in used},
        rows=tuple(rows),
        remarks=(*remarks, *part.remarks),
        footer={**footer, **part.footer, "Odd frames": odd_frames or "none"},
        source={name: footer[term] for term, name in _SOURCE.items() if term in footer},
    )
    lines = [
        [row.method, metric, *map(_in_full, (cell.ours, *(cell.interval or (None, None))))]
        for row in rows
        for metric, cell in zip(used, row.cells, strict=True)
    ]
    write_rows(out / "protocols.csv", COLUMNS, lines, page.head)
    write_page(out, page, ("md", "html"))


def _in_full(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"


def _spread(measured: Mapping[str, Measurement], used: Sequence[str]) -> tuple[Cell, ...]:
    """Highest less lowest mean, of the protocols that have a finite one."""
    cells = []
    for metric in used:
        values = [entry.means.get(metric, math.nan) for entry in measured.values()]
        # KLDiv without eps is infinite in some protocols, which would hide how the others differ.
        finite = [value for value in values if math.isfinite(value)]
        cells.append(Cell(None, max(finite) - min(finite) if len(finite) > 1 else None))
    return tuple(cells)


if __name__ == "__main__":
    main(compare)
