"""Differences between measured rows, tested and clip by clip."""

from __future__ import annotations

import re

from pipeline.runtime.sheets import read_rows
from tests.pipeline.reporting.conftest import Html, sealed


def test_differences_are_shown_without_p_where_clips_are_few(made):
    out = made()
    text = (out / "table_1.md").read_text()
    below = text.partition("## Differences between measured rows")[2]
    assert "| Setting 1 | Setting 2 | +0.040 |" in below
    assert "| Setting 1 | Centre bias |" in below and "| Setting 2 | Centre bias |" not in below
    few = "No interval and no test is possible: they need 6 clips with a value, and there are 2"
    assert few in below and "bootstrap" not in below.partition("- Run")[0]
    assert " p 0" not in below and "p <" not in below


def many(clips, shift):
    rows = (f"c{i:02d},0,0.{60 + i},0.5,{2 + i / 10 + shift * (1 + i)},0.4,1.5,ok" for i in clips)
    return "\n".join(rows)


def test_differences_are_tested_with_clips_enough(scores, made):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        sealed(path, many(range(20), shift))
    out = made()
    lines = (out / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| Setting 1 | Setting 2 |"))
    cells = row.split(" | ")
    assert cells[2] == "+0.000 [+0.000, +0.000] p 1.000"
    assert cells[4].startswith("-0.105 [") and cells[4].endswith("p < 0.001\u2021")
    assert any("corrected by Holm for the 10 tests of this table" in line for line in lines)


def test_six_clips_cannot_tell_models_apart_in_ten_tests(scores, made):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        sealed(path, many(range(6), shift))
    out = made()
    lines = (out / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| Setting 1 | Setting 2 |"))
    # Six equal signs have p = 2 / 64, and ten times that after Holm.
    assert row.split(" | ")[4].endswith("] p 0.312")


def test_clips_stand_in_order_of_what_the_best_row_loses(scores, made):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        sealed(path, many(range(12), shift))
    out = made()
    text = (out / "table_1.html").read_text()
    details = Html(re.findall(r'<table aria-labelledby="clips".*?</table>', text, re.DOTALL)[0])
    assert details.rows[0] == ["Clip", "Setting 1", "Setting 2", "Centre bias", "difference"]
    assert details.rows[1] == ["c00", "2.000", "2.010", "1.000", "+0.010"]
    assert [row[0] for row in details.rows[1:]] == [f"c{i:02d}" for i in range(12)]
    assert "Difference: Setting 2 less Setting 1." in text


def test_one_clip_has_no_interval_and_says_why(scores, made):
    for path in scores:
        sealed(path, many([3], 0))
    out = made()
    line = next(
        row
        for row in read_rows(out / "table_1.csv")
        if (row["method"], row["metric"]) == ("Setting 1", "NSS")
    )
    assert (line["ours"], line["low"], line["high"]) == ("2.300000", "", "")
    text = (out / "table_1.md").read_text()
    assert "- Intervals: none: 1 clip has a value, and with fewer than 6 none is shown" in text
    assert "there is 1 in all" in text
