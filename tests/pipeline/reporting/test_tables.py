"""Sheets of a table, what its footer says, and what is refused, on small made-up scores."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipeline.reporting.published import read_published
from pipeline.reporting.tables import tables
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import DENSITY
from tests.builders import store
from tests.pipeline.reporting.conftest import (
    CENTRE,
    HEADER,
    PUBLISHED,
    SETTING_1,
    SETTING_2,
    UNCHECKED,
    Html,
    sealed,
    settings,
)


def long(out):
    return {(row["method"], row["metric"]): row for row in read_rows(out / "table_1.csv")}


def test_long_sheet_has_ours_printed_and_ours_minus_printed(made):
    out = made(run="paper")
    line = long(out)["Setting 1", "AUC-J"]
    assert line == {
        "group": "Ours (Gated)",
        "method": "Setting 1",
        "source": "measured",
        "metric": "AUC-J",
        "printed": "0.914",
        "ours": "0.580000",
        "low": "",
        "high": "",
        "difference": "-0.334000",
    }
    assert long(out)["Setting 1", "KLDiv"]["difference"] == "0.384000"


def test_long_sheet_has_the_interval_of_six_clips(scores, made):
    for path in scores:
        sealed(path, many(0.0))
    # A higher first clip, which no draw can miss the mean of.
    sealed(scores[0], many(0.2))
    line = long(made(run="paper"))["Setting 1", "CC"]
    low, high = float(line["low"]), float(line["high"])
    assert 0.5 <= low < float(line["ours"]) < high <= 0.7
    flat = long(made(run="paper"))["Setting 2", "CC"]
    assert (flat["low"], flat["high"]) == ("0.500000", "0.500000")


def many(more):
    """Six clips of a frame; CC of the first is higher."""
    return "\n".join(
        f"c{clip},0,0.9,{0.5 + (more if clip == 0 else 0)},3.0,0.4,1.5,ok" for clip in range(6)
    )


def test_clip_sheet_has_each_clips_mean_and_frames(made):
    out = made()
    rows = read_rows(out / "table_1_clips.csv")
    found = {(row["method"], row["clip"], row["metric"]): row for row in rows}
    assert len(found) == 3 * 2 * 5
    one = found["Setting 2", "001", "CC"]
    assert (one["mean"], one["frames"]) == (f"{(0.5 + 0.5 + 0.1) / 3:.6f}", "3")


def test_quoted_missing_and_unprinted_cells(made):
    out = made()
    lines = long(out)
    quoted = lines["Fang & al.", "CC"]
    assert (quoted["source"], quoted["printed"], quoted["ours"]) == ("printed", "0.387", "")
    assert (quoted["low"], quoted["high"], quoted["difference"]) == ("", "", "")
    assert lines["Fang & al.", "SIM"]["printed"] == ""
    missing = lines["Setting 1", "SIM"]
    assert (missing["printed"], missing["ours"], missing["difference"]) == ("", "0.300000", "")
    sanity = lines["Centre bias", "CC"]
    assert (sanity["group"], sanity["source"]) == ("Sanity checks", "measured")
    assert (sanity["printed"], sanity["ours"]) == ("", "0.220000")


@pytest.mark.parametrize(("run", "warned"), [("demo", True), ("real", True), ("paper", False)])
def test_only_the_papers_run_is_comparable(run, warned, made):
    out = made(run=run)
    for name in ("table_1.md", "table_1.html", "index.md", "index.html"):
        assert ("not comparable" in (out / name).read_text()) == warned
    assert ("miniatures" in (out / "table_1.md").read_text()) == (run == "demo")


def test_a_dataset_left_out_shows_printed_values_only(published, tmp_path):
    out = tmp_path / "out"
    tables(
        scores=[],
        **UNCHECKED,
        published=published,
        out=out,
        settings=settings(left_out={"ucf_sports": "ucf_sports is left out of this run"}),
    )
    assert {line["source"] for line in long(out).values()} == {"printed"}
    assert "ucf_sports is left out of this run" in (out / "table_1.md").read_text()
    assert "printed values only" in (out / "index.md").read_text()


def test_a_row_that_the_paper_lacks_is_marked(published, made):
    (published / "table_1.csv").write_text(PUBLISHED.replace("Setting 2", "Setting 3"))
    out = made()
    assert long(out)["Setting 2", "CC"]["group"] == "Not in the paper"


def test_the_same_input_gives_the_same_bytes(scores, published, tmp_path):
    for out, order in (("a", scores), ("b", scores[::-1])):
        tables(
            scores=order,
            **UNCHECKED,
            published=published,
            out=tmp_path / out,
            settings=settings(),
        )
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_metric_without_any_value_is_undefined(scores, made):
    for path in scores:
        rows = SETTING_1.replace(",3.0,", ",,").replace(",1.0,", ",,").replace(",2.0,", ",,")
        sealed(path, rows)
    out = made()
    page = Html((out / "table_1.html").read_text())
    cells = page.table("Method")
    assert cells["Setting 1"][4:6] == ["undefined", "3.333"]
    assert cells["Centre bias"][4:6] == ["undefined", ""]
    compared = page.table("Difference")
    assert compared["Setting 1  (less Setting 2)"][2] == "undefined"


def test_a_missing_file_of_scores_is_named_with_its_target(scores, published, made, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"snakemake .*scores/gfsalnet/setting_2/ucf_sports\.csv"):
        tables(
            scores=[scores[0], scores[2]],
            **UNCHECKED,
            published=published,
            out=out,
            settings=settings(),
        )
    assert not out.exists()
    scores[1].unlink()
    with pytest.raises(InputError, match=r"setting_2/ucf_sports\.csv: no such file"):
        made()


def test_rows_with_other_frames_are_refused(scores, made):
    sealed(scores[2], "\n".join(CENTRE.splitlines()[:-2]))
    with pytest.raises(InputError, match=r"centre_bias.*its frames are not those of .*setting_1"):
        made()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [("AUC-J", "AUC-K", "found AUC-K; correct"), ("Setting 2", "Setting 1", "twice")],
)
def test_a_wrong_published_sheet_is_refused(old, new, complaint, published):
    path = published / "table_1.csv"
    path.write_text(PUBLISHED.replace(old, new))
    with pytest.raises(InputError, match=complaint):
        read_published(path)


def test_a_row_whose_training_lacks_data_says_so(made):
    lacking = {"table_1": {"Setting 2": "its training needs hollywood2"}}
    out = made(lacking=lacking)
    page = (out / "table_1.md").read_text()
    assert "Not measured: Setting 2 (its training needs hollywood2)." in page


def test_observers_are_no_rivals(made):
    out = made(observed=[])
    as_model = (out / "table_1.md").read_text()
    made(observed=["gfsalnet"])
    alone = (out / "table_1.md").read_text()
    assert "\\*" in as_model and "\\*" in alone  # the best measured value has a star
    starred = [line.split("|")[2].strip() for line in alone.splitlines() if "\\*" in line]
    assert set(starred) == {"Centre bias"}
    assert "| Setting 1 | Setting 2 |" in as_model
    assert "| Setting 1 | Setting 2 |" not in alone
    assert "Setting 1, Setting 2: no model: each is predicted by the gaze" in alone


def test_columns_that_a_protocol_does_not_report_are_left_out(scores, made):
    header = HEADER.replace(",KLDiv", "").replace("# protocol: mit", "# protocol: dhf1k")
    for path, text in zip(scores, (SETTING_1, SETTING_2, CENTRE), strict=True):
        rows = re.sub(r",[\d.]*,(ok|AUC-J=|CC=)", r",\1", text)
        rows = re.sub(r" KLDiv=\w+", "", rows)
        sealed(path, rows, header)
    out = made(protocol="dhf1k")
    page = (out / "table_1.md").read_text()
    assert "Protocol dhf1k does not report KLDiv." in page
    assert "KLDiv" not in (out / "table_1.csv").read_text()


def test_a_metric_that_a_sheet_lacks_is_named_with_the_sheet(scores, made):
    header = HEADER.replace(",KLDiv", "")
    rows = re.sub(r",[\d.]+,(ok|AUC-J=|CC=)", r",\1", SETTING_1).replace(" KLDiv=empty_density", "")
    sealed(scores[1], rows, header)
    with pytest.raises(InputError, match=r"setting_2.*table table_1 wants KLDiv"):
        made()


def test_a_table_tells_each_attributes_means(made, tmp_path):
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\n001,fast\n")
    dataset = {"variant": "paper", "split": "test", "meta": False, "attributes": attributes}
    out = made(datasets={"ucf_sports": dataset})
    found = {
        (row["method"], row["attribute"], row["metric"]): row["mean"]
        for row in read_rows(out / "table_1_attributes.csv")
    }
    assert float(found["Setting 1", "fast", "AUC-J"]) == pytest.approx(0.8)
    page = (out / "table_1.html").read_text()
    assert "NSS of each attribute" in page
    Html(page)


def test_what_was_made_with_other_settings_is_not_printed(scores, published, tmp_path):
    """As after an edit of config.yaml and `snakemake --touch`."""
    manifest = store(
        DENSITY,
        tmp_path / "diem",
        {"a": np.zeros((1, 2, 2))},
        settings={"density": {"sigma": 20.0}},
    )
    expected = {str(manifest.parent): {"density": {"sigma": 30.0}}}
    with pytest.raises(InputError, match=r"made with density.sigma 20.0, config.yaml says 30.0"):
        tables(
            scores=scores,
            **UNCHECKED | {"made": [manifest], "expected": expected},
            published=published,
            out=tmp_path / "out",
            settings=settings(),
        )
    assert not (tmp_path / "out").exists()


def test_what_is_printed_and_not_measured_has_its_reason(made):
    out = made(quoted={"SalGAN": "nobody knows"})
    assert "Not measured: SalGAN (nobody knows)." in (out / "table_1.md").read_text()
    index = (out / "index.md").read_text()
    counted = re.search(r"Of the (\d+) rows that the papers print, (\d+) have a value", index)
    assert counted
    rows = [line for line in PUBLISHED.splitlines() if not line.startswith(("#", "group"))]
    assert counted[1] == str(len(rows))
    assert counted[2] == "2"  # the two settings
    assert "nobody knows" in index


def test_a_table_is_scored_by_the_protocol_that_its_values_were_printed_by(scores, made):
    header = HEADER.replace("# protocol: mit", "# protocol: pysaliency")
    for path, text in zip(scores, (SETTING_1, SETTING_2, CENTRE), strict=True):
        sealed(path, text, header)
    table = settings().tables["table_1"].model_copy(update={"protocol": "pysaliency"})
    out = made(tables={"table_1": table})
    assert "pysaliency" in (out / "table_1.md").read_text()
    assert "protocol mit (pysaliency in table_1)" in (out / "index.md").read_text()
    with pytest.raises(InputError, match=r"setting_1/ucf_sports\.csv: not among the scores given"):
        made(tables={"table_1": table.model_copy(update={"protocol": "unisal"})})
