"""Prediction and scoring over stores: frames, frame lists, statuses, and what does not fit."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.data import GaussianDensity
from pipeline.evaluation.draws import reference_positions
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.predict import predict
from pipeline.evaluation.protocols import PROTOCOLS
from pipeline.evaluation.score import score
from pipeline.evaluation.scoring import Request, StoredMaps, ground_truth, score_frames
from pipeline.preprocessing.density import density_map
from pipeline.preprocessing.fixations import fixated_map
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SALIENCY
from pipeline.stores.reading import open_store
from pipeline.stores.writing import write_store

H, W, T = 32, 64, 40
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
        with write_store(
            kinds[name], tmp_path / f"{name}.zarr", tmp_path / f"{name}.json", {}
        ) as to:
            for clip, array in clips.items():
                size = {"height": H, "width": W} if name == "gaze" else {}
                to.add(clip, [array], frames=len(content["frames"][clip]), **size)
    return {name: tmp_path / f"{name}.json" for name in content} | {"folder": tmp_path}


def _predict(stores: dict[str, Path], network: dict[str, Any], *frame_list: Path) -> Path:
    manifest = stores["folder"] / "saliency.json"
    predict(
        dataset="x",
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


def _sheet(
    stores: dict[str, Path], saliency: Path, protocol: str = "mit", scheduler: str = "threads"
) -> str:
    scores = stores["folder"] / "scores.csv"
    score(
        saliency=saliency,
        density=[stores["density"]],
        gaze=[stores["gaze"]],
        protocol=protocol,
        metrics=[],
        seed=3,
        scheduler=scheduler,
        threads=2,
        scores=scores,
    )
    return scores.read_text()


def _score(
    stores: dict[str, Path], saliency: Path, protocol: str = "mit", scheduler: str = "threads"
) -> list[dict[str, str]]:
    first, *lines = _sheet(stores, saliency, protocol, scheduler).splitlines()
    assert first.startswith(f"# protocol: {protocol}; made: ")
    rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == ("clip", "frame", *PROTOCOLS[protocol].reports, "status")
    return rows


def test_a_network_whose_maps_are_not_finite_is_named(stores: dict[str, Path]) -> None:
    told = r"networks\.centre_bias: clip a: a map of the network is not finite; check its numbers"
    with pytest.raises(InputError, match=told):
        _predict(stores, {"network": "centre_bias", "sigma": float("nan")})
    assert not (stores["folder"] / "saliency.json").exists()


def test_every_frame_has_its_row_and_its_own_score(stores: dict[str, Path]) -> None:
    manifest = _predict(stores, {"network": "chance"})
    rows = _score(stores, manifest)
    assert [(row["clip"], row["frame"]) for row in rows] == [
        *(("a", str(t)) for t in range(1, T + 1)),
        ("b", "1"),
    ]
    assert [t for t, row in enumerate(rows) if row["status"] != "ok"] == [3]
    assert (rows[3]["CC"], rows[3]["NSS"]) == ("", "")
    assert rows[3]["status"] == " ".join(
        f"{metric}={'no_fixation' if metric in ('AUC-J', 'sAUC', 'NSS') else 'empty_density'}"
        for metric in PROTOCOLS["mit"].reports
    )
    maps = open_store(SALIENCY, manifest)["a"]
    truth, gaze = open_store(DENSITY, stores["density"])["a"], open_store(GAZE, stores["gaze"])["a"]
    points = np.asarray(gaze[:])
    for t in (0, 35):
        pixels = points[points[:, 0] == t][:, [2, 1]].astype(np.int32)
        direct = score_frame(PROTOCOLS["mit"], Frame(maps[t], truth[t], pixels))
        for metric, (value, _) in direct.items():
            assert float(rows[t][metric]) == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if not PROTOCOLS[name].calibrated])
def test_a_sheet_is_what_its_protocol_says(stores: dict[str, Path], name: str) -> None:
    manifest = _predict(stores, {"network": "chance"})
    rows, rules = _score(stores, manifest, name), PROTOCOLS[name]
    truth = ground_truth([stores["density"]], [stores["gaze"]]).by(rules)
    maps, density = open_store(SALIENCY, manifest)["a"], [*truth.densities("a", range(T))]
    pixels = truth.pixels["a"]
    for t in (0, 3, 35):
        fixated = fixated_map(pixels[t], truth.shape("a"))
        rng = np.random.default_rng(0)
        # clip b has one frame: with another clip as reference, it is the whole reference
        one = rules.reference and rules.reference.origin == "other_clips"
        reference = truth.elsewhere(rules, "a", t, fixated, rng)
        if one:
            y, x = truth.pixels["b"][0].T
            assert reference is not None
            assert reference.tolist() == sorted({*(y * W + x).tolist()})
        frame = Frame(maps[t], density[t], pixels[t])
        direct = score_frame(rules, frame, reference=reference, rng=rng)
        for metric in rules.reports:
            noisy = rules.draws and metric == "AUC-J"
            drawn = metric == "sAUC" and not one
            if not (noisy or drawn):
                found = float(rows[t][metric] or "nan")
                expected = direct[metric].value
                assert found == pytest.approx(expected, abs=2e-5, nan_ok=True), metric


ELSEWHERE = """
import sys
from pathlib import Path
from distributed import LocalCluster
from pipeline.evaluation.score import score

if __name__ == "__main__":
    saliency, density, gaze, scores, scheduler = sys.argv[1:]
    given = {"density": [Path(density)], "gaze": [Path(gaze)], "threads": 2, "seed": 3}
    given |= {"saliency": Path(saliency), "scores": Path(scores), "protocol": "mit_jitter"}
    given |= {"metrics": []}
    if scheduler == "address":
        workers = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**workers) as cluster:
            score(**given, scheduler=cluster.scheduler_address)
    else:
        score(**given, scheduler=scheduler)
"""


@pytest.mark.parametrize("scheduler", ["processes", "address"])
def test_noise_and_draws_follow_the_seed_and_not_the_scheduler(
    stores: dict[str, Path], scheduler: str
) -> None:
    """In a process of its own: what forks should not have a cluster's threads."""
    manifest = _predict(stores, {"network": "chance"})
    here = _sheet(stores, manifest, "mit_jitter")
    program, found = stores["folder"] / "elsewhere.py", stores["folder"] / "elsewhere.csv"
    program.write_text(ELSEWHERE)
    words = (manifest, stores["density"], stores["gaze"], found, scheduler)
    subprocess.run([sys.executable, program, *map(str, words)], check=True, timeout=120)
    assert found.read_text() == here


def test_nobody_at_the_address(stores: dict[str, Path]) -> None:
    words = {
        "saliency": _predict(stores, CENTRE),
        "density": stores["density"],
        "gaze": stores["gaze"],
        "scores": stores["folder"] / "scores.csv",
        "protocol": "mit",
        "seed": 0,
        "threads": 1,
        "scheduler": "tcp://127.0.0.1:9",
    }
    line = [str(word) for key, value in words.items() for word in (f"--{key}", value)]
    line.append("--metrics")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.evaluation.score", *line],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "tcp://127.0.0.1:9: no dask scheduler answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_map_that_is_not_finite_is_named(stores: dict[str, Path]) -> None:
    manifest = stores["folder"] / "broken.json"
    maps = np.ones((T, H, W))
    maps[7, 3, 5] = np.nan
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        writer.add("a", [maps], frames=None)
    with pytest.raises(InputError, match="clip a, frame 8: saliency holds 1 values that are NaN"):
        _score(stores, manifest)


def test_maps_of_any_size_are_resized(stores: dict[str, Path]) -> None:
    manifest = stores["folder"] / "small.json"
    truth = ground_truth([stores["density"]], [stores["gaze"]])
    density = np.asarray(truth.density["a"]["a"][:])
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        writer.add("a", [density.reshape(T, H // 2, 2, W // 2, 2).mean((2, 4))], frames=None)
    maps = StoredMaps(open_store(SALIENCY, manifest))
    ((_, _, found),) = score_frames(maps, truth, "a", [5], Request("mit", (), 0))
    assert 0.97 < found["CC"].value < 1


def test_all_other_frames_are_those_of_the_general_rule(stores: dict[str, Path]) -> None:
    """The reference set of pysaliency's sAUC has a short cut."""
    truth, rules = ground_truth([stores["density"]], [stores["gaze"]]), PROTOCOLS["pysaliency"]
    for clip, frame in (("a", 0), ("a", 3), ("a", 39), ("b", 0)):
        fixated = fixated_map(truth.pixels[clip][frame], (H, W))
        quick = truth.elsewhere(rules, clip, frame, fixated, np.random.default_rng(0))
        chosen = [(c, f) for c in truth.clips for f in range(len(truth.pixels[c]))]
        others = [truth.pixels[c][f] for c, f in chosen if (c, f) != (clip, frame)]
        direct = reference_positions(rules.reference, others, [(H, W)] * len(others), fixated)
        assert quick is not None
        assert quick.tolist() == direct.tolist()


def test_a_small_8_bit_map_has_a_divergence(stores: dict[str, Path]) -> None:
    """Bicubic enlargement overshoots below zero, which no 8-bit map would."""
    manifest = stores["folder"] / "small.json"
    maps = np.zeros((T, H // 2, W // 2))
    maps[:, 6:9, 10:14] = 255
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        writer.add("a", [maps], frames=None)
    rows = _score(stores, manifest)
    assert {row["status"] for row in rows[:3]} == {"ok"}
    assert all(np.isfinite(float(row["KLDiv"])) for row in rows[:3])


def test_chance_is_the_same_whatever_the_batch(stores: dict[str, Path]) -> None:
    first = open_store(SALIENCY, _predict(stores, {"network": "chance"})).digest
    assert open_store(SALIENCY, _predict(stores, {"network": "chance"})).digest == first


def test_a_frame_list_scores_the_listed_frames_only(stores: dict[str, Path]) -> None:
    frames = stores["folder"] / "list.csv"
    frames.write_text("video,frame,mask\n" + "".join(f"a,{t},{t in (2, 39)}\n" for t in range(T)))
    every = _score(stores, _predict(stores, CENTRE))
    frames.write_text(frames.read_text() + f"a,{T},True\n")  # beyond the clip: left out, and told
    listed = _score(stores, _predict(stores, CENTRE, frames))
    assert listed == [row for row in every if row["clip"] == "a" and row["frame"] in ("3", "40")]


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
    with write_store(FRAMES, stores["frames"].with_suffix(".zarr"), stores["frames"], {}) as writer:
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


def test_maps_of_an_unknown_clip_are_told(stores: dict[str, Path]) -> None:
    manifest = stores["folder"] / "other.json"
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        writer.add("c", [np.ones((T, H, W))], frames=None)
    with pytest.raises(InputError, match=r"other.zarr/c: no ground truth for this clip"):
        _score(stores, manifest)


def test_maps_of_another_length_are_told(stores: dict[str, Path]) -> None:
    manifest = stores["folder"] / "other.json"
    with write_store(SALIENCY, manifest.with_suffix(".zarr"), manifest, {}) as writer:
        writer.add("a", [np.ones((T - 1, H, W))], frames=None)
    with pytest.raises(InputError, match=r"39 maps for 40 frames"):
        _score(stores, manifest)


def test_a_damaged_map_is_named(stores: dict[str, Path]) -> None:
    manifest = _predict(stores, CENTRE)
    maps = StoredMaps(open_store(SALIENCY, manifest))  # opening would find it by its digest
    shard = next(file for file in manifest.with_suffix(".zarr").glob("a/c/**/*") if file.is_file())
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    truth = ground_truth([stores["density"]], [stores["gaze"]])
    with pytest.raises(InputError, match=r"frames 1 to .* cannot be read .*; rerun"):
        score_frames(maps, truth, "a", range(T), Request("mit", (), 0))
