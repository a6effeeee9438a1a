"""Planted faults in the miniatures' raw folders, each named in JSON and table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.checks.preflight import main
from pipeline.checks.probing import probe
from pipeline.planning.costs.rates import read_costs
from pipeline.planning.load import configured
from pipeline.planning.needs import flows
from pipeline.raw.splits import SheetClip, read_totals

ROOT = Path(__file__).parents[3]
SHEETS = "workflow/splits"


def names(findings):
    return [Path(one["file"]).name for one in findings]


def test_clean_folder(report):
    status, facts, table = report()
    assert status == 0
    assert facts["ready"]
    assert table.endswith("Ready.")
    assert facts["disk"]["free_bytes"] > 0
    diem = facts["datasets"]["diem"]
    assert diem["splits"]["test"] == {
        "listed": 2,
        "there": 2,
        "frames": 60,
        "known_clips": None,
        "known_frames": None,
        "source": None,
    }
    for its in facts["datasets"].values():
        assert not any(its[fault] for fault in ("missing", "unreadable", "short", "extra"))
        assert its["ready"]


def test_splits_without_use_are_not_asked_for(report, checkout):
    (checkout / "raw/dhf1k/video/007.AVI").unlink()  # of the test split, whose gaze is hidden
    status, facts, _ = report("--dataset", "dhf1k")
    assert status == 0
    assert list(facts["datasets"]["dhf1k"]["splits"]) == ["train", "val"]


def test_missing_gaze_file(report, checkout):
    name = "exportdata_train/P03/P03_Trail002.txt"
    (checkout / "raw/dhf1k" / name).unlink()
    status, facts, table = report("--dataset", "dhf1k")
    its = facts["datasets"]["dhf1k"]
    assert status == 1
    (found,) = its["missing"]
    assert (found["clips"], found["of"]) == (1, sum(s["listed"] for s in its["splits"].values()))
    assert names([{"file": found["files"][0]}]) == ["P03_Trail002.txt"]
    assert its["splits"]["train"]["there"] == its["splits"]["train"]["listed"] - 1
    assert "P03_Trail002.txt" in table
    assert "licence: CC BY 4.0" in table


def test_truncated_video(report, checkout):
    video = checkout / "raw/ucf_sports/videos/Walk-Front_008.avi"
    content = video.read_bytes()
    start = content.index(b"movi")
    video.write_bytes(content[: start + (content.index(b"idx1") - start) // 2])
    status, facts, table = report("--dataset", "ucf_sports")
    its = facts["datasets"]["ucf_sports"]
    assert status == 1
    (found,) = its["short"]
    assert found["file"] == str(video)
    assert found["problem"].startswith("13 frames, 0.52 s; recordings last 1.06")
    assert "videos/Walk-Front_008.avi: 13 frames" in table


def test_truncated_mp4_and_image(report, checkout):
    video = checkout / "raw/ledov/man_walk01/man_walk01.mp4"
    video.write_bytes(video.read_bytes()[:600])
    image = checkout / "raw/salicon/images/COCO_train2014_000000000002.jpg"
    image.write_bytes(b"\xff\xd8nonsense")
    status, facts, table = report("--dataset", "ledov", "salicon")
    assert status == 1
    assert names(facts["datasets"]["ledov"]["unreadable"]) == [video.name]
    assert names(facts["datasets"]["salicon"]["unreadable"]) == [image.name]
    assert "not a video that ffmpeg can read" in table
    assert "not an image that can be read" in table


@pytest.mark.parametrize("probing", [[], ["--no-probe"]])
def test_empty_video(report, checkout, probing):
    video = checkout / "raw/hollywood2/AVIClips/actioncliptest00001.avi"
    video.write_bytes(b"")
    status, facts, table = report("--dataset", "hollywood2", *probing)
    assert status == 1
    (found,) = facts["datasets"]["hollywood2"]["unreadable"]
    assert found == {"clip": video.stem, "file": str(video), "problem": "empty file"}
    assert "actioncliptest00001.avi: empty file" in table


def test_extra_clip_is_told_and_no_fault(report, checkout):
    folder = checkout / "raw/diem"
    other = "demo_whale_160x120"
    shutil.copytree(folder / "demo_kite_160x120", folder / other)
    for file in (folder / other).rglob("*demo_kite*"):
        file.rename(file.with_name(file.name.replace("demo_kite_160x120", other)))
    status, facts, table = report("--dataset", "diem")
    assert status == 0
    assert [one["clips"] for one in facts["datasets"]["diem"]["extra"]] == [[other], [other]]
    assert f"in no split sheet: {other}" in table


def test_short_recording(report, checkout):
    path = next((checkout / "raw/diem/demo_kite_160x120/event_data").glob("diem1s02*"))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    status, facts, table = report("--dataset", "diem")
    assert status == 1
    (found,) = facts["datasets"]["diem"]["short"]
    assert found["file"] == str(path)
    assert found["problem"] == "0.53 s of a video of 1.00 s"
    assert path.name in table


def test_broken_gaze_names_file_and_line(report, checkout):
    path = next((checkout / "raw/diem/demo_kite_160x120/event_data").glob("diem1s02*"))
    path.write_text("1\t2\t3\n")
    status, facts, _ = report("--dataset", "diem")
    assert status == 1
    (found,) = facts["datasets"]["diem"]["unreadable"]
    assert f"{path}, line 1: expected 9 columns" in found["problem"]


def test_totals_that_the_folder_does_not_have(report, checkout):
    (checkout / SHEETS / "demo/totals.csv").write_text(
        "dataset,variant,split,clips,frames,source\n"
        "diem,paper,train,5,150,me\ndiem,paper,test,2,60,me\n"
    )
    status, facts, table = report("--dataset", "diem")
    assert status == 1
    assert facts["datasets"]["diem"]["totals"] == [
        {"split": "train", "what": "clips", "expected": 5, "found": 4, "source": "me"},
        {"split": "train", "what": "frames", "expected": 150, "found": 120, "source": "me"},
    ]
    assert "totals: 4 clips under train, known are 5 (me)" in table
    assert "totals: 120 frames under train, known are 150 (me)" in table


def test_without_probing_nothing_is_counted(report):
    status, facts, _ = report("--no-probe")
    assert status == 0
    assert facts["datasets"]["diem"]["splits"]["test"]["frames"] is None
    flow = facts["datasets"]["diem"]["stages"]["flow"]
    assert (flow["bytes"], flow["core_hours"]) == (None, None)
    assert facts["work"]["predictions"]["unknown"] > 0


def test_costs_grow_with_the_grid(report, checkout):
    (checkout / "workflow/costs.csv").write_text(
        "# measured\nstage,frames_per_second_a_core,bytes_a_frame,memory_mb\n"
        "frames lossless,100,1000,50\nflow pwcnet,10,100,\ngaze,1000,10,60\n"
    )
    _, facts, table = report("--dataset", "diem")
    assert "A job of these stages needs up to 0.1 GB of memory." in table
    assert "predictions: about 0 hours of a core, " in table
    stages = facts["datasets"]["diem"]["stages"]
    area = 128 * 96 / (640 * 480)
    assert stages["frames"]["bytes"] == round(180 * 1000 * area)
    assert stages["gaze"]["bytes"] == 1800
    assert stages["flow"]["core_hours"] == round(180 / 10 * area / 3600, 4)
    assert (stages["frames"]["memory_mb"], stages["flow"]["memory_mb"]) == (50, None)
    assert stages["density"] == {"bytes": None, "core_hours": None, "memory_mb": None}
    assert stages["deepflow"] == {"bytes": None, "core_hours": None, "memory_mb": None}


def test_flows_are_reckoned_where_a_table_needs_them(report):
    _, facts, _ = report("--no-probe")
    flows = {
        name: {*found["stages"]} - {"frames", "gaze", "density"}
        for name, found in facts["datasets"].items()
    }
    assert flows == {
        "ucf_sports": {"flow"},
        "hollywood2": {"flow"},
        "dhf1k": {"flow"},
        "diem": {"flow", "deepflow"},
        "ledov": {"flow"},
        "salicon": {"image_flow"},
    }


def test_missing_sheet_list_folder_and_option(report, checkout):
    (checkout / SHEETS / "demo/ledov.csv").unlink()
    (checkout / "raw/diem_meta/diem_meta.csv").unlink()
    shutil.rmtree(checkout / "raw/salicon")
    run = checkout / "workflow/runs/demo.yaml"
    run.write_text(run.read_text().replace('edition: "2015"', "edition: null"))
    status, facts, table = report("--dataset", "ledov", "diem_meta", "salicon")
    assert status == 1
    sheet = facts["datasets"]["ledov"]["sheet"]
    assert not sheet["there"]
    assert sheet["command"] == "python -m pipeline.checks.split_sheet --dataset ledov"
    assert sheet["command"] in table
    assert not facts["meta_datasets"]["diem_meta"]["there"]
    assert facts["datasets"]["salicon"]["options"] == ["edition"]
    assert "no folder" in table
    assert "gaze.options.edition" in table


def test_numbered_pictures(report, checkout):
    """A folder of pictures with one of them missing, and the sheet's range in their numbers."""
    run = checkout / "workflow/runs/demo.yaml"
    run.write_text(
        run.read_text().replace(
            "splits: workflow/splits/demo/diem.csv\n",
            "splits: workflow/splits/demo/diem.csv\n"
            '        frames: {video: "{clip}/pictures/x_{frame}.jpg", rate: 30.0}\n',
        )
    )
    cfg = configured("demo")
    folder = checkout / "raw/diem/one/pictures"
    folder.mkdir(parents=True)
    image = checkout / "raw/salicon/images/COCO_train2014_000000000001.jpg"
    for number in (7, 8, 10, 11):
        shutil.copy(image, folder / f"x_{number:03d}.jpg")
    root, dataset = checkout / "raw/diem", cfg.datasets["diem"]
    found = probe(root, dataset, SheetClip("one", "test", None, None))
    assert found.frames == 4
    assert [one.problem for one in found.short] == ["1 pictures are missing, the first is 9"]
    found = probe(root, dataset, SheetClip("one", "test", 10, 20))
    assert found.frames == 2
    assert [one.problem for one in found.short] == ["9 pictures are missing, the first is 12"]
    found = probe(root, dataset, SheetClip("one", "test", 10, 11))
    assert (found.frames, found.short) == (2, ())
    (folder / "x_0007.jpg").write_bytes(b"x")
    status, facts, _ = report("--dataset", "diem")
    assert status == 1
    assert facts["datasets"]["diem"]["missing"][0]["pattern"] == "{clip}/pictures/x_{frame}.jpg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "demo", "--dataset", "dieb"], "--dataset dieb: known are ucf_sports"),
        (["--run", "nothing"], "run: nothing: no such run; set it to paper, demo"),
    ],
)
def test_wrong_arguments(checkout, arguments, message):
    with pytest.raises(SystemExit, match=message):
        main(arguments)


def test_the_configuration_of_the_call(checkout, capsys):
    """As the rule passes it: with what --config and --configfile lay over the run."""
    changed = configured("demo").model_copy(update={"without": ("diem", "ledov")})
    (checkout / "config.json").write_text(changed.model_dump_json(exclude_unset=True))
    with pytest.raises(SystemExit):
        main(["--config", "@config.json", "--no-probe"])
    said = capsys.readouterr().out
    assert "ucf_sports" in said and "diem" not in said


def test_a_video_of_almost_that_name(report, checkout):
    video = next((checkout / "raw/dhf1k/video").glob("*.AVI"))
    video.rename(video.with_suffix(".avi"))
    code, found, text = report("--dataset", "dhf1k", "--no-probe")
    assert code == 1
    assert f"{video.with_suffix('.avi')} is there; rename it" in text
    assert "is there" in found["datasets"]["dhf1k"]["missing"][0]["almost"]


def test_away_from_the_root(tmp_path, monkeypatch, capsys):
    """The workflow's own files are found where they lie, raw data where one works."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["--run", "demo", "--json", "report.json"])
    assert stopped.value.code == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert all(one["sheet"]["there"] for one in report["datasets"].values())
    assert "raw/demo/diem" in capsys.readouterr().out


def test_costs_that_do_not_fit(checkout):
    (checkout / "workflow/costs.csv").write_text("stage,bytes\nframes,3\n")
    with pytest.raises(
        SystemExit,
        match=r"costs\.csv: no column frames_per_second_a_core",
    ):
        main(["--run", "demo"])


def test_committed_costs_and_totals(monkeypatch):
    monkeypatch.chdir(ROOT)
    costs = read_costs(ROOT / "workflow/costs.csv")
    assert {
        "frames lossless",
        "flow dis",
        *(f"flow {flow.estimator}" for flow in flows(configured("paper")).values()),
        "gaze",
        "density gaussian",
    } <= costs.keys()
    assert all(cost.speed > 0 and cost.size > 0 for cost in costs.values())
    totals = read_totals(ROOT / SHEETS / "totals.csv")
    frames = (totals["dhf1k", "paper", split].frames for split in ("train", "val", "test"))
    assert sum(frames) == 582_605
    assert sum(totals["ledov", "paper", split].clips for split in ("train", "test")) == 538
    cfg = configured("paper")
    for dataset, variant, _ in totals:
        assert variant in cfg.datasets[dataset].variants
