"""One set of maps by several protocols: means, how far apart they are, and odd frames."""

from __future__ import annotations

import pytest

from pipeline.reporting.compare import (
    COLUMNS,
    REMARK,
    SPREAD,
    Part,
    compare,
    measured_by,
    write_comparison,
)
from pipeline.runtime.sheets import read_rows
from tests.pipeline.reporting.conftest import HEADER, SETTING_1, SETTING_2, Html, sealed


@pytest.fixture
def compared(tmp_path):
    """Writes the page of some protocols, each with its own scores; returns its folder."""

    def make(**rows):
        sheets = []
        for protocol, text in rows.items():
            path = tmp_path / protocol / "gfsalnet" / "setting_1" / "ucf_sports.csv"
            path.parent.mkdir(parents=True)
            sealed(path, text, HEADER.replace("mit", protocol))
            sheets.append(path)
        out = tmp_path / "out"
        given = {"coverage": [], "tested": [], "frame_list": [], "average": "own", "seed": 7}
        compare(scores=sheets, title="A & B", run="demo", truth="paper's", out=out, **given)
        return out

    return make


def test_the_last_row_is_how_far_protocols_are_apart(compared):
    out = compared(mit=SETTING_1, mit_jitter=SETTING_2)
    rows = read_rows(out / "protocols.csv", COLUMNS)
    found = {(row["protocol"], row["metric"]): row for row in rows}
    head = [line for line in (out / "protocols.csv").read_text().splitlines() if line[0] == "#"]
    assert head[1:] == ["# run: demo", "# dataset: ucf_sports", "# variant: paper's", "# seed: 7"]
    assert found["mit", "AUC-J"]["mean"] == "0.580000"
    assert found["mit_jitter", "AUC-J"]["mean"] == "0.540000"
    apart = found[SPREAD, "AUC-J"]
    assert (apart["mean"], apart["low"], apart["high"]) == ("0.040000", "", "")
    page = Html((out / "protocols.html").read_text())
    assert page.rows[-1][:2] == [SPREAD, "0.040"]
    assert REMARK in page.text and "Protocols. A & B" in page.text


def test_one_protocol_is_compared_with_nothing(compared):
    text = (compared(mit=SETTING_1) / "protocols.md").read_text()
    assert SPREAD not in text and REMARK not in text
    assert "- Odd frames: all rows: empty_density 1 (CC, SIM, KLDiv); no_fixation 1" in text


def test_means_that_are_not_finite_do_not_count_as_apart(compared):
    infinite = SETTING_1.replace(",1.5,ok", ",inf,ok")
    rows = read_rows(compared(mit=SETTING_1, mit_jitter=infinite) / "protocols.csv", COLUMNS)
    found = {(row["protocol"], row["metric"]): row["mean"] for row in rows}
    assert found["mit_jitter", "KLDiv"] == "inf"
    assert found[SPREAD, "KLDiv"] == ""


def test_protocols_with_densities_of_their_own_are_named(compared, tmp_path):
    compared(mit=SETTING_1)
    sheet = tmp_path / "mit/gfsalnet/setting_1/ucf_sports.csv"
    found = measured_by({"mit": sheet}, meta=False, seed=7)["mit"]
    same = dict.fromkeys(("mit", "rudoy", "salicon_challenge"), found)
    write_comparison(tmp_path, same, "A", {}, Part())
    text = (tmp_path / "protocols.md").read_text()
    assert "Densities made by the protocol itself: rudoy, salicon_challenge." in text
