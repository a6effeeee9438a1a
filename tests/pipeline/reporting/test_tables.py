"""Averages, differences and what is said below a table, on small made-up scores."""

from __future__ import annotations

import csv
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from pipeline.reporting.latex import escaped

from pipeline.config.evaluation import TablesSettings
from pipeline.evaluation.protocols import MetricScore, mean_of, protocol
from pipeline.reporting.means import by_attribute, read_scores, summarise
from pipeline.reporting.published import read_published
from pipeline.reporting.tables import tables
from pipeline.runtime.errors import InputError

FIVE = ["AUC-J", "CC", "NSS", "SIM", "KLDiv"]
HEADER = "# protocol: mit\nclip,frame,AUC-J,CC,NSS,SIM,KLDiv,status"
# Two clips of unequal length; means over frames and over clips differ.
SETTING_1 = """\
001,0,0.9,0.5,3.0,0.4,1.5,ok
001,1,0.8,0.5,3.0,0.4,1.5,ok
001,2,0.7,0.5,3.0,0.4,1.5,ok
001,3,,0.1,,0.1,2.5,AUC-J=no_fixation NSS=no_fixation
NA,0,0.2,0.1,1.0,0.2,2.5,ok
NA,1,0.3,,2.0,0.0,0.0,CC=empty_density SIM=empty_density KLDiv=empty_density"""
CONSTANT = " ".join(f"{metric}=constant_prediction" for metric in FIVE)
SETTING_2 = SETTING_1.replace("001,2,0.7,0.5,3.0,0.4,1.5,ok", f"001,2,0.5,,,,1.5,{CONSTANT}")
CENTRE = SETTING_1.replace(",0.5,", ",0.3,")
PUBLISHED = """\
# Table I
group,method,deep,AUC-J,CC,NSS,SIM,KLDiv
Static,SalGAN,yes,0.869,0.389,2.074,0.258,2.169
Dynamic,Fang & al.,no,0.879,0.387,2.319,,2.012
Ours (Gated),Setting 1,yes,0.914,0.526,3.333,,1.516
Ours (Gated),Setting 2,yes,0.911,0.499,2.980,0.353,1.568
"""


class Reader(HTMLParser):
    """Checks that tags nest, and keeps the text of the table's cells."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.rows, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data if self.open[-1] != "small" else f" ({data})"


def settings(**changes):
    defaults = {
        "run": "demo",
        "protocol": "mit",
        "seed": 7,
        "config_digest": "c0ffee00",
        "code": "0123456789abcdef",
        "sanity": {"Centre bias": "centre_bias"},
        "datasets": {"ucf_sports": {"variant": "paper", "split": "test", "meta": False}},
        "tables": {
            "table_1": {
                "title": "Comparison on UCF-Sports",
                "dataset": "ucf_sports",
                "metrics": FIVE,
                "measured": {
                    "Setting 1": {"model": "gfsalnet", "training": "setting_1"},
                    "Setting 2": {"model": "gfsalnet", "training": "setting_2"},
                },
                "note": "Forty-three < forty-seven.",
            }
        },
        "left_out": [],
        "lacking": {},
        "observed": [],
    }
    return TablesSettings.model_validate(defaults | changes)


@pytest.fixture
def scores(tmp_path):
    return [
        write(tmp_path, "gfsalnet/setting_1", SETTING_1),
        write(tmp_path, "gfsalnet/setting_2", SETTING_2),
        write(tmp_path, "centre_bias/untrained", CENTRE),
    ]


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "table_1.csv").write_text(PUBLISHED)
    return folder


def write(folder, key, rows, header=HEADER):
    path = folder / "scores" / key / "ucf_sports.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"{header}\n{rows}\n")
    return path


def long(out):
    with (out / "table_1.csv").open(newline="") as lines:
        return {(line["method"], line["metric"]): line for line in csv.DictReader(lines)}


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def summary(path, average="frame", name="mit"):
    return summarise(read_scores(path, name), average, seed=7)


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
                scored[metric].setdefault(clip, []).append(MetricScore(value, status))
            lines.append(",".join([clip, str(frame), *cells, " ".join(odd) or "ok"]))
    header = f"# protocol: {name}\nclip,frame,{','.join(rules.reports)},status"
    path = write(tmp_path, "gfsalnet/setting_1", "\n".join(lines), header)
    means = summary(path, average, name).means
    expected = {metric: mean_of(rules, found, average) for metric, found in scored.items()}
    assert means == pytest.approx(expected, abs=1e-12)


def test_a_protocol_that_draws_frames_averages_those(tmp_path, monkeypatch):
    rules = protocol("dhf1k")
    header = f"# protocol: dhf1k\nclip,frame,{','.join(rules.reports)},status"
    rows = "\n".join(f"a,{i}{f',{i}' * len(rules.reports)},ok" for i in range(100))
    path = write(tmp_path, "gfsalnet/setting_1", rows, header)
    monkeypatch.setattr(
        "pipeline.reporting.means.sampled_frames",
        lambda _, total, __, seed: np.array([1, total - 1]),
    )
    assert summary(path, name="dhf1k").means["NSS"] == 50.0


def test_long_sheet_has_ours_its_interval_printed_and_ours_minus_printed(
    scores, published, tmp_path
):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    line = long(tmp_path / "out")["Setting 1", "AUC-J"]
    # Of two clips a draw takes one twice or both: means 0.8, 0.58 or 0.25.
    assert line == {
        "group": "Ours (Gated)",
        "method": "Setting 1",
        "source": "measured",
        "metric": "AUC-J",
        "printed": "0.914",
        "ours": "0.580000",
        "low": "0.250000",
        "high": "0.800000",
        "difference": "-0.334000",
    }
    assert long(tmp_path / "out")["Setting 1", "KLDiv"]["difference"] == "0.384000"


def test_clip_sheet_has_each_clips_mean_and_frames(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    with (tmp_path / "out" / "table_1_clips.csv").open(newline="") as lines:
        found = {(x["method"], x["clip"], x["metric"]): x for x in csv.DictReader(lines)}
    assert len(found) == 3 * 2 * 5
    one = found["Setting 2", "001", "CC"]
    assert (one["mean"], one["frames"]) == (f"{(0.5 + 0.5 + 0.1) / 3:.6f}", "3")


def test_quoted_missing_and_unprinted_cells(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = long(tmp_path / "out")
    quoted = lines["Fang & al.", "CC"]
    assert (quoted["source"], quoted["printed"], quoted["ours"]) == ("printed", "0.387", "")
    assert (quoted["low"], quoted["high"], quoted["difference"]) == ("", "", "")
    assert lines["Fang & al.", "SIM"]["printed"] == ""
    missing = lines["Setting 1", "SIM"]
    assert (missing["printed"], missing["ours"], missing["difference"]) == ("", "0.300000", "")
    sanity = lines["Centre bias", "CC"]
    assert (sanity["group"], sanity["source"]) == ("Sanity checks", "measured")
    assert (sanity["printed"], sanity["ours"]) == ("", "0.220000")


def rows_of(page, heading):
    """First cell -> the others, of the table whose head begins with that."""
    heads = [i for i, row in enumerate(page.rows) if row[0] in ("Method", "Difference", "Clip")]
    ends = [*heads[1:], len(page.rows)]
    first, last = next(x for x in zip(heads, ends, strict=True) if page.rows[x[0]][0] == heading)
    return {row[0]: row[1:] for row in page.rows[first:last]}


def test_html_is_well_formed_self_contained_and_shows_the_numbers(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.html").read_text()
    page = read(text)
    cells = rows_of(page, "Method")
    assert cells["Fang & al. (nd)"] == ["0.879", "0.387", "2.319", "-", "2.012"]
    # Equal to the centre bias: both have the star, and the next value the dagger.
    assert cells["Setting 1"][0] == "0.580* ([0.250, 0.800]) (paper )0.914 (, -0.334)"
    assert cells["Setting 1"][3] == "0.300* ([0.200, 0.325])"
    assert cells["Setting 2"][0].startswith("0.540\u2020 ([0.250")
    assert "<b>0.914</b>" in text and "<u>0.911</u>" in text
    assert "Forty-three &lt; forty-seven." in text
    scopes = {attrs["scope"] for tag, attrs in page.tags if tag == "th"}
    assert scopes == {"col", "row", "rowgroup"}
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    assert "http" not in text


def test_markdown_shows_ours_printed_difference(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = (tmp_path / "out" / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if "| Setting 2 |" in line)
    assert row.split(" | ")[2] == ("0.540\u2020 [0.250, 0.733] / <ins>0.911</ins> / -0.371")
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {8}


def test_footer_counts_frames_and_names_what_was_run(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.md").read_text()
    for said in (
        "- Note: Forty-three < forty-seven.",
        "- Frames: 6 of 2 clips",
        "- Left out of the means: empty_density 1 (CC, SIM, KLDiv); no_fixation 1 (AUC-J, NSS)",
        "- Odd, yet counted: Setting 2: constant_prediction 1 (AUC-J, CC, NSS, SIM, KLDiv)",
        "- Without a value, though counted: Setting 2: 1 (CC, NSS, SIM)",
        "- Intervals: 95 %, percentiles of a bootstrap over 2 clips, 2000 draws; of so few clips",
        "- Average: mean over frames",
        "- Ground truth: paper",
        "- Split: test",
        "- Protocol: mit",
        "- Configuration: c0ffee00",
        "- Code: 0123456789abcdef",
        "- Seed: 7",
    ):
        assert said in text


@pytest.mark.parametrize(("run", "warned"), [("demo", True), ("real", True), ("paper", False)])
def test_only_the_papers_run_is_comparable(run, warned, scores, published, tmp_path):
    out = tmp_path / "out"
    tables(scores=scores, published=published, out=out, settings=settings(run=run))
    for name in ("table_1.md", "table_1.html", "index.md", "index.html"):
        assert ("not comparable" in (out / name).read_text()) == warned
    assert ("miniatures" in (out / "table_1.md").read_text()) == (run == "demo")


def test_a_dataset_left_out_shows_printed_values_only(published, tmp_path):
    out = tmp_path / "out"
    tables(scores=[], published=published, out=out, settings=settings(left_out=["ucf_sports"]))
    assert {line["source"] for line in long(out).values()} == {"printed"}
    assert "ucf_sports is left out of this run" in (out / "table_1.md").read_text()
    assert "printed values only" in (out / "index.md").read_text()


def test_index_links_every_table(scores, published, tmp_path):
    out, one = tmp_path / "out", settings().tables["table_1"]
    several = settings(tables={"table_1": one, "table_10": one})
    tables(scores=scores, published=published, out=out, settings=several)
    links = {
        attrs["href"] for tag, attrs in read((out / "index.html").read_text()).tags if tag == "a"
    }
    assert links == {"table_1.html", "table_10.html"}
    assert "[Table 10. Comparison on UCF-Sports](table_10.md)" in (out / "index.md").read_text()
    assert {path.name for path in out.iterdir()} == {
        *("index.md", "index.html"),
        *(
            f"{name}{kind}"
            for name in several.tables
            for kind in (".csv", "_clips.csv", ".md", ".html", ".tex")
        ),
    }


def test_a_row_that_the_paper_lacks_is_marked(scores, published, tmp_path):
    (published / "table_1.csv").write_text(PUBLISHED.replace("Setting 2", "Setting 3"))
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    assert long(tmp_path / "out")["Setting 2", "CC"]["group"] == "Not in the paper"


def test_the_same_input_gives_the_same_bytes(scores, published, tmp_path):
    for out, order in (("a", scores), ("b", scores[::-1])):
        tables(scores=order, published=published, out=tmp_path / out, settings=settings())
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_metric_without_any_value_is_undefined(scores, published, tmp_path):
    for path in scores:
        rows = SETTING_1.replace(",3.0,", ",,").replace(",1.0,", ",,").replace(",2.0,", ",,")
        path.write_text(f"{HEADER}\n{rows}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    page = read((tmp_path / "out" / "table_1.html").read_text())
    cells = rows_of(page, "Method")
    assert cells["Setting 1"][2] == "undefined (paper )3.333"
    assert cells["Centre bias"][2] == "undefined"
    compared = rows_of(page, "Difference")
    assert compared["Setting 1  (less Setting 2)"][2] == "undefined"


def test_a_missing_file_of_scores_is_named_with_its_target(scores, published, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"snakemake .*scores/gfsalnet/setting_2/ucf_sports\.csv"):
        tables(scores=[scores[0], scores[2]], published=published, out=out, settings=settings())
    assert not out.exists()
    scores[1].unlink()
    with pytest.raises(InputError, match=r"setting_2/ucf_sports\.csv: no such file"):
        tables(scores=scores, published=published, out=out, settings=settings())


@pytest.mark.parametrize(
    ("header", "rows", "complaint"),
    [
        (HEADER.replace("NSS", "nss"), SETTING_1, "expected columns clip,frame,AUC-J"),
        (HEADER.replace("CC,NSS", "NSS,CC"), SETTING_1, "expected columns clip,frame,AUC-J"),
        (HEADER.replace("mit", "dhf1k"), SETTING_1, "expected the line # protocol: mit, found"),
        (HEADER.partition("\n")[2], SETTING_1, "expected the line # protocol: mit, found"),
        (HEADER, SETTING_1.replace("AUC-J=", "sAUC="), "a status is of sAUC"),
        (HEADER, SETTING_1.replace("=empty_density", "=empty"), "expected ok, or metric=one of"),
        (HEADER, "", "holds no frame"),
        (HEADER, SETTING_1.replace("0.9", "high"), "not a table of numbers"),
    ],
)
def test_a_wrong_file_of_scores_is_named_with_its_target(header, rows, complaint, tmp_path):
    path = write(tmp_path, "gfsalnet/setting_1", rows, header)
    with pytest.raises(InputError, match=complaint) as error:
        read_scores(path, "mit")
    assert f"snakemake --force {path}" in str(error.value)


def test_infinite_means_are_shown_as_such(scores, published, tmp_path):
    scores[1].write_text(scores[1].read_text().replace("3.0,0.4,1.5,ok", "3.0,0.4,inf,ok"))
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    page = read((tmp_path / "out" / "table_1.html").read_text())
    assert rows_of(page, "Method")["Setting 2"][4] == "inf (paper )1.568 (, +inf)"
    assert rows_of(page, "Difference")["Setting 1  (less Setting 2)"][4] == "-inf"


def test_a_table_without_printed_values_speaks_of_none(scores, published, tmp_path):
    (published / "table_1.csv").unlink()
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.md").read_text()
    assert "Our values with their 95 % intervals." in text and "printed" not in text


@pytest.mark.parametrize("left_out", [[], ["ucf_sports"]])
def test_links_lead_to_files_that_are_there(left_out, scores, published, tmp_path):
    out = tmp_path / "out"
    tables(scores=scores, published=published, out=out, settings=settings(left_out=left_out))
    for page in out.glob("*.html"):
        links = [a["href"] for tag, a in read(page.read_text()).tags if tag == "a"]
        assert links and all((out / link).is_file() for link in links)
    for page in out.glob("*.md"):
        links = re.findall(r"\]\((.+?)\)", page.read_text())
        assert links and all((out / link).is_file() for link in links)


def test_rows_with_other_frames_are_refused(scores, published, tmp_path):
    scores[2].write_text("\n".join([HEADER, *CENTRE.splitlines()[:-2], ""]))
    with pytest.raises(InputError, match=r"centre_bias.*its frames are not those of .*setting_1"):
        tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [("AUC-J", "AUC", "found group,method,deep,AUC,CC"), ("Setting 2", "Setting 1", "twice")],
)
def test_a_wrong_published_sheet_is_refused(old, new, complaint, published):
    path = published / "table_1.csv"
    path.write_text(PUBLISHED.replace(old, new))
    with pytest.raises(InputError, match=complaint):
        read_published(path)


def test_a_row_whose_training_lacks_data_says_so(published, scores, tmp_path):
    out = tmp_path / "out"
    lacking = {"table_1": {"Setting 2": "its training needs hollywood2"}}
    tables(scores=scores, published=published, out=out, settings=settings(lacking=lacking))
    page = (out / "table_1.md").read_text()
    assert "Not measured: Setting 2 (its training needs hollywood2)." in page


def test_observers_are_no_rivals(scores, published, tmp_path):
    out = tmp_path / "out"
    tables(scores=scores, published=published, out=out, settings=settings(observed=[]))
    as_model = (out / "table_1.md").read_text()
    tables(scores=scores, published=published, out=out, settings=settings(observed=["gfsalnet"]))
    alone = (out / "table_1.md").read_text()
    assert "\\*" in as_model and "\\*" in alone  # the best measured value has a star
    starred = [line.split("|")[2].strip() for line in alone.splitlines() if "\\*" in line]
    assert set(starred) == {"Centre bias"}
    assert "| Setting 1 | Setting 2 |" in as_model
    assert "| Setting 1 | Setting 2 |" not in alone
    assert "Setting 1, Setting 2: no model: each is predicted by the gaze" in alone


def test_columns_that_a_protocol_does_not_report_are_left_out(tmp_path, published):
    header = HEADER.replace(",KLDiv", "").replace("# protocol: mit", "# protocol: dhf1k")
    sheets = {
        "gfsalnet/setting_1": SETTING_1,
        "gfsalnet/setting_2": SETTING_2,
        "centre_bias/untrained": CENTRE,
    }
    scores = []
    for name, text in sheets.items():
        rows = re.sub(r",[\d.]*,(ok|AUC-J=|CC=)", r",\1", text)
        rows = re.sub(r" KLDiv=\w+", "", rows)
        path = write(tmp_path, name, rows)
        path.write_text(f"{header}\n{rows}\n")
        scores.append(path)
    out = tmp_path / "out"
    tables(scores=scores, published=published, out=out, settings=settings(protocol="dhf1k"))
    page = (out / "table_1.md").read_text()
    assert "Protocol dhf1k does not report KLDiv." in page
    assert "KLDiv" not in (out / "table_1.csv").read_text()


def test_a_metric_that_a_sheet_lacks_is_named_with_the_sheet(scores, published, tmp_path):
    header = HEADER.replace(",KLDiv", "")
    rows = re.sub(r",[\d.]+,(ok|AUC-J=|CC=)", r",\1", SETTING_1).replace(" KLDiv=empty_density", "")
    scores[1].write_text(f"{header}\n{rows}\n")
    with pytest.raises(InputError, match=r"setting_2.*table table_1 wants KLDiv"):
        tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())


def test_differences_are_shown_without_p_where_clips_are_few(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.md").read_text()
    below = text.partition("## Differences between measured rows")[2]
    assert "| Setting 1 | Setting 2 | +0.040 [+0.000, +0.067] |" in below
    assert "| Setting 1 | Centre bias |" in below and "| Setting 2 | Centre bias |" not in below
    assert "No test is possible: it needs 6 clips with a value, and there are 2 in all." in below
    assert " p 0" not in below and "p <" not in below


def many(clips, shift):
    rows = (f"c{i:02d},0,0.{60 + i},0.5,{2 + i / 10 + shift * (1 + i)},0.4,1.5,ok" for i in clips)
    return "\n".join(rows)


def test_differences_are_tested_with_clips_enough(scores, published, tmp_path):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        path.write_text(f"{HEADER}\n{many(range(20), shift)}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = (tmp_path / "out" / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| Setting 1 | Setting 2 |"))
    cells = row.split(" | ")
    assert cells[2] == "+0.000 [+0.000, +0.000] p 1.000"
    assert cells[4].startswith("-0.105 [") and cells[4].endswith("p < 0.001\u2021")
    assert any("corrected by Holm for the 10 tests of this table" in line for line in lines)


def test_six_clips_cannot_tell_models_apart_in_ten_tests(scores, published, tmp_path):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        path.write_text(f"{HEADER}\n{many(range(6), shift)}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = (tmp_path / "out" / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| Setting 1 | Setting 2 |"))
    # Six equal signs have p = 2 / 64, and ten times that after Holm.
    assert row.split(" | ")[4].endswith("] p 0.312")


def test_clips_stand_in_order_of_what_the_best_row_loses(scores, published, tmp_path):
    for path, shift in zip(scores, (0.0, 0.01, -1.0), strict=True):
        path.write_text(f"{HEADER}\n{many(range(12), shift)}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.html").read_text()
    details = read(text.partition("<details>")[2].partition("</details>")[0])
    assert details.rows[0] == ["Clip", "Setting 1", "Setting 2", "Centre bias", "difference"]
    assert details.rows[1] == ["c00", "2.000", "2.010", "1.000", "+0.010"]
    assert [row[0] for row in details.rows[1:]] == [f"c{i:02d}" for i in range(12)]
    assert "Difference: Setting 2 less Setting 1." in text


def test_one_clip_has_no_interval_and_says_why(scores, published, tmp_path):
    for path in scores:
        path.write_text(f"{HEADER}\n{many([3], 0)}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    line = long(tmp_path / "out")["Setting 1", "NSS"]
    assert (line["ours"], line["low"], line["high"]) == ("2.300000", "", "")
    text = (tmp_path / "out" / "table_1.md").read_text()
    assert "- Intervals: none: one clip alone does not tell how clips differ" in text
    assert "there is 1 in all" in text


def test_latex_is_balanced_and_every_line_has_its_columns(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.tex").read_text()
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    wide = [line for line in lines if not line.startswith(r"\multicolumn{6}")]
    assert len(wide) == 1 + 2 + 2 * 4 + 2
    assert {len(re.findall(r"(?<!\\)&", line)) for line in wide} == {5}
    assert r"Fang \& al. (nd) & 0.879 & 0.387 & 2.319 & - & 2.012 \\" in text
    assert r"{\scriptsize \underline{0.911}}" in text
    assert r"{\scriptsize \textbf{0.914}}" in text
    assert r"Forty-three \textless{} forty-seven." in text


def test_latex_escapes_what_it_would_read():
    assert escaped(r"a_b & 5 % \ <c> #{~}") == (
        r"a\_b \& 5 \% \textbackslash{} \textless{}c\textgreater{} \#\{\textasciitilde{}\}"
    )


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path, settings=settings())
    main = (
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table_1}\end{document}"
    )
    (tmp_path / "main.tex").write_text(main)
    command = ["pdflatex", "-halt-on-error", "main.tex"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0


def test_attributes_have_means_of_their_own(scores, tmp_path):
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\n001,fast\n001,indoors\nelsewhere,dark\n")
    sheet = read_scores(scores[0], "mit")
    found = by_attribute(summarise(sheet, "frame", seed=7), attributes)
    assert [*found] == ["fast", "indoors", "no attribute"]
    assert found["fast"]["AUC-J"] == pytest.approx(0.8)
    assert found["no attribute"]["AUC-J"] == pytest.approx(0.25)


def test_a_table_tells_each_attributes_means(scores, published, tmp_path):
    attributes = tmp_path / "attributes.csv"
    attributes.write_text("clip,attribute\n001,fast\n")
    dataset = {"variant": "paper", "split": "test", "meta": False, "attributes": attributes}
    told = settings(datasets={"ucf_sports": dataset})
    tables(scores=scores, published=published, out=tmp_path, settings=told)
    with (tmp_path / "table_1_attributes.csv").open(newline="") as lines:
        found = {
            (line["method"], line["attribute"], line["metric"]): line["mean"]
            for line in csv.DictReader(lines)
        }
    assert float(found["Setting 1", "fast", "AUC-J"]) == pytest.approx(0.8)
    page = (tmp_path / "table_1.html").read_text()
    assert "NSS of each attribute" in page
    read(page)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("clip,kind\n001,fast\n", "expected columns clip,attribute, found clip,kind"),
        ("clip,attribute\nelsewhere,fast\n", "none of its clips was scored"),
        (None, "not a sheet of attributes"),
    ],
)
def test_wrong_attributes_are_refused(text, complaint, scores, tmp_path):
    attributes = tmp_path / "attributes.csv"
    if text is not None:
        attributes.write_text(text)
    with pytest.raises(InputError, match=complaint):
        by_attribute(summary(scores[0]), attributes)
