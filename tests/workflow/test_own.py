"""Recordings of one's own: from a video and a table of gaze to a scored row."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.checks.split_sheet import sheet
from pipeline.datasets.records import Clip
from pipeline.demo.encode import write_video
from pipeline.planning.load import configured
from pipeline.raw.splits import read_sheet
from tests.builders import ROOT
from tests.workflow.conftest import Project

OPTIONS = {
    "time: null": "time: ms",
    "position: null": "position: {unit: pixels, screen: [640, 480], fit: contain}",
}


def test_the_run_asks_for_what_only_its_owner_knows() -> None:
    gaze = configured("own").datasets["own"].gaze
    assert {key for key, value in gaze.options.items() if value is None} == {"time", "position"}
    text = (ROOT / "workflow/runs/own.yaml").read_text()
    assert all(f"{option} # REQUIRED" in text for option in OPTIONS)


def _draw(folder: Path) -> None:
    """Steps 1 and 2 of docs/datasets.md: a square that six observers follow, and maps of it."""
    pictures = np.zeros((12, 90, 160, 3), np.uint8)
    lines = ["observer,time,x,y"]
    for frame in range(12):
        x = 20 + 8 * frame
        pictures[frame, 40:50, x : x + 10] = 255
        # On the screen the video is four times as large, below 60 empty lines.
        lines += [f"anna{k},{frame * 40 + 20},{4 * (x + 5)},{60 + 4 * 45}" for k in range(6)]
        (folder / "maps/ball").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"maps/ball/{frame + 1:04d}.png"), pictures[frame, ..., 0])
    (folder / "raw/own/videos").mkdir(parents=True)
    (folder / "raw/own/gaze").mkdir()
    write_video(folder / "raw/own/videos/ball.mp4", Clip("ball", 12, 160, 90, 25.0), pictures)
    (folder / "raw/own/gaze/ball.csv").write_text("\n".join(lines))
    (folder / "workflow/splits/own.csv").write_text("clip,split\nball,test\n")


@pytest.mark.slow
def test_from_a_video_and_a_table_to_a_row(tmp_path: Path) -> None:
    project = Project.copied(tmp_path)
    _draw(tmp_path)
    run = tmp_path / "workflow/runs/own.yaml"
    text = run.read_text()
    for old, new in OPTIONS.items():
        text = re.sub(rf"{old} #.*", new, text)
    run.write_text(text)
    words = ["maps", "--dataset", "own", "--run", "own", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.score_folder", *words],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    scores = pd.read_csv(tmp_path / "results/own/given/maps/own/mit.csv", comment="#")
    assert scores["frame"].tolist() == list(range(1, 13))
    assert scores["NSS"].min() > 4  # the gaze is on the square


def test_all_videos_may_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a kite.mp4", "notes.txt"):
        (tmp_path / "raw/own/videos").mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw/own/videos" / name).touch()
    sheet(dataset="own")
    found = read_sheet(Path(configured("own").datasets["own"].splits).absolute())
    assert [(clip.name, clip.split) for clip in found] == [("a kite", "test"), ("b", "test")]
