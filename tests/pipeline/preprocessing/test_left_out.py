"""A damaged video or recording leaves its clip out: all else goes on, and says what is gone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.checks.alignment import alignment
from pipeline.checks.statistics import statistics
from pipeline.config.config import Config
from pipeline.config.data import DatasetFrames, DisFlow
from pipeline.config.training import Fitting
from pipeline.demo.draw import demo
from pipeline.evaluation.observers import observers
from pipeline.evaluation.predict import predict
from pipeline.evaluation.score import score
from pipeline.preprocessing.density import density
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.manifests import left_out, read_manifest
from pipeline.training.fit import fit
from pipeline.training.samples import TrainingSamples
from tests.builders import ROOT
from tests.workbench import demo_config

CENTRE: dict[str, Any] = {"network": "centre_bias", "sigma": 0.2}
SCORED = {"protocol": "mit", "metrics": [], "seed": 0, "threads": 1}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn")
    demo(raw=root, sheets=[ROOT / "workflow/splits/demo/dhf1k.csv"], seed=5)
    return root / "dhf1k"


@pytest.fixture
def raw(drawn: Path, tmp_path: Path) -> Path:
    """A raw folder whose clip 002 has half a video, and whose clip 003 has a recording of words."""
    folder = tmp_path / "raw"
    shutil.copytree(drawn, folder)
    video = folder / "video/002.AVI"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    (folder / "exportdata_train/P02/P02_Trail003.txt").write_text("not\ta\trecording\n")
    return folder


class Stages:
    """Stages of preprocessing over a part of DHF1K's miniatures."""

    def __init__(self, raw: Path, out: Path) -> None:
        self.cfg: Config = demo_config()
        self.raw, self.out = raw, out
        self.entry = self.cfg.datasets["dhf1k"]

    def made(self, stage: str) -> dict[str, Path]:
        store = self.out / stage / "0001.zarr"
        return {"store": store, "manifest": store.with_suffix(".json")}

    def manifest(self, stage: str) -> Path:
        return self.made(stage)["manifest"]

    def run(self, *clips: str, video: Any = "leave_out", recording: Any = "leave_out") -> None:
        cfg, grid = self.cfg, self.cfg.frames
        chosen = [SheetClip(clip, "train", None, None) for clip in clips]
        pictures = self.entry.frames.model_copy(update={"damaged": video})
        looks = self.entry.gaze.model_copy(update={"damaged": recording})
        given = {"clips": chosen, "dataset": pictures, "grid": grid}
        frames(raw=self.raw, **given, **self.made("frames"))
        settings = DisFlow(estimator="dis", preset="ultrafast", cut=None)
        shot = self.manifest("frames")
        flow(frames=shot, settings=settings, threads=1, **self.made("flow"))
        gaze(raw=self.raw, frames=shot, settings=looks, grid=grid, **self.made("gaze"))
        density(
            gaze=self.manifest("gaze"),
            raw=self.raw,
            settings=cfg.datasets["dhf1k"].density,
            grid=grid,
            **self.made("density"),
        )

    def clips(self, stage: str) -> list[str]:
        return sorted(read_manifest(self.manifest(stage))["clips"])

    def predicted(self) -> None:
        shots = [self.manifest("frames")]
        nothing: dict[str, Any] = {"weights": [], "flow": [], "frame_list": []}
        nothing |= {"dataset": "ucf_sports"}
        predict(network=CENTRE, frames=shots, threads=1, **nothing, **self.made("saliency"))

    def scored(self) -> Path:
        sheet = self.out / "scores.csv"
        truth = {"density": [self.manifest("density")], "gaze": [self.manifest("gaze")]}
        score(
            saliency=self.manifest("saliency"),
            **truth,
            **SCORED,
            scheduler="threads",
            scores=sheet,
        )
        return sheet


def test_a_damaged_clip_is_left_out_and_the_others_go_on(raw: Path, tmp_path: Path) -> None:
    stages = Stages(raw, tmp_path)
    stages.run("001", "002", "003")
    assert stages.clips("frames") == stages.clips("flow") == ["001", "003"]
    assert stages.clips("gaze") == stages.clips("density") == ["001"]
    assert [*left_out([stages.manifest("flow")])] == ["002"]
    gone = left_out([stages.manifest("density")])
    assert [*gone] == ["002", "003"]
    assert "002.AVI" in gone["002"] and "P02_Trail003.txt" in gone["003"]
    assert not (tmp_path / "frames/0001.zarr/002").exists()
    manifests = {kind: [stages.manifest(kind)] for kind in ("frames", "flow", "gaze", "density")}
    samples = TrainingSamples(*manifests.values())
    assert {clip for _, clip, _ in samples.index} == {"001"}
    stages.predicted()
    assert {row["clip"] for row in read_scores(stages.scored())} == {"001"}
    sheet = tmp_path / "sheet.csv"
    alignment(
        **{kind: manifests[kind] for kind in ("frames", "flow", "gaze")},
        settings=stages.cfg.alignment,
        about={"run": "demo"},
        sheet=sheet,
    )
    assert [row["clip"] for row in read_rows(sheet)] == ["001"]
    statistics(**manifests, threads=1, about={"run": "demo"}, sheet=sheet)
    assert [row["clip"] for row in read_rows(sheet)] == ["001"]


def test_every_stage_says_how_far_it_is(
    raw: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("pipeline.runtime.pace.EVERY", 0.0)
    stages = Stages(raw, tmp_path)
    stages.run("001")
    count = read_manifest(stages.manifest("frames"))["clips"]["001"]["shape"][0]
    stages.predicted()
    stages.scored()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" left")]
    ends = [re.sub(", .*", "", line) for line in lines if line.startswith(("1 of", f"{count} of"))]
    # Frames and gaze count clips, flow and density frames; then maps, and frames that were scored.
    assert ends == [
        "1 of 1 clips",
        f"{count} of {count} frames",
        "1 of 1 clips",
        f"1 of {count} frames",
        f"{count} of {count} frames",
        f"{count} of {count} maps",
        f"{count} of {count} frames",
    ]


def read_scores(sheet: Path) -> list[dict[str, str]]:
    return read_rows(sheet)


@pytest.mark.parametrize(("video", "recording"), [("stop", "leave_out"), ("leave_out", None)])
def test_by_default_it_stops(raw: Path, tmp_path: Path, video: Any, recording: Any) -> None:
    clip = "002" if video == "stop" else "003"
    with pytest.raises(InputError, match=clip):
        Stages(raw, tmp_path).run(clip, video=video, recording=recording)


def test_a_part_of_which_nothing_is_left_is_an_empty_store(raw: Path, tmp_path: Path) -> None:
    (raw / "video/001.AVI").write_bytes(b"")
    stages = Stages(raw, tmp_path)
    stages.run("001", "002")
    for stage in ("frames", "flow", "gaze", "density"):
        assert stages.clips(stage) == []
        assert [*left_out([stages.manifest(stage)])] == ["001", "002"]
    said = "no clip is left of 2; 001 was left out: .*001.AVI"
    with pytest.raises(InputError, match=said):
        stages.predicted()
    parts = {kind: [stages.manifest(kind)] for kind in ("frames", "flow", "gaze", "density")}
    with pytest.raises(InputError, match=said):
        TrainingSamples(*parts.values())
    with pytest.raises(InputError, match=said):
        fit(
            network={"network": "mean_map", "height": 6, "width": 8},
            **{kind: parts[kind] for kind in ("frames", "density")},
            settings=Fitting(every=1, patches=9, iterations=1, tolerance=1.0),
            seed=0,
            threads=1,
            code="c",
            weights=tmp_path / "weights.safetensors",
            log=tmp_path / "log.csv",
        )
    with pytest.raises(InputError, match=said):
        observers(
            **{kind: parts[kind] for kind in ("gaze", "density")},
            frame_list=[],
            recipe=stages.entry.density,
            held_out=2,
            **SCORED,
            scores=tmp_path / "observers.csv",
        )


def test_a_score_of_no_frame_is_an_error(raw: Path, tmp_path: Path) -> None:
    """Maps are there, but the gaze of their only clip is not."""
    stages = Stages(raw, tmp_path)
    stages.run("003")
    stages.predicted()
    with pytest.raises(InputError, match="no clip is left of 1; 003 was left out"):
        stages.scored()
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize("spoiled", [b"", b"RIFF", np.arange(255, dtype=np.uint8).tobytes() * 9])
def test_whatever_a_video_holds_it_is_left_out_with_a_reason(
    raw: Path, tmp_path: Path, spoiled: bytes
) -> None:
    (raw / "video/001.AVI").write_bytes(spoiled)
    stages = Stages(raw, tmp_path)
    stages.run("001", "004")
    assert stages.clips("density") == ["004"]
    (reason,) = json.loads(stages.manifest("density").read_text())["left_out"].values()
    assert "001.AVI" in reason and "\n" not in reason


@pytest.mark.parametrize("spoiled", [b"", b"\x00\xff" * 50, b"Time\tType\n1\tSMP\n"])
def test_whatever_a_recording_holds_its_clip_is_left_out(
    raw: Path, tmp_path: Path, spoiled: bytes
) -> None:
    (raw / "exportdata_train/P04/P04_Trail001.txt").write_bytes(spoiled)
    stages = Stages(raw, tmp_path)
    stages.run("001", "004")
    assert stages.clips("frames") == ["001", "004"]
    assert stages.clips("density") == ["004"]
    assert "P04_Trail001.txt" in left_out([stages.manifest("density")])["001"]


def test_a_gap_in_numbered_pictures_leaves_its_clip_out(tmp_path: Path) -> None:
    for name in ("a/1", "a/3", "b/1", "b/2"):
        file = tmp_path / f"raw/{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(file)
    settings = DatasetFrames(video="{clip}/{frame}.png", rate=10.0, damaged="leave_out")
    manifest = tmp_path / "0001.json"
    frames(
        raw=tmp_path / "raw",
        clips=[SheetClip(clip, "test", None, None) for clip in "ab"],
        dataset=settings,
        grid=demo_config().frames,
        store=tmp_path / "0001.zarr",
        manifest=manifest,
    )
    assert [*read_manifest(manifest)["clips"]] == ["b"]
    assert left_out([manifest])["a"].endswith("1 pictures are missing, the first 2")
