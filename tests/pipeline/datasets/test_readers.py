from __future__ import annotations

import pytest

from pipeline.datasets.dhf1k import COLUMNS
from pipeline.datasets.readers import read_gaze
from pipeline.datasets.records import Clip


@pytest.mark.parametrize(
    ("event", "findings"),
    [
        ("Blick", ("no sample can be used: dropped {'blink': 2}",)),
        ("Saccade", ("no sample can be used: dropped {'saccade': 2}",)),
        ("Fixation", ()),
    ],
)
def test_no_sample_of_use_is_a_finding(tmp_path, event, findings):
    path = tmp_path / "P01_Trail001.txt"
    rows = ["\t".join(COLUMNS), *(f"{time}\tSMP\t1\t1\t1\t720\t450\t{event}" for time in (0, 9))]
    path.write_text("\n".join(rows))
    gaze = read_gaze("dhf1k", [path], Clip("001", 10, 640, 360, 30.0), {})
    assert gaze.findings == findings
