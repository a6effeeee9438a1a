"""Averages, differences and what is said below a table, on small made-up scores."""

from __future__ import annotations

import csv
from html.parser import HTMLParser

import pytest

from pipeline.errors import InputError
from pipeline.tables import TablesSettings, read_published, read_scores, summarise, tables

HEADER = "clip,frame,AUC-J,CC,NSS,SIM,KLDiv,status"
FIVE = ["AUC-J", "CC", "NSS", "SIM", "KLDiv"]

# Two clips of unequal length; means over frames and over clips differ.
SETTING_1 = """\
001,0,0.9,0.5,3.0,0.4,1.5,ok
001,1,0.8,0.5,3.0,0.4,1.5,ok
001,2,0.7,0.5,3.0,0.4,1.5,ok
001,3,,0.1,,0.1,9.0,no_fixation
NA,0,0.2,0.1,1.0,0.2,2.5,ok
NA,1,0.3,,,0.0,0.0,empty_density"""
SETTING_2 = SETTING_1.replace(
    "001,2,0.7,0.5,3.0,0.4,1.5,ok", "001,2,0.5,,,,1.5,constant_prediction"
)
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
        "datasets": {"ucf_sports": {"variant": "paper", "split": "test", "average": "frame"}},
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


def test_means_over_frames_leave_out_frames_without_ground_truth(scores):
    means = summarise(read_scores(scores[0]), "frame").means
    assert means == pytest.approx(
        {"AUC-J": 0.65, "CC": 0.4, "NSS": 2.5, "SIM": 0.35, "KLDiv": 1.75}
    )


def test_means_over_clips_weigh_clips_alike(scores):
    means = summarise(read_scores(scores[0]), "clip").means
    assert means == pytest.approx({"AUC-J": 0.5, "CC": 0.3, "NSS": 2.0, "SIM": 0.3, "KLDiv": 2.0})


def test_a_constant_prediction_counts_where_it_has_a_value(scores):
    entry = summarise(read_scores(scores[1]), "frame")
    assert entry.means["AUC-J"] == pytest.approx((0.9 + 0.8 + 0.5 + 0.2) / 4)
    assert entry.means["CC"] == pytest.approx((0.5 + 0.5 + 0.1) / 3)
    assert entry.undefined == {"CC": 1, "NSS": 1, "SIM": 1}
    assert entry.statuses == {
        "constant_prediction": 1,
        "empty_density": 1,
        "no_fixation": 1,
        "ok": 3,
    }


def test_long_sheet_has_ours_printed_and_ours_minus_printed(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    line = long(tmp_path / "out")["Setting 1", "AUC-J"]
    assert line == {
        "group": "Ours (Gated)",
        "method": "Setting 1",
        "source": "measured",
        "metric": "AUC-J",
        "printed": "0.914",
        "ours": "0.650000",
        "difference": "-0.264000",
    }
    assert long(tmp_path / "out")["Setting 1", "KLDiv"]["difference"] == "0.234000"


def test_quoted_missing_and_unprinted_cells(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = long(tmp_path / "out")
    quoted = lines["Fang & al.", "CC"]
    assert (quoted["source"], quoted["printed"], quoted["ours"]) == ("printed", "0.387", "")
    assert lines["Fang & al.", "SIM"]["printed"] == ""
    missing = lines["Setting 1", "SIM"]
    assert (missing["printed"], missing["ours"], missing["difference"]) == ("", "0.350000", "")
    sanity = lines["Centre bias", "CC"]
    assert (sanity["group"], sanity["source"]) == ("Sanity checks", "measured")
    assert (sanity["printed"], sanity["ours"]) == ("", "0.250000")


def test_html_is_well_formed_self_contained_and_shows_the_numbers(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.html").read_text()
    page = read(text)
    cells = {row[0]: row[1:] for row in page.rows}
    assert cells["Fang & al. (nd)"] == ["0.879", "0.387", "2.319", "-", "2.012"]
    assert cells["Setting 1"][0] == "0.650* (paper 0.914, -0.264)"
    assert cells["Setting 1"][3] == "0.350*"
    assert cells["Setting 2"][0] == "0.600 (paper 0.911, -0.311)"
    assert "Forty-three &lt; forty-seven." in text
    scopes = {attrs["scope"] for tag, attrs in page.tags if tag == "th"}
    assert scopes == {"col", "row", "rowgroup"}
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    assert "http" not in text


def test_markdown_shows_ours_printed_difference(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    lines = (tmp_path / "out" / "table_1.md").read_text().splitlines()
    row = next(line for line in lines if "| Setting 2 |" in line)
    assert row.split(" | ")[2] == "0.600 / 0.911 / -0.311"
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {8}


def test_footer_counts_frames_and_names_what_was_run(scores, published, tmp_path):
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    text = (tmp_path / "out" / "table_1.md").read_text()
    for said in (
        "- Note: Forty-three < forty-seven.",
        "- Frames: 4 used; dropped: no_fixation 1, empty_density 1",
        "- Frames with a constant prediction: Setting 2 1",
        "Setting 2 CC 1, Setting 2 NSS 1, Setting 2 SIM 1",
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
        f"{name}.{kind}"
        for name, kinds in (("index", ("md", "html")), ("table_1", 3), ("table_10", 3))
        for kind in (kinds if isinstance(kinds, tuple) else ("csv", "md", "html"))
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
        rows = SETTING_1.replace("0.5,3.0", "0.5,").replace("0.1,1.0", "0.1,")
        path.write_text(f"{HEADER}\n{rows}\n")
    tables(scores=scores, published=published, out=tmp_path / "out", settings=settings())
    page = read((tmp_path / "out" / "table_1.html").read_text())
    cells = {row[0]: row[1:] for row in page.rows}
    assert cells["Setting 1"][2] == "undefined (paper 3.333)"
    assert cells["Centre bias"][2] == "undefined"


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
        (HEADER, "", "holds no frame"),
        (HEADER, SETTING_1.replace("0.9", "high"), "not a table of numbers"),
    ],
)
def test_a_wrong_file_of_scores_is_named_with_its_target(header, rows, complaint, tmp_path):
    path = write(tmp_path, "gfsalnet/setting_1", rows, header)
    with pytest.raises(InputError, match=complaint) as error:
        read_scores(path)
    assert f"snakemake --force {path}" in str(error.value)


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
    lacking = {"table_1": {"Setting 2": ["hollywood2"]}}
    tables(scores=scores, published=published, out=out, settings=settings(lacking=lacking))
    page = (out / "table_1.md").read_text()
    assert "Not measured, for want of data: Setting 2 (its training needs hollywood2)." in page
