"""docs/structure.md follows one clip to one cell: every path is there, and the cell is the mean."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _line() -> list[list[str]]:
    """Paths in backquotes of each row of the page's table, column by column joined."""
    page = (ROOT / "docs/structure.md").read_text()
    text = page.split("## Straight line", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if re.match(r"\| \d ", line)]
    return [re.findall(r"`([\w./-]+\.\w+)", row) for row in rows]


def test_ten_steps() -> None:
    assert len(_line()) == 10
    assert all(_line())


def test_the_code_that_a_film_meets_is_there() -> None:
    page = (ROOT / "docs/structure.md").read_text()
    text = page.split("## Straight line: one film", 1)[1].split("\n## ", 1)[0]
    paths = re.findall(r"`([\w./-]+\.py)`", text)
    assert len(paths) > 8
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_path_of_the_straight_line_exists(project: Any) -> None:
    missing = [
        path
        for row in _line()
        for path in row
        if not (project.folder / path).exists() and not (ROOT / path).exists()
    ]
    assert missing == []
    generated = [
        path for row in _line() for path in row if path.split("/")[0] in ("data", "results")
    ]
    assert len(generated) >= 9
    assert all((project.folder / path).exists() for path in generated)


def test_the_cell_at_the_end_is_the_mean_of_the_sheet_before_it(project: Any) -> None:
    scores = project.folder / "results/demo/scores/mit/gfsalnet/setting_1_ucf_sports/ucf_sports.csv"
    with scores.open(newline="") as file:
        next(file)  # the protocol
        rows = [row for row in csv.DictReader(file) if row["status"] == "ok"]
    mean = math.fsum(float(row["NSS"]) for row in rows) / len(rows)
    with (project.folder / "results/tables/table_1.csv").open(newline="") as file:
        lines = csv.DictReader(line for line in file if not line.startswith("#"))
        (cell,) = [row for row in lines if (row["method"], row["metric"]) == ("Setting 1", "NSS")]
    assert math.isclose(float(cell["ours"]), mean, abs_tol=5e-4)
    assert cell["printed"] == "3.333"
