"""The report of small made-up results: every part, nothing from elsewhere, what is missing told."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from pipeline.reporting.html import embedded
from pipeline.reporting.rule_graph import read_edges, reduced, row_of_each, svg, without

from pipeline.config.evaluation import TablesSettings
from pipeline.reporting.report import FLAGS, duration, report
from pipeline.reporting.timings import read_timings
from pipeline.runtime.errors import InputError

ROOT = Path(__file__).parents[3]
RULES = ROOT / "workflow/report/rules.dot"
SECTIONS = ["tables", "training", "panels", "gates", "alignment", "timing", "rules"]
TABLE = """<!DOCTYPE html><html lang="en"><head><title>T</title>
<style>td { color: CanvasText; }</style></head><body><h1 id="title">Table 1. A &lt; B &amp; C</h1>
<div role="region" aria-labelledby="title"><table aria-labelledby="title"><tr><td>0.5</td></tr>
</table></div><h2 id="pairs">Pairs</h2><a href="#title">up</a>
<nav><a href="index.html">All tables</a></nav></body></html>"""
BENCHMARK = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


class Page(HTMLParser):
    """Elements by their names, and that tags nest."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def values(self, attribute):
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]


def settings(**changes):
    given = {"run": "demo", "protocol": "mit", "seed": 3, "config_digest": "c0ffee00"}
    empty = {
        "sanity": {},
        "datasets": {},
        "tables": {},
        "left_out": [],
        "lacking": {},
        "observed": [],
    }
    return TablesSettings.model_validate(given | {"code": "0123abcd"} | empty | changes)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def draw(path, size=(60, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "grey").save(path)
    return path


@pytest.fixture
def nothing(tmp_path):
    """A run that made tables and nothing else."""
    for name in ("index", "table_1", "table_2"):
        write(tmp_path / f"tables/{name}.html", TABLE)
    return {
        **{name: [] for name in ("pictures", "logs", "gates", "alignment", "absent")},
        "tables": tmp_path / "tables",
        "benchmarks": tmp_path / "benchmarks",
        "rules": RULES,
        "settings": settings(),
        "page": tmp_path / "report.html",
    }


@pytest.fixture
def everything(nothing, tmp_path):
    panels = "place,clip,frame,model,NSS,clip_NSS\nbest,a&b,3,Ours,2.5,2.4\nworst,c,1,Ours,,\n"
    write(tmp_path / "pictures/ucf_sports.csv", panels)
    log = "iteration,loss\n" + "".join(f"{i},{i / 10}\n" for i in range(1, 21))
    gate = "clip,frame,moving_share,G_T_moving,G_T_resting\na,1,0.1,0.9,0.4\na,2,0,,0.2\n"
    checked = "clip,seconds,best_lag,flags\na,1,0,\nb,2,9,late outside\n"
    for kind in ("curves", "panels"):
        draw(tmp_path / f"gates/gfsalnet/setting_2/ucf_sports_{kind}.png")
    for i, cells in enumerate(
        ("100.0\t0\t300\t0\t0\t0\t0\t0\t0\t90", "200.0\t0\tNA\t0\t0\t0\t0\t0\t0\tNA")
    ):
        write(tmp_path / f"benchmarks/flow/ucf_sports/{i}.tsv", f"{BENCHMARK}{cells}\n")
    return nothing | {
        "pictures": [
            draw(tmp_path / "pictures/ucf_sports.png", (3000, 200)),
            draw(tmp_path / "pictures/training.png"),
        ],
        "logs": [write(tmp_path / "weights/gfsalnet/setting_2.csv", log)],
        "gates": [write(tmp_path / "gates/gfsalnet/setting_2/ucf_sports.csv", gate)],
        "alignment": [write(tmp_path / "alignment/ucf_sports.csv", checked)],
    }


def made(arguments):
    report(**arguments)
    return Page(arguments["page"].read_text())


def test_every_part_is_there_and_listed(everything):
    page = made(everything)
    sections = [a["aria-labelledby"] for tag, a in page.tags if tag == "section"]
    assert sections == SECTIONS
    links = [value for value in page.values("href") if value.startswith("#")]
    assert set(links) <= {f"#{name}" for name in page.values("id")}
    assert {f"#{name}" for name in SECTIONS} | {"#table_1-title", "#panels-ucf_sports"} <= {*links}


@pytest.mark.parametrize("case", ["nothing", "everything"])
def test_nothing_comes_from_elsewhere(case, request):
    page = made(request.getfixturevalue(case))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert all(source.startswith("data:image/webp;base64,") for source in page.values("src"))
    assert all(link.startswith("#") for link in page.values("href"))
    text = request.getfixturevalue(case)["page"].read_text()
    assert not re.search(r"url\(|@import|https?://", text)


@pytest.mark.parametrize("case", ["nothing", "everything"])
def test_names_are_unique_and_what_is_named_exists(case, request):
    page = made(request.getfixturevalue(case))
    names = page.values("id")
    assert len(names) == len({*names})
    assert {one for value in page.values("aria-labelledby") for one in value.split()} <= {*names}


def test_every_picture_says_what_it_shows(everything):
    page = made(everything)
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(pictures) == 4
    assert "best a&b, frame 3; worst c, frame 1" in pictures[1]["alt"]
    assert all(len(one["alt"]) > 20 and int(one["width"]) <= 1500 for one in pictures)


def test_what_is_missing_is_said(nothing):
    text = made(nothing).text
    for told in ("no curves", "nothing to show", "no gate", "no gaze was checked", "No timing"):
        assert told in text
    assert "Left outno dataset" in text
    left = made(nothing | {"settings": settings(left_out=["hollywood2"])})
    assert "Left outhollywood2" in left.text


def test_a_run_without_tables_says_so(nothing, tmp_path):
    for name in ("table_1", "table_2"):
        (tmp_path / f"tables/{name}.html").unlink()
    assert "no tables" in made(nothing).text


def test_numbers_of_trainings_gates_flags_and_times(everything):
    text = re.sub(r"\s+", " ", made(everything).text)
    assert "gfsalnetsetting_2200.1001.550" in text  # 20 iterations, first 0.1, last ten 1.55
    assert "ucf_sportsgfsalnet setting_220.9000.300" in text  # G_T over one frame, over two
    assert "ucf_sports21late 1, outside 1" in text
    assert FLAGS["late"] in text
    assert FLAGS["early"] not in text
    assert "flow25 min 00 s1 min 30 s300 MB300 MB" in text


def test_long_lists_of_flagged_clips_are_cut(everything, tmp_path):
    rows = "".join(f"clip{i},1,0,early\n" for i in range(103))
    sheet = write(tmp_path / "alignment/ucf_sports.csv", f"clip,seconds,best_lag,flags\n{rows}")
    text = made(everything).text
    assert "clip99" in text
    assert "clip100" not in text
    assert f"and 3 more, in {sheet}." in text


def test_the_same_input_gives_the_same_bytes(everything):
    report(**everything)
    first = everything["page"].read_bytes()
    report(**everything)
    assert everything["page"].read_bytes() == first


def test_a_damaged_input_is_one_message(everything, tmp_path):
    damaged = {
        "pictures/ucf_sports.png": "not a picture",
        "pictures/ucf_sports.csv": "expected columns",
        "gates/gfsalnet/setting_2/ucf_sports.csv": "expected columns",
        "benchmarks/flow/ucf_sports/0.tsv": "as Snakemake's benchmark",
    }
    for name, told in damaged.items():
        path = tmp_path / name
        before = path.read_bytes()
        path.write_text("x\n")
        with pytest.raises(InputError, match=rf"{re.escape(str(path))}: .*{told}"):
            report(**everything)
        path.write_bytes(before)
    assert not everything["page"].exists()


def test_an_embedded_page_keeps_its_text_under_new_names(tmp_path):
    body, style = embedded(write(tmp_path / "t.html", TABLE), "table_1")
    assert '<h3 id="table_1-title">Table 1. A &lt; B &amp; C</h3>' in body
    assert '<h4 id="table_1-pairs">' in body
    assert '<a href="#table_1-title">up</a>' in body
    assert "All tables" not in body
    assert style == "td { color: CanvasText; }"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (9000, "2 h 30 min"),
    ],
)
def test_durations(seconds, told):
    assert duration(seconds) == told


def test_timings_are_summed_by_rule(everything):
    (timing,) = read_timings(everything["benchmarks"])
    assert (timing.rule, timing.jobs, timing.wall, timing.cpu) == ("flow", 2, 300.0, 90.0)
    assert (timing.memory, timing.peak) == (300.0, 300.0)


def test_a_graph_is_drawn_in_rows_without_what_others_imply():
    edges = frozenset({("a", "b"), ("b", "c"), ("a", "c"), ("c", "d"), ("a", "d"), ("x", "d")})
    assert reduced(edges) == {("a", "b"), ("b", "c"), ("c", "d"), ("x", "d")}
    assert row_of_each(edges) == {"a": 0, "b": 1, "c": 2, "d": 3, "x": 0}
    assert without(edges, ["a", "d"]) == {("b", "c")}
    drawn = svg(edges, "a < b")
    assert re.findall(r">(\w)</text>", drawn) == ["a", "x", "b", "c", "d"]
    assert 'aria-label="a &lt; b"' in drawn


def test_boxes_do_not_touch():
    drawn = svg(read_edges(RULES), "rules")
    boxes = [
        tuple(map(float, box)) for box in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', drawn)
    ]
    assert len(boxes) == len(row_of_each(read_edges(RULES)))
    for i, (x, y) in enumerate(boxes):
        assert all(abs(x - left) >= 99.9 for left, top in boxes[:i] if top == y)


def test_a_circle_or_no_edge_is_an_error(tmp_path):
    with pytest.raises(InputError, match="a, b read from one another"):
        read_edges(write(tmp_path / "g.dot", "a -> b\nb -> a\nb -> c\n"))
    with pytest.raises(InputError, match="found none"):
        read_edges(write(tmp_path / "g.dot", "digraph {}"))
    with pytest.raises(InputError, match="restore it"):
        read_edges(tmp_path / "none.dot")


def test_the_graph_is_that_of_the_rules():
    """With somebody's maps and torchvision's weights, so that every rule has something to do."""
    theirs = 'models={"theirs": {"maps": "workflow"}}'
    row = '{"Theirs": {"model": "theirs", "training": "given"}}'
    config = ["run=demo", "backbone_weights=torchvision", theirs]
    config.append(f'tables={{"table_1": {{"measured": {row}}}}}')
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--config",
            *config,
            "--rulegraph",
            "dot",
            "--",
            "report",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    edges = re.findall(r"(\d+) -> (\d+)", done.stdout)
    # A training may start from another one's weights.
    found = {(names[first], names[second]) for first, second in edges if first != second}
    assert found == read_edges(RULES)
