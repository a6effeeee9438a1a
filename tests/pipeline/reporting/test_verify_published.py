"""Scores of a given model against published ones: means, single clips, and what was otherwise."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.config.evaluation import Verification
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.reporting.published import read_published, read_values
from pipeline.reporting.verification.comparison import against_means
from pipeline.reporting.verification.values import read_published_values
from pipeline.reporting.verification.verify_published import COLUMNS, verify_published
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import GAZE
from tests.builders import ROOT, edited, store
from tests.pipeline.reporting.conftest import Html, sealed

PUBLISHED = ROOT / "workflow/published"
WORDS = ("system", "dataset", "split", "truth", "protocol", "source", "clips")
RIVALS = """\
# drawn
system,dataset,split,truth,protocol,source,clips,AUC-J,sAUC,NSS
Drawn,dhf1k,val,release,salema,Their program,clips/drawn.csv,0.8,0.6,2.0
Drawn,dhf1k,test,release,mit,Board,,0.805,,2.40
Drawn,dhf1k,val,,,A talk,,0.805,,1.65
Drawn,diem,test,,mit,Board,,0.1,,0.1
Other,dhf1k,test,release,mit,Board,,0.1,,0.1
"""
CLIPS = """\
# drawn
clip,AUC-J,sAUC,NSS
601,0.900,0.6,1.0
602,0.800,0.6,2.0
603,0.700,0.6,3.0
604,0.600,0.6,4.0
"""
SALEMA = "# protocol: salema\nclip,frame,AUC-J,CC,NSS,SIM,status"
# Clip 601: exactly the published means. 602: AUC-J 0.0051 above, NSS 1 % below. 603 has one of its
# two frames, and no NSS. 604 is not there; 605 is not published.
ROWS = """\
601,0,0.85,0.5,0.5,0.3,ok
601,1,0.95,0.5,1.5,0.3,ok
602,0,0.8051,0.5,1.98,0.3,ok
602,1,0.8051,0.5,1.98,0.3,ok
603,0,0.7,0.5,,0.3,NSS=no_fixation
605,0,0.1,0.5,9.0,0.3,ok
605,1,0.1,0.5,9.0,0.3,ok"""
MIT = "# protocol: mit\nclip,frame,AUC-J,NSS,status"


def settings(**changes: Any) -> Verification:
    defaults = {
        "run": "part",
        "model": "theirs",
        "system": "Drawn",
        "dataset": "dhf1k",
        "variant": "paper",
        "truth": "paper; density dhf1k on 20x16",
        "grid": (20, 16),
        "coverage": {
            "dataset": "dhf1k",
            "split": "val",
            "instead": None,
            "training": None,
            "clips": 4,
            "of": 100,
            "frames": None,
        },
        "protocol": "mit",
        "tolerance": {"relative": 0.005, "absolute": 0.005},
        "seed": 1,
    }
    return Verification.model_validate(defaults | changes)


@pytest.fixture
def verified(tmp_path):
    """Verify drawn scores; return the folder of results."""

    def make(rivals=RIVALS, clips=CLIPS, left_out="", **changes):
        sheets = []
        mit = "\n".join(f"{clip},{t},0.8,1.6,ok" for clip in (601, 602, 605) for t in (0, 1))
        for header, rows in ((SALEMA, ROWS), (MIT, f"{mit}\n603,0,0.8,1.6,ok")):
            protocol = header.split()[2]
            sheets.append(tmp_path / "scores" / protocol / "theirs/given/dhf1k.csv")
            sheets[-1].parent.mkdir(parents=True)
            sealed(sheets[-1], rows, header)
        published = [tmp_path / "rivals.csv", tmp_path / "clips/drawn.csv"]
        published[1].parent.mkdir()
        published[0].write_text(rivals)
        published[1].write_text(clips)
        points = np.array([[0, 1, 1, 0], [1, 2, 2, 0]], np.float32)
        gaze = {str(clip): points for clip in (601, 602, 603, 605)}
        tested = store(GAZE, tmp_path / "gaze", gaze, frames=2, width=20, height=12)
        if left_out:
            why = json.dumps({"604": left_out})
            edited(tested, lambda text: text.replace('"left_out": {}', f'"left_out": {why}'))
        out = tmp_path / "out"
        verify_published(
            scores=sheets,
            published=published,
            tested=[tested],
            settings=settings(**changes),
            out=out,
        )
        return out

    return make


def means(out, source):
    rows = read_rows(out / "verify_published.csv", COLUMNS)
    return {row["metric"]: row for row in rows if row["source"] == source}


def test_means_are_over_the_clips_that_have_a_score_in_both_places(verified):
    found = means(verified(), "Their program")
    assert [*found] == ["AUC-J", "sAUC", "NSS"]
    auc, nss = found["AUC-J"], found["NSS"]
    assert auc["clips"] == "3" and nss["clips"] == "2"
    assert float(auc["published"]) == pytest.approx((0.9 + 0.8 + 0.7) / 3, abs=1e-6)
    assert float(auc["measured"]) == pytest.approx((0.9 + 0.8051 + 0.7) / 3, abs=1e-6)
    assert float(auc["difference"]) == pytest.approx(0.0017, abs=1e-6)
    assert float(nss["published"]) == 1.5
    assert float(nss["difference"]) == pytest.approx(-0.01, abs=1e-6)
    # 0.5 % of 1.5 is 0.0075.
    assert (auc["agrees"], nss["agrees"]) == ("yes", "no")
    sauc = found["sAUC"]
    assert (sauc["published"], sauc["measured"], sauc["agrees"]) == ("0.600000", "", "")


def test_each_published_clip_has_a_line(verified):
    rows = read_rows(verified() / "clips.csv", COLUMNS)
    found = {(row["clip"], row["metric"]): (row["difference"], row["agrees"]) for row in rows}
    assert len(found) == 4 * 3
    assert found["601", "NSS"] == ("0.000000", "yes")
    assert found["602", "AUC-J"] == ("0.005100", "no")
    # 0.5 % of 2.0 is 0.01; half of that would be the absolute tolerance.
    assert found["602", "NSS"] == ("-0.020000", "no")
    assert found["603", "AUC-J"] == ("0.000000", "yes")
    assert found["603", "NSS"] == found["604", "AUC-J"] == ("", "")


@pytest.mark.parametrize(
    ("published", "measured", "agrees"),
    [(0.8, 0.805, True), (0.8, 0.8051, False), (2.0, 1.99, True), (2.0, 1.9899, False)],
)
def test_the_tolerance_is_the_larger_of_the_two(published, measured, agrees):
    entry = SimpleNamespace(means={"NSS": measured}, clips=("601",), intervals={"NSS": None})
    (value,) = against_means({"NSS": published}, entry, settings().tolerance)
    assert value.agrees is agrees


def test_means_of_a_split_are_averaged_as_the_protocol_does(verified):
    out = verified()
    board, talk = means(out, "Board"), means(out, "A talk")
    assert board["AUC-J"]["measured"] == "0.800000" and board["AUC-J"]["agrees"] == "yes"
    assert board["NSS"]["difference"] == "-0.800000" and board["NSS"]["agrees"] == "no"
    assert talk["NSS"]["protocol"] == "mit"


def test_the_page_says_by_what_numbers_and_circumstances_differ(verified, capsys):
    out = verified()
    text = (out / "verify_published.md").read_text()
    assert "# theirs, given, on dhf1k: measured and published" in text
    assert "## Their program: val, protocol salema, 3 of 4 clips" in text
    assert "> Agree: AUC-J +0.002 (+0.2 %)." in text
    assert "> Differ: NSS -0.010 (-0.7 %)." in text
    assert "> Not measured: sAUC." in text
    assert "> Clips that agree: AUC-J 2 of 3, NSS 1 of 2." in text
    assert "> Without a score here: 604." in text
    assert (
        "> Otherwise there: ground truth release, here paper; frames of 20x12, here 20x16." in text
    )
    assert "> 1 of 8 frames have no map here." in text
    assert "> Otherwise there: split test, here val; ground truth release" in text
    talk = text[text.index("## A talk") :]
    assert "all 100 clips, here 4; ground truth not known, here paper; protocol not known" in talk
    page = Html((out / "verify_published.html").read_text())
    assert ["AUC-J", "0.800", "0.802", "+0.002 (+0.2 %)", "agrees"] in page.rows
    assert page.rows[page.rows.index(["Clip", *page.rows[0][1:]]) + 1][0] == "602, NSS"
    assert "Their program: val, protocol salema, 3 of 4 clips" in capsys.readouterr().out


def test_clips_without_a_score_are_named_with_the_reason_that_is_known(verified):
    clips = CLIPS + "".join(f"{clip},0.6,0.6,1.0\n" for clip in range(606, 612))
    text = (
        verified(clips=clips, left_out="its film ends early.") / "verify_published.md"
    ).read_text()
    missing = "604 (its film ends early), 606, 607, 608, 609 and 2 more"
    assert f"> Without a score here: {missing}." in text


@pytest.mark.parametrize(
    ("rivals", "clips", "message"),
    [
        (RIVALS.replace("clips/drawn", "clips/gone"), CLIPS, r"names clips/gone\.csv"),
        (RIVALS.replace("NSS\n", "NSX\n"), CLIPS, "found NSX; correct its first line"),
        (RIVALS, CLIPS.replace("2.0", "two"), r"drawn\.csv: 602: .*write a number or nothing"),
        (RIVALS, CLIPS.replace("clip,", "video,"), "no column clip"),
    ],
)
def test_a_sheet_that_is_no_such_sheet_is_named(verified, rivals, clips, message):
    with pytest.raises(InputError, match=message):
        verified(rivals=rivals, clips=clips)


# The sheets as they are.


def listed():
    return read_values(PUBLISHED / "rivals.csv", WORDS)


def test_the_sheet_names_each_source_once_and_protocols_that_there_are():
    lines = [line for line, _ in listed()]
    keys = [(line["system"], line["dataset"], line["split"], line["source"]) for line in lines]
    assert len({*keys}) == len(keys) == 29
    assert {line["protocol"] for line in lines} <= {"", *PROTOCOLS}
    assert all(line["source"] and line["split"] in ("train", "val", "test") for line in lines)


@pytest.mark.parametrize("system", ["SalEMA", "SGmid"])
def test_a_row_is_the_mean_of_its_clips(system):
    sheets = [PUBLISHED / "rivals.csv", *sorted(PUBLISHED.glob("clips/*.csv"))]
    (found,) = (one for one in read_published_values(sheets, system, "dhf1k") if one.clips)
    assert [*found.clips] == [str(clip) for clip in range(601, 701)]
    for metric, mean in found.means.items():
        values = [scores[metric] for scores in found.clips.values()]
        assert np.mean(values) == pytest.approx(mean, abs=5.1e-5)


def test_table_3_prints_the_boards_values():
    board = {
        line["system"].replace(" (ICCV)", ""): scores
        for line, scores in listed()
        if (line["dataset"], line["split"]) == ("dhf1k", "test") and (line["system"] != "TASED-Net")
    }
    rows = {row.method: row.values for row in read_published(PUBLISHED / "table_3.csv")}
    shared = board.keys() & rows.keys()
    assert len(shared) == 6
    for system in shared:
        for metric, value in rows[system].items():
            assert board[system].get(metric, value) == value, (system, metric)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["SalEMA30", "SGmid"])
def test_clips_are_those_of_the_authors_file(name):
    file = ROOT.parent / f"shared/rivals/salema/{name}_metrics.npy"
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    order = ("AUC-J", "sAUC", "NSS", "CC", "SIM")
    rows = read_values(PUBLISHED / f"clips/{name.lower()}.csv", ("clip",))
    found = [[scores[metric] for metric in order] for _, scores in rows]
    np.testing.assert_allclose(found, np.load(file, allow_pickle=False), atol=5.1e-7)
