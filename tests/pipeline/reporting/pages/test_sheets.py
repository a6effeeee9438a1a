"""The sheets of a table: what their comment lines say, and that readers pass over them."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from pipeline.runtime.sheets import read_rows

HEAD = [
    "table: Table 1. Comparison on UCF-Sports",
    *("run: demo", "dataset: ucf_sports", "variant: paper", "split: test", "protocol: mit"),
    *("seed: 7", "configuration: c0ffee00", "code: 0123456789abcdef"),
]


@pytest.fixture
def sheets(made, tmp_path):
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\n001,fast\n")
    dataset = {"variant": "paper", "split": "test", "meta": False, "attributes": attributes}
    out = made(datasets={"ucf_sports": dataset})
    return [out / f"table_1{kind}.csv" for kind in ("", "_clips", "_attributes")]


def test_every_sheet_says_what_made_it(sheets):
    for sheet in sheets:
        lines = sheet.read_text().splitlines()
        assert lines[: len(HEAD)] == [f"# {line}" for line in HEAD]
        assert not lines[len(HEAD)].startswith("#")


def test_readers_pass_over_the_comments_and_read_older_sheets(sheets, tmp_path):
    for sheet in sheets:
        rows = read_rows(sheet)
        older = tmp_path / "older.csv"
        lines = sheet.read_text().splitlines(keepends=True)
        older.write_text("".join(lines[len(HEAD) :]))
        assert rows and read_rows(older) == rows
        with older.open(newline="") as file:
            assert len([*csv.DictReader(file)]) == len(rows)
        # As docs/reporting.md has it.
        frame = pd.read_csv(sheet, comment="#", keep_default_na=False, dtype=str)
        assert frame.to_dict("records") == rows
