"""The index: headline numbers, and the sentence on what came out, computed from the cells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.reporting.pages.outcome import outcome
from pipeline.reporting.pages.page import SANITY_GROUP, Cell, Page, Row
from pipeline.reporting.published import ranks
from tests.pipeline.reporting.conftest import Html


def page(*rows, metric="NSS", better="higher", name="table_1", comparable=True):
    """A table of one metric; a row is name, printed, ours and, if it is one, a sanity check."""
    printed, ours = [row[1] for row in rows], [row[2] for row in rows]
    marks = zip(ranks(metric, printed), ranks(metric, ours), strict=True)
    cells = [
        Cell(row[1], row[2], row[3] if len(row) > 3 else None, *mark, comparable=comparable)
        for row, mark in zip(rows, marks, strict=True)
    ]
    return Page(
        name=name,
        caption="T",
        metrics={metric: better},
        rows=tuple(
            Row("G", row[0], True, row[2] is not None, (cell,))
            for row, cell in zip(rows, cells, strict=True)
        ),
    )


FIRST = page(("A", 2.0, 2.1, (2.05, 2.2)), ("B", 1.0, 0.9, (0.8, 1.1)), ("C", 3.0, None))


def test_better_worse_and_equal_values_are_counted():
    equal = page(("A", 0.5, 0.5001), ("B", 0.4, 0.7), name="table_2")
    text = outcome([FIRST, equal])
    assert "Of 4 values that are both printed and measured, 2 are better than printed" in text
    assert "1 worse and 1 equal" in text
    assert "1 of 2 printed values lie within our intervals" in text
    assert "in 1 of 2 tables the row with the best printed NSS has the best of ours too." in text


def test_lower_is_better_of_a_divergence():
    text = outcome([page(("A", 1.5, 1.4), ("B", 1.6, 1.3), metric="KLDiv", better="lower")])
    assert "2 are better than printed, 0 worse and 0 equal" in text
    assert "in 0 of 1 table the row with the best printed KLDiv" in text
    assert "intervals" not in text


def test_one_row_is_no_order():
    assert "table" not in outcome([page(("A", 2.0, 2.1), ("C", 3.0, None))])


@pytest.mark.parametrize(("centre", "ahead"), [(0.4, 1), (2.6, 0), (2.5, 0)])
def test_drawn_data_are_held_against_the_sanity_checks(centre, ahead):
    of = page(("A", 2.0, 2.5), ("Centre", None, centre), comparable=False)
    rows = (of.rows[0], replace(of.rows[1], group=SANITY_GROUP))
    text = outcome([replace(of, rows=rows)])
    assert f"By NSS the best measured row is ahead of all sanity checks in {ahead} of 1 table" in (
        text
    )
    assert "nothing here compares with a printed value" in text


def test_without_measurements_nothing_came_out():
    assert outcome([page(("A", 2.0, None))]) == "Nothing was measured that could be compared."
    assert outcome([]) == "Nothing was measured that could be compared."


def test_headlines_are_the_best_rows_by_the_leading_metric():
    found = FIRST.headline
    assert (found.metric, found.best[0], found.printed[0]) == ("NSS", "A", "C")
    tied = page(("A", None, 0.7), ("B", None, 0.7), metric="CC").headline
    assert (tied.metric, tied.best[0], tied.printed) == ("CC", "A, B", None)


def test_the_index_shows_them_and_says_what_came_out(made):
    out = made(run="paper")
    page = Html((out / "index.html").read_text())
    (row,) = (cells for cells in page.rows if cells[0].startswith("Table 1"))
    # The centre bias has Setting 1's values but for CC, and so shares its rank.
    assert row[1:] == [
        "NSS \u2191",
        *("Setting 1, Centre bias", "2.400", "3.333", "-0.933 \u25bd"),
        *("Setting 1", "3.333", "3 of 5 rows measured"),
    ]
    first = (out / "index.md").read_text().splitlines()[2]
    assert first.startswith("Of 9 values that are both printed and measured, 0 are better")
    assert first in page.text
    demo = (made(run="demo") / "index.md").read_text().splitlines()[2]
    assert demo.startswith("By NSS the best measured row is ahead of all sanity checks in 0 of 1")
