"""The same maps by every protocol, side by side: how far the protocol alone moves each number."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pipeline.evaluation.protocols import Metric, protocol
from pipeline.reporting.footers import by_row, odd, statuses
from pipeline.reporting.means import Measurement, read_scores, summarise
from pipeline.reporting.page import Cell, Page, Row, html, markdown
from pipeline.reporting.published import BETTER

COLUMNS: Final[tuple[Metric, ...]] = ("AUC-J", "sAUC", "CC", "NSS", "SIM", "KLDiv")
SPREAD: Final = "Highest less lowest"
REMARK: Final = (
    "One set of maps, one ground truth: whatever differs between two rows is the protocol's doing. "
    "A difference between two models that is smaller than the last row says nothing unless both "
    "were scored by one protocol."
)


def measured_by(sheets: Mapping[str, Path], *, meta: bool, seed: int) -> dict[str, Measurement]:
    """Protocol -> what its sheet of scores comes to, averaged as it has it."""
    found = {}
    for name, sheet in sheets.items():
        rules = protocol(name)
        found[name] = summarise(read_scores(sheet, name), rules.averaging(meta=meta), seed)
    return found


def write_comparison(
    out: Path, measured: Mapping[str, Measurement], title: str, footer: Mapping[str, str]
) -> None:
    """Writes protocols.csv, .md and .html into a folder.

    Args:
        out: The folder.
        measured: Protocol -> means.
        title: Whose maps they are.
        footer: Term -> text.
    """
    used = [metric for metric in COLUMNS if any(metric in m.means for m in measured.values())]
    rows = [Row("", name, True, True, _cells(found, used)) for name, found in measured.items()]
    if len(rows) > 1:
        rows.append(Row("Protocols apart", SPREAD, True, True, _spread(measured, used)))
    page = Page(
        name="protocols",
        caption=title,
        metrics={metric: BETTER[metric] for metric in used},
        rows=tuple(rows),
        pairs=(),
        pairs_told="",
        clips=None,
        remarks=(REMARK,) if len(rows) > 1 else (),
        footer={**footer, "Odd frames": _told(measured) or "none"},
    )
    out.mkdir(parents=True, exist_ok=True)
    for kind, draw in {"md": markdown, "html": html}.items():
        (out / f"protocols.{kind}").write_text(draw(page), encoding="utf-8", newline="\n")
    with (out / "protocols.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["protocol", "metric", "mean", "low", "high"])
        for row in rows:
            for metric, cell in zip(used, row.cells, strict=True):
                ends = cell.interval or (None, None)
                writer.writerow([row.method, metric, *map(_text, (cell.ours, *ends))])


def _text(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6f}"


def _cells(found: Measurement, used: Sequence[Metric]) -> tuple[Cell, ...]:
    return tuple(Cell(None, found.means.get(m), found.intervals.get(m)) for m in used)


def _spread(measured: Mapping[str, Measurement], used: Sequence[Metric]) -> tuple[Cell, ...]:
    """Of the protocols that have a finite mean."""
    cells = []
    for metric in used:
        values = [found.means.get(metric, math.nan) for found in measured.values()]
        finite = [value for value in values if math.isfinite(value)]
        cells.append(Cell(None, max(finite) - min(finite) if len(finite) > 1 else None))
    return tuple(cells)


def _told(measured: Mapping[str, Measurement]) -> str:
    """Per protocol the frames whose status is not ok."""
    return by_row({name: statuses(m, [*m.statuses], odd(m)) for name, m in measured.items()})
