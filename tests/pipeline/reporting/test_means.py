"""Means of a sheet of scores: what counts, by frame, by clip and by attribute."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.evaluation.draws import half_of
from pipeline.evaluation.protocols import protocol
from pipeline.reporting.means import by_attribute, read_scores, summarise
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import write_rows
from pipeline.stores.score_sheets import seal_sheet
from tests.pipeline.reporting.conftest import HEADER, SETTING_1, summary, write_scores


def test_means_over_frames_leave_out_each_metrics_frames_without_ground_truth(scores):
    means = summary(scores[0]).means
    assert means == pytest.approx(
        {
            "AUC-J": (0.9 + 0.8 + 0.7 + 0.2 + 0.3) / 5,
            "CC": (3 * 0.5 + 0.1 + 0.1) / 5,
            "NSS": (3 * 3.0 + 1.0 + 2.0) / 5,
            "SIM": (3 * 0.4 + 0.1 + 0.2) / 5,
            "KLDiv": (3 * 1.5 + 2.5 + 2.5) / 5,
        }
    )


NAMES = [
    "#first",
    '"quoted" x',
    "a,b",
    "=1+1",
    "'=1",
    "-0.5",
    "001",
    "NA",
    " x",
    "two\nlines",
    "\r",
]


def test_every_clip_has_its_own_name(tmp_path):
    """As the sheet's writer leaves it: quoted, or with a ' in front of what is no formula."""
    path, header = tmp_path / "scores.csv", HEADER.strip().splitlines()[-1].split(",")
    row = [1, *["0.500000"] * (len(header) - 3), "ok"]
    write_rows(path, header, [[name, *row] for name in NAMES])
    seal_sheet(path, "mit", {}, {})
    assert list(read_scores(path, "mit").frames["clip"]) == NAMES


def test_sheets_count_frames_from_1_and_older_ones_from_0(tmp_path):
    for first in (0, 1):
        rows = f"001,{first},0.9,0.5,3.0,0.4,1.5,ok\n001,{first + 1},0.9,0.5,3.0,0.4,1.5,ok\n"
        path = tmp_path / "scores.csv"
        path.write_text(f"{HEADER.splitlines()[-1]}\n{rows}")
        seal_sheet(path, "mit", {}, {}, first)
        assert list(read_scores(path, "mit").frames["frame"]) == [0, 1]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", HEADER.encode() + b"\n\xff,1\n"])
def test_a_sheet_that_is_not_text(tmp_path, content):
    path = tmp_path / "scores.csv"
    for seal in (False, True):
        path.write_bytes(content)
        if seal:
            seal_sheet(path, "mit", {}, {})
        with pytest.raises(InputError, match=r"scores\.csv: .*snakemake --.*force"):
            read_scores(path, "mit")


def test_means_over_clips_weigh_clips_alike(scores):
    means = summary(scores[0], "clip").means
    assert means["AUC-J"] == pytest.approx((0.8 + 0.25) / 2)
    assert means["CC"] == pytest.approx((0.4 + 0.1) / 2)


def test_a_constant_prediction_counts_where_it_has_a_value(scores):
    entry = summary(scores[1])
    assert entry.means["AUC-J"] == pytest.approx((0.9 + 0.8 + 0.5 + 0.2 + 0.3) / 5)
    assert entry.means["CC"] == pytest.approx((0.5 + 0.5 + 0.1 + 0.1) / 4)
    assert entry.undefined == {"CC": 1, "NSS": 1, "SIM": 1}
    assert entry.statuses["AUC-J"] == {"ok": 4, "no_fixation": 1, "constant_prediction": 1}
    assert entry.statuses["CC"] == {"ok": 4, "constant_prediction": 1, "empty_density": 1}


@pytest.mark.parametrize("name", ["mit", "unisal", "pysaliency"])
@pytest.mark.parametrize("average", ["frame", "clip"])
def test_means_are_those_of_the_protocol(name, average, tmp_path):
    rng, rules = np.random.default_rng(5), protocol(name)
    kinds = ["ok", "ok", "ok", "no_fixation", "constant_prediction", "empty_density"]
    scored, lines = {metric: {} for metric in rules.reports}, []
    for clip, length in (("b", 7), ("a", 13), ("c", 1), ("none", 2)):
        for frame in range(length):
            odd, cells = [], []
            for metric in rules.reports:
                nothing = clip == "none" or rng.random() < 0.2
                value = math.nan if nothing else round(rng.normal(), 6)
                status = str(rng.choice(kinds))
                odd += [f"{metric}={status}"] if status != "ok" else []
                cells.append("" if math.isnan(value) else f"{value:.6f}")
                scored[metric].setdefault(clip, []).append(
                    value if status not in rules.left_out else math.nan
                )
            lines.append(",".join([clip, str(frame), *cells, " ".join(odd) or "ok"]))
    header = f"# protocol: {name}\nclip,frame,{','.join(rules.reports)},status"
    path = write_scores(tmp_path, "gfsalnet/setting_1", "\n".join(lines), header)
    means = summary(path, average, name).means
    expected = {}
    for metric, of_clips in scored.items():
        groups = [
            [values[i] for i in half_of(len(values), rules, metric) if not math.isnan(values[i])]
            for values in of_clips.values()
        ]
        groups = groups if average == "clip" else [[v for group in groups for v in group]]
        expected[metric] = np.mean([np.mean(group) for group in groups if group])
    assert means == pytest.approx(expected, abs=1e-12)


def test_a_protocol_that_draws_frames_averages_those(monkeypatch, tmp_path):
    rules = protocol("dhf1k")
    header = f"# protocol: dhf1k\nclip,frame,{','.join(rules.reports)},status"
    rows = "\n".join(f"a,{i}{f',{i}' * len(rules.reports)},ok" for i in range(100))
    path = write_scores(tmp_path, "gfsalnet/setting_1", rows, header)
    monkeypatch.setattr(
        "pipeline.reporting.means.sampled_frames",
        lambda _, total, __, seed: np.array([1, total - 1]),
    )
    assert summary(path, name="dhf1k").means["NSS"] == 50.0


@pytest.mark.parametrize(
    ("header", "rows", "complaint"),
    [
        (HEADER.replace("NSS", "nss"), SETTING_1, "expected columns clip,frame,AUC-J"),
        (HEADER.replace("CC,NSS", "NSS,CC"), SETTING_1, "expected columns clip,frame,AUC-J"),
        (HEADER.replace("mit", "dhf1k"), SETTING_1, "expected protocol mit, found"),
        (HEADER, SETTING_1.replace("AUC-J=", "sAUC="), "a status is of sAUC"),
        (HEADER, SETTING_1.replace("=empty_density", "=empty"), "expected ok, or metric=one of"),
        (HEADER, "", "holds no frame"),
        (HEADER, SETTING_1.replace("0.9", "high"), "not a table of numbers"),
    ],
)
def test_a_wrong_file_of_scores_is_named_with_its_target(header, rows, complaint, tmp_path):
    path = write_scores(tmp_path, "gfsalnet/setting_1", rows, header)
    with pytest.raises(InputError, match=complaint) as error:
        read_scores(path, "mit")
    assert f"snakemake --force {path}" in str(error.value)


def test_attributes_have_means_of_their_own(scores, tmp_path):
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\n001,fast\n001,indoors\nelsewhere,dark\n")
    sheet = read_scores(scores[0], "mit")
    found = by_attribute(summarise(sheet, "frame", seed=7), attributes)
    assert [*found] == ["fast", "indoors", "no attribute"]
    assert found["fast"]["AUC-J"] == pytest.approx(0.8)
    assert found["no attribute"]["AUC-J"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("clip,kind\n001,fast\n", "no column attribute; the header must have clip,attribute"),
        ("clip,attribute\nelsewhere,fast\n", "none of its clips was scored"),
        (None, "attributes.csv: cannot be read"),
    ],
)
def test_wrong_attributes_are_refused(text, complaint, scores, tmp_path):
    attributes = tmp_path / "attributes.csv"
    if text is not None:
        attributes.write_text(text)
    with pytest.raises(InputError, match=complaint):
        by_attribute(summary(scores[0]), attributes)
