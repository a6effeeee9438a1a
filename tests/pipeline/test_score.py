"""Prediction and scoring over stores: frames, frame lists, statuses, and what does not fit."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import GaussianDensity, Score
from pipeline.density import density_map
from pipeline.errors import InputError
from pipeline.fixations import fixated_map
from pipeline.metrics import METRICS, score_frame
from pipeline.predict import predict
from pipeline.score import COLUMNS, score
from pipeline.stores import DENSITY, FLOW, FRAMES, GAZE, SALIENCY, open_store, write_store

H, W, T = 32, 64, 40
SETTINGS = Score(protocol="mit", auc_jitter="expectation")
CENTRE = {"network": "centre_bias", "sigma": 0.2}


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, Path]:
    """Clips a (40 frames, frame 3 without gaze) and b (1 frame)."""
    random = np.random.default_rng(5)
    recipe = GaussianDensity(recipe="gaussian", sigma=3.0, repeats="each")
    content: dict[str, dict[str, np.ndarray]] = {
        "frames": {},
        "flow": {},
        "gaze": {},
        "density": {},
    }
    for clip, length in (("a", T), ("b", 1)):
        pixels = random.integers(0, (H, W), (length, 6, 2))
        points = [
            [t, x, y, o]
            for t in range(length)
            for o, (y, x) in enumerate(pixels[t])
            if (clip, t) != ("a", 3)
        ]
        content["frames"][clip] = random.integers(0, 255, (length, H, W, 3), np.uint8)
        content["flow"][clip] = np.zeros((length, 2, H // 4, W // 4), np.float16)
        content["gaze"][clip] = np.array(points, np.float32)
        content["density"][clip] = np.stack(
            [
                density_map(pixels[t] if (clip, t) != ("a", 3) else pixels[t][:0], (H, W), recipe)
                for t in range(length)
            ]
        )
    kinds: dict[str, Any] = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}
    for name, clips in content.items():
        with write_store(kinds[name], tmp_path / f"{name}.zarr", tmp_path / f"{name}.json") as to:
            for clip, array in clips.items():
                to.add(clip, [array], frames=len(content["frames"][clip]))
    return {name: tmp_path / f"{name}.json" for name in content} | {"folder": tmp_path}


def _predict(stores: dict[str, Path], network: dict[str, Any], *frame_list: Path) -> Path:
    manifest = stores["folder"] / "saliency.json"
    predict(
        network=network,
        weights=[],
        frames=[stores["frames"]],
        flow=[stores["flow"]],
        frame_list=list(frame_list),
        threads=1,
        store=manifest.with_suffix(".zarr"),
        manifest=manifest,
    )
    return manifest


def _score(stores: dict[str, Path], saliency: Path) -> list[dict[str, str]]:
    scores = stores["folder"] / "scores.csv"
    score(
        saliency=saliency,
        density=[stores["density"]],
        gaze=[stores["gaze"]],
        settings=SETTINGS,
        threads=2,
        scores=scores,
    )
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    return rows


def test_every_frame_has_its_row_and_its_own_score(stores: dict[str, Path]) -> None:
    manifest = _predict(stores, {"network": "chance"})
    rows = _score(stores, manifest)
    assert [(row["clip"], row["frame"]) for row in rows] == [
        *(("a", str(t)) for t in range(T)),
        ("b", "0"),
    ]
    assert [t for t, row in enumerate(rows) if row["status"] != "ok"] == [3]
    assert (rows[3]["status"], rows[3]["NSS"]) == ("no_fixation", "")
    maps = open_store(SALIENCY, manifest)["a"]
    truth, gaze = open_store(DENSITY, stores["density"])["a"], open_store(GAZE, stores["gaze"])["a"]
    points = np.asarray(gaze[:])
    for t in (0, 35):
        pixels = points[points[:, 0] == t][:, [2, 1]].astype(np.int32)
        direct = score_frame(maps[t], truth[t], fixated_map(pixels, (H, W)))
        for metric in METRICS:
            assert float(rows[t][metric]) == pytest.approx(direct.values[metric], abs=1e-5)


def test_chance_is_the_same_whatever_the_batch(stores: dict[str, Path]) -> None:
    first = open_store(SALIENCY, _predict(stores, {"network": "chance"})).digest
    assert open_store(SALIENCY, _predict(stores, {"network": "chance"})).digest == first


def test_a_frame_list_scores_the_listed_frames_only(stores: dict[str, Path]) -> None:
    frames = stores["folder"] / "list.csv"
    frames.write_text("video,frame,mask\n" + "".join(f"a,{t},{t in (2, 39)}\n" for t in range(T)))
    every = _score(stores, _predict(stores, CENTRE))
    frames.write_text(frames.read_text() + f"a,{T},True\n")  # beyond the clip: left out, and told
    listed = _score(stores, _predict(stores, CENTRE, frames))
    assert listed == [row for row in every if row["clip"] == "a" and row["frame"] in ("2", "39")]


@pytest.mark.parametrize(
    ("facts", "listed", "places"),
    [
        ({"numbers": [3, 4, 5, *range(9, 46)]}, [2, 3, 5, 8], [0, 1, 3]),  # 5 is picture 6: a gap
        ({"first": 11, "numbers": []}, [9, 10, 49, 50], [0, 39]),
    ],
)
def test_a_list_counts_frames_of_the_whole_video(
    stores: dict[str, Path], facts: dict[str, Any], listed: list[int], places: list[int]
) -> None:
    """Listed frames count from 0 in the video; stores begin where the sheet or the pictures do."""
    video = np.zeros((T, H, W, 3), np.uint8)
    with write_store(FRAMES, stores["frames"].with_suffix(".zarr"), stores["frames"]) as writer:
        writer.add("a", [video], **facts)
    frames = stores["folder"] / "list.csv"
    frames.write_text("video,frame,mask\n" + "".join(f"a,{frame},True\n" for frame in listed))
    saliency = open_store(SALIENCY, _predict(stores, CENTRE, frames)).clips["a"]
    assert saliency["frames"] == places
    assert [number - 1 for number in saliency["numbers"]] == [
        frame for frame in listed if frame not in (5, 9, 50)
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [("a,40,True\n", "lists no frame that a clip"), ("c,0,True\n", "lists no frame that a clip")],
)
def test_a_frame_list_that_does_not_fit(stores: dict[str, Path], lines: str, message: str) -> None:
    frames = stores["folder"] / "list.csv"
    frames.write_text("video,frame,mask\n" + lines)
    with pytest.raises(InputError, match=message):
        _predict(stores, CENTRE, frames)


def test_maps_of_another_length_are_told(stores: dict[str, Path]) -> None:
    manifest = stores["folder"] / "other.json"
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest) as writer:
        writer.add("a", [np.ones((T - 1, H, W))], frames=None)
    with pytest.raises(InputError, match=r"maps \(39, 32, 64\) do not fit 40 frames"):
        _score(stores, manifest)
