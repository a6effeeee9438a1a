"""The report of small made-up results: every part, nothing from elsewhere, what is missing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from PIL import Image

from pipeline.reporting.figures.timings import duration, read_timings
from pipeline.reporting.intervals import Comparison
from pipeline.reporting.pages.page import Cell, ClipTable, Page, Pair, Row, write_index
from pipeline.reporting.pages.report import FLAGS, report
from pipeline.runtime.errors import InputError
from tests.pipeline.reporting.conftest import Html, settings

SECTIONS = ["tables", "training", "panels", "figures", "gates", "alignment", "timing"]
BENCHMARK = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
TABLE = Page(
    name="table_1",
    caption="A < B & C",
    metrics={"NSS": "higher"},
    rows=(Row("", "Ours", True, True, (Cell(0.5, 0.4),)),),
    pairs=(Pair("Ours", "Theirs", (Comparison(0.1, None, None),)),),
    pairs_note="Not tested.",
    clips=ClipTable("NSS", "", ("Ours",), (("a", (0.4,), float("nan")),)),
    footer={"Run": "demo"},
    links={"index.html": "All tables"},
)


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
    write_index(tmp_path / "tables", [replace(TABLE, name="table_2"), TABLE], "All", [])
    return {
        **{name: [] for name in ("pictures", "logs", "gates", "figures", "alignment")},
        "tables": tmp_path / "tables",
        "benchmarks": tmp_path / "benchmarks",
        "settings": settings(seed=3),
        "page": tmp_path / "report.html",
    }


@pytest.fixture
def everything(nothing, tmp_path):
    panels = "best,a&b,3,Ours,NSS,2.5,2.4\nworst,c,1,Ours,NSS,,\n"
    header = "place,clip,frame,model,metric,value,clip_mean\n"
    write(tmp_path / "pictures/table_1.csv", header + panels)
    log = "iteration,loss\n" + "".join(f"{i},{i / 10}\n" for i in range(1, 21))
    gate = "clip,frame,moving_share,G_T_moving,G_T_resting\na,1,0.1,0.9,0.4\na,2,0,,0.2\n"
    checked = "clip,seconds,best_lag,flags\na,1,0,\nb,2,9,late outside\n"
    for kind in ("curves", "panels", "regions"):
        draw(tmp_path / f"gates/gfsalnet/setting_2/ucf_sports_{kind}.png")
    for i, cells in enumerate(
        ("100.0\t0\t300\t0\t0\t0\t0\t0\t0\t90", "200.0\t0\tNA\t0\t0\t0\t0\t0\t0\tNA")
    ):
        write(tmp_path / f"benchmarks/flow/ucf_sports/{i}.tsv", f"{BENCHMARK}{cells}\n")
    return nothing | {
        "pictures": [
            draw(tmp_path / "pictures/table_1.png", (3000, 200)),
            draw(tmp_path / "pictures/training.png"),
        ],
        "logs": [write(tmp_path / "weights/gfsalnet/setting_2.csv", log)],
        "gates": [write(tmp_path / "gates/gfsalnet/setting_2/ucf_sports.csv", gate)],
        "figures": [
            draw(tmp_path / "overlays/diem.png"),
            draw(tmp_path / "flow_images/early_fusion/diem.png"),
        ],
        "alignment": [write(tmp_path / "alignment/ucf_sports.csv", checked)],
    }


def made(arguments):
    report(**arguments)
    return Html(arguments["page"].read_text())


def test_every_part_is_there_and_listed(everything):
    page = made(everything)
    sections = [a["aria-labelledby"] for tag, a in page.tags if tag == "section"]
    assert sections == SECTIONS
    links = [value for value in page.values("href") if value.startswith("#")]
    assert set(links) <= {f"#{name}" for name in page.values("id")}
    assert {f"#{name}" for name in SECTIONS} | {"#table_1-title", "#panels-table_1"} <= {*links}


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
    assert len(pictures) == 7
    assert "best a&b, frame 3; worst c, frame 1" in pictures[1]["alt"]
    assert pictures[3]["alt"].startswith("diem, early_fusion. Frames, and below them the flow")
    assert all(len(one["alt"]) > 20 and int(one["width"]) <= 1500 for one in pictures)


def test_what_is_missing_is_said(nothing):
    text = made(nothing).text
    for told in ("no curves", "nothing to show", "no gate", "no gaze was checked", "No timing"):
        assert told in text
    assert "Left outno dataset" in text
    left = made(nothing | {"settings": settings(left_out={"hollywood2": "why"})})
    assert "Left outhollywood2" in left.text


def test_a_run_without_tables_says_so(nothing, tmp_path):
    write_index(tmp_path / "tables", [], "All", [])
    assert "no tables" in made(nothing).text


def test_numbers_of_trainings_gates_flags_and_times(everything):
    text = re.sub(r"\s+", "", made(everything).text)
    assert "gfsalnetsetting_2200.1001.550" in text  # 20 iterations, first 0.1, last ten 1.55
    assert "ucf_sportsgfsalnetsetting_220.9000.300" in text  # G_T over one frame, over two
    assert "ucf_sports21late1,outside1" in text
    assert FLAGS["late"].replace(" ", "") in text
    assert FLAGS["early"].replace(" ", "") not in text
    assert "flow25min00s1min30s300MB300MB" in text


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
        "pictures/table_1.png": "not a picture",
        "pictures/table_1.csv": "no column",
        "gates/gfsalnet/setting_2/ucf_sports.csv": "no column",
        "tables/pages.json": "no pages of tables",
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


def test_a_page_keeps_its_content_under_new_names(everything):
    page = made(everything)
    headings = {attrs["id"]: tag for tag, attrs in page.tags if tag[0] == "h" and "id" in attrs}
    assert headings["table_1-title"] == headings["table_2-title"] == "h3"
    assert headings["table_1-pairs"] == "h4"
    assert page.text.index("Table 1. A < B & C") < page.text.index("Table 2. A < B & C")
    assert "All tables" not in page.text


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
