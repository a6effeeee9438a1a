"""What a run lacks is listed before anything runs, with where to get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake.utils import update_config

from pipeline.config.config import Config
from pipeline.planning import missing
from pipeline.planning.load import load
from pipeline.planning.missing import missing_message
from pipeline.raw import patterns as raw
from pipeline.raw.splits import read_sheet
from tests.builders import ROOT, configuration


def test_missing_raw_data_is_listed_whole(tmp_path: Path) -> None:
    cfg: Config = load(
        configuration("paper")
        | {"pathvars": {"raw": str(tmp_path), "data": "d", "results": "r", "logs": "l"}}
    )
    message = missing_message(cfg)
    assert message is not None
    for name, dataset in (cfg.datasets | cfg.meta_datasets).items():
        assert name in message
        assert dataset.source.obtain in message
        assert dataset.source.licence in message
    assert "without: [" not in message  # nothing would be left
    for word in (str(tmp_path / "dhf1k"), "gfsalnet preflight --run paper", "run=demo"):
        assert word in message


def test_missing_released_maps_are_listed_and_required_keys_are_named(tmp_path: Path) -> None:
    chosen = configuration("paper") | {
        "pathvars": {"raw": str(tmp_path), "data": "d", "results": "r", "logs": "l"}
    }
    chosen["datasets"]["ucf_sports"]["variant"] = "release"
    for name in ("ucf_sports", "salicon"):
        (tmp_path / name).mkdir()
    message = _message(load(chosen))
    assert message is not None
    assert "images/*_{frame}.png of 150 of 150 clips, the first is Diving-Side-005" in message
    assert "maps/*_{frame}.png of 150 of 150 clips" in message
    assert "datasets.salicon.variants.paper.gaze.options.edition is required and not set" in message


def _raw(folder: Path, **changes: Any) -> Config:
    """A run: paper whose UCF-Sports is there, touched, and whose other datasets are left out."""
    found = configuration("paper")
    found |= {
        "pathvars": {"raw": str(folder), "data": "d", "results": "r", "logs": "l"},
        "without": [name for name in found["datasets"] if name not in ("ucf_sports", "salicon")],
    }
    for name, options in (("ucf_sports", {"observers": "all"}), ("salicon", {"edition": "2015"})):
        sheet = ROOT / f"workflow/splits/demo/{name}.csv"
        variant = found["datasets"][name]["variants"]["paper"]
        variant["splits"], variant["gaze"]["options"] = str(sheet), options
        for clip in read_sheet(sheet):
            gaze = [
                pattern.format(clip=clip.name, split=clip.split, observer="001")
                for pattern in variant["gaze"]["files"]
            ]
            video = variant["frames"]["video"].format(clip=clip.name)
            for path in (video, *gaze):
                (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / path).touch()
    update_config(found, changes)
    return load(found)


def _message(cfg: Config) -> str | None:
    raw._by_clip.cache_clear()
    raw.entries.cache_clear()
    raw.facts.cache_clear()
    return missing_message(cfg)


def test_what_is_there_is_not_missed(tmp_path: Path) -> None:
    assert _message(_raw(tmp_path)) is None


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        (
            "ucf_sports/videos/Run-Side_001.avi",
            "{clip}.avi of 1 of 6 clips, the first is Run",
        ),
        (
            "ucf_sports/gaze_ucfsa/samples/001_Walk-Front_008.avi.txt",
            "{observer}_{clip}.avi.txt of 1",
        ),
        ("ucf_sports/gaze_ucfsa/geometry.txt", "geometry.txt of 6 of 6 clips"),
    ],
)
def test_a_missing_file_is_named_before_anything_runs(
    tmp_path: Path, gone: str, named: str
) -> None:
    cfg = _raw(tmp_path)
    (tmp_path / gone).unlink()
    message = _message(cfg)
    assert message is not None
    assert named in message


def test_a_file_of_almost_that_name_is_named(tmp_path: Path) -> None:
    cfg = _raw(tmp_path)
    videos = tmp_path / "ucf_sports/videos"
    for video in videos.glob("*.avi"):
        video.rename(video.with_suffix(".AVI"))
    (tmp_path / "salicon").rename(tmp_path / "SALICON")
    message = _message(cfg)
    assert message is not None
    first = sorted(videos.glob("*.AVI"), key=lambda video: video.stem in message)[-1]
    assert f"of 6 of 6 clips, the first is {first.stem}; {first} is there; rename it" in message
    assert f"no folder {tmp_path}/salicon; {tmp_path}/SALICON is there" in message
    assert not list(videos.glob("*.avi"))


def test_a_few_of_many_missing_files_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = list[str]()
    monkeypatch.setattr(missing, "near_miss", lambda _, file: walks.append(file))
    clips = {f"{clip:04}": [f"{tmp_path}/{clip:04}.avi"] for clip in range(2000)}
    assert missing.almost(tmp_path, clips) == ""
    assert walks == [f"{clip:04}.avi" for clip in range(len(walks))] and 0 < len(walks) < 10


def test_missing_maps_of_somebody_else_are_named() -> None:
    row = {"Theirs": {"model": "theirs", "training": "given"}}
    changed = configuration("demo")
    changed["models"]["theirs"] = {"maps": "none/{dataset}"}
    changed["tables"]["table_1"]["measured"] |= row
    message = missing_message(load(changed))
    assert message is not None
    assert "models.theirs.maps: no none/ucf_sports" in message


def test_missing_backbone_weights_are_named(tmp_path: Path) -> None:
    assert "no file no.pth" in _message(_raw(tmp_path, backbone_weights={"vgg16": "no.pth"}))
    message = _message(_raw(tmp_path, backbone_weights="none.pth"))
    assert message is not None
    assert "backbone_weights: no file none.pth" in message


def test_preflight_is_planned_while_sheets_and_files_are_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(tmp_path), "--config", "run=paper", "--", "preflight"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (ROOT / "workflow/splits/ledov.csv").exists(), "nothing is tested if it is there"


def test_one_dataset_of_several_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.planning.missing._missing", lambda cfg: {"diem": ["no folder"]})
    message = missing_message(load(configuration("paper"))) or ""
    assert "without: [diem]  in config.yaml." in message
