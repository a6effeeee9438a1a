"""Sheets of a table: CSV files whose comment lines say what made their numbers.

`pipeline.runtime.sheets.read_rows` passes over these lines, as do pandas (`comment="#"`) and R
(`comment.char = "#"`).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipeline.reporting.means import Measurement, by_attribute
from pipeline.reporting.pages.page import Page
from pipeline.runtime.sheets import write_rows


def write_long(page: Page, path: Path) -> None:
    """Write a line per row and metric: printed and ours unrounded, difference = ours - printed."""
    head = ["group", "method", "source", "metric", "printed", "ours", "low", "high", "difference"]
    lines = []
    for row in page.rows:
        source = "measured" if row.measured else "printed"
        for metric, cell in zip(page.metrics, row.cells, strict=True):
            low, high = cell.interval or (None, None)
            # The paper prints three decimals; ours go on, so that rounding is the reader's choice.
            printed = "" if cell.printed is None else f"{cell.printed:.3f}"
            numbers = map(_in_full, (cell.ours, low, high, cell.difference))
            lines.append([row.group, row.method, source, metric, printed, *numbers])
    write_rows(path, head, lines, page.head)


def write_clips(page: Page, measured: Mapping[str, Measurement], path: Path) -> None:
    """Write a line per method, clip and metric; `frames` counts those that enter the mean."""
    lines = [
        [method, clip, metric, "" if np.isnan(mean) else _in_full(mean), count]
        for method, entry in measured.items()
        for metric, scores in ((metric, entry.by_clip[metric]) for metric in page.metrics)
        for clip, mean, count in zip(entry.clips, scores.means, scores.counts, strict=True)
    ]
    write_rows(path, ["method", "clip", "metric", "mean", "frames"], lines, page.head)


def write_attributes(
    page: Page, measured: Mapping[str, Measurement], attributes: Path, path: Path
) -> None:
    """Write a line per method, attribute and metric."""
    lines = [
        [method, attribute, metric, "" if np.isnan(means[metric]) else _in_full(means[metric])]
        for method, entry in measured.items()
        for attribute, means in by_attribute(entry, attributes).items()
        for metric in page.metrics
    ]
    write_rows(path, ["method", "attribute", "metric", "mean"], lines, page.head)


def _in_full(value: float | None) -> str:
    """Six decimals, twice what tables show."""
    return "" if value is None else f"{value:.6f}"
