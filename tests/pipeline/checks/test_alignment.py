"""Gaze against motion: what a lag, a flip and a short recording look like, drawn and recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.checks.alignment import COLUMNS, Agreement, Alignment, agreement, alignment
from pipeline.config.data import DatasetFrames, DatasetGaze, DisFlow, Frames
from pipeline.datasets import diem
from pipeline.datasets.records import NOBODY, Clip
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import FLOW, FRAMES, GAZE
from pipeline.stores.reading import open_store
from pipeline.stores.writing import write_store

ROOT = Path(__file__).parents[3]
SETTINGS = Alignment(
    lags=15,
    usual_lag=3,
    min_frames=150,
    min_nss=1.5,
    lag_margin=0.05,
    flip_margin=0.25,
    length_margin=0.2,
    min_observers=2.0,
    max_outside=0.1,
)
WIDTH, HEIGHT, LENGTH = 128, 96, 200


def path_of_blob(length=LENGTH):
    """[frame, (x, y)] in pixels; off the centre, or a flip would change little."""
    t = np.arange(length)
    return np.stack([30 + 18 * np.sin(t / 9), 24 + 12 * np.sin(t / 7 + 1)], axis=1)


def blob(centre):
    """FLOW array of something that moves right with 4 pixels per frame."""
    y, x = np.mgrid[: HEIGHT // 4, : WIDTH // 4] * 4 + 1.5
    away = (x - centre[:, 0, None, None]) ** 2 + (y - centre[:, 1, None, None]) ** 2
    found = np.zeros((len(centre), 2, HEIGHT // 4, WIDTH // 4), np.float16)
    found[:, 0] = 4 * np.exp(-away / 50)
    found[-1] = found[-2]
    return found


def looks(centre, observers=3):
    """GAZE array of observers who look at a path, ordered by frame."""
    frame = np.repeat(np.arange(len(centre)), observers)
    near = centre[frame] + np.random.default_rng(1).normal(0, 1, (len(frame), 2))
    near = np.clip(near, 0, [WIDTH - 1, HEIGHT - 1])
    number = np.tile(np.arange(observers), len(centre))
    return np.column_stack([frame, near, number]).astype(np.float32)


def shifted(points, lag, length=LENGTH):
    moved = points + np.array([lag, 0, 0, 0], np.float32)
    return moved[(moved[:, 0] >= 0) & (moved[:, 0] < length)]


def write(folder, motion, points, **facts):
    """Stores of a part with one clip, and their manifests."""
    length = len(motion)
    manifests = {kind: folder / f"{kind}.json" for kind in ("frames", "flow", "gaze")}
    known = {
        "frames": length,
        "first": 1,
        "rate": 25.0,
        "observers": 3,
        "samples": len(points),
        "dropped": {},
        "seconds": [length / 25] * 3,
    }
    with write_store(FRAMES, folder / "frames.zarr", manifests["frames"], {}) as writer:
        writer.add("a", [np.zeros((length, HEIGHT, WIDTH, 3), np.uint8)])
    with write_store(FLOW, folder / "flow.zarr", manifests["flow"], {}) as writer:
        writer.add("a", [motion])
    with write_store(GAZE, folder / "gaze.zarr", manifests["gaze"], {}) as writer:
        writer.add("a", [points], **known | facts)
    return manifests


def run(folder, manifests, settings=SETTINGS):
    parts = {kind: [manifest] for kind, manifest in manifests.items()}
    alignment(**parts, settings=settings, about={"run": "demo"}, sheet=folder / "sheet.csv")
    return read_rows(folder / "sheet.csv")


def check(folder, motion, points, **facts):
    (row,) = run(folder, write(folder, motion, points, **facts))
    return row


def test_gaze_on_what_moves_is_not_flagged(tmp_path):
    centre = path_of_blob()
    row = check(tmp_path, blob(centre), looks(centre))
    assert tuple(row) == COLUMNS
    assert row["best_lag"] == "0"
    assert float(row["nss_0"]) == float(row["nss_best"]) > 3
    assert max(float(row["nss_flip_x"]), float(row["nss_flip_y"])) < 1
    assert row["flags"] == ""


def test_released_maps_tell_no_observers_and_raise_no_flag_about_them(tmp_path):
    centre = path_of_blob()
    points = looks(centre, observers=1)
    points[:, 3] = NOBODY
    row = check(tmp_path, blob(centre), points, observers=None, seconds=[])
    assert (row["observers_per_frame"], row["recordings"], row["flags"]) == ("", "", "")
    few = check(tmp_path, blob(centre), looks(centre, observers=1), observers=1)
    assert few["flags"] == "few_observers"


@pytest.mark.parametrize(("lag", "flag"), [(8, "late"), (-8, "early"), (2, "")])
def test_positive_lag_is_gaze_that_comes_late(tmp_path, lag, flag):
    centre = path_of_blob()
    row = check(tmp_path, blob(centre), shifted(looks(centre), lag))
    assert (row["best_lag"], row["flags"]) == (str(lag), flag)


@pytest.mark.parametrize(
    ("column", "size", "flag"), [(1, WIDTH, "flipped_x"), (2, HEIGHT, "flipped_y")]
)
def test_flips_are_told_apart(tmp_path, column, size, flag):
    centre = path_of_blob()
    points = looks(centre)
    points[:, column] = size - 1 - points[:, column]
    assert check(tmp_path, blob(centre), points)["flags"] == flag


def test_agreement_is_the_mean_of_z_scored_speed(tmp_path):
    centre = path_of_blob(70)
    motion, points = blob(centre), looks(centre)
    manifests = write(tmp_path, motion, points)
    found = agreement(open_store(FLOW, manifests["flow"])["a"], points, (HEIGHT, WIDTH), 3)
    for lag in (-3, 0, 2):
        values = []
        for frame, x, y, _ in points:
            then = int(frame) - lag
            if 0 <= then < 69:  # the last frame's flow is a repetition
                speed = np.hypot(*motion[then].astype(np.float32))
                z = (speed - speed.mean()) / speed.std()
                values.append(z[int((y + 0.5) // 4), int((x + 0.5) // 4)])
        assert found.curve()[lag + 3] == pytest.approx(np.mean(values), rel=1e-4)
        assert found.lags[lag + 3, 1] == len(values)


def test_frames_that_move_all_over_are_skipped(tmp_path):
    centre = path_of_blob()
    motion = blob(centre)
    motion[50:60] = 3
    row = check(tmp_path, motion, looks(centre))
    assert row["best_lag"] == "0"
    assert float(row["nss_0"]) > 3
    assert check(tmp_path, np.ones_like(motion), looks(centre))["flags"] == "no_motion"


def test_a_lag_that_loses_most_points_does_not_count():
    found = Agreement(np.array([[90.0, 10], [100, 100], [60, 60]]), np.ones((2, 2)), 200)
    assert np.isnan(found.curve()[0])
    assert found.facts()["best_lag"] == 0


@pytest.mark.parametrize("seed", range(8))
def test_gaze_elsewhere_raises_no_flag(tmp_path, seed):
    """Everybody looks at the same wandering place that has nothing to do with the motion."""
    rng = np.random.default_rng(seed)
    knots = rng.normal(0.5, 0.2, (30, 2)).clip(0.05, 0.95) * [WIDTH, HEIGHT]
    wander = [np.interp(np.arange(LENGTH) / 15, np.arange(30), knots[:, axis]) for axis in (0, 1)]
    row = check(tmp_path, blob(path_of_blob()), looks(np.stack(wander, axis=1)))
    assert row["flags"] == ""


def test_short_clips_are_not_judged(tmp_path):
    centre = path_of_blob(60)
    row = check(tmp_path, blob(centre), shifted(looks(centre), 8, 60))
    assert (row["best_lag"], row["flags"]) == ("8", "")


def test_still_image_has_no_motion_columns(tmp_path):
    points = looks(path_of_blob(1))
    row = check(tmp_path, np.zeros((1, 2, 24, 32), np.float16), points, seconds=[])
    assert row["points"] == "3"
    assert (row["nss_0"], row["best_lag"], row["gaze_seconds"], row["flags"]) == ("", "", "", "")


def test_what_the_recordings_tell(tmp_path):
    centre = path_of_blob()
    facts = {
        "dropped": {"outside": 300, "saccade": 7, "blink": 2, "point outside the picture": 100},
        "seconds": [8.0, 9.0, 4.0],
    }
    row = check(tmp_path, blob(centre), looks(centre, 1), **facts)
    assert (row["seconds"], row["gaze_seconds"], row["difference"]) == ("8", "8", "0")
    assert (row["shortest_gaze_seconds"], row["recordings"]) == ("4", "3")
    assert (row["observers_per_frame"], row["least_observers"]) == ("1", "1")
    assert float(row["outside_share"]) == pytest.approx(400 / 600, abs=1e-4)
    assert row["dropped"] == "blink: 2; saccade: 7"
    assert row["flags"] == "short_gaze few_observers outside"


def test_recordings_may_outlast_a_clip_that_the_sheet_ends(tmp_path):
    centre = path_of_blob()
    long = {"seconds": [20.0] * 3}
    assert check(tmp_path, blob(centre), looks(centre), **long)["flags"] == "long_gaze"
    assert check(tmp_path, blob(centre), looks(centre), **long, last=LENGTH)["flags"] == ""


def test_no_gaze_at_all(tmp_path):
    row = check(tmp_path, blob(path_of_blob()), np.zeros((0, 4), np.float32))
    assert (row["points"], row["observers_per_frame"], row["nss_0"]) == ("0", "0", "")
    assert row["flags"] == "few_observers"


def test_flagged_clips_and_totals_are_printed(tmp_path, capsys):
    centre = path_of_blob()
    check(tmp_path, blob(centre), shifted(looks(centre), 8))
    flagged, totals, pooled = capsys.readouterr().out.splitlines()
    assert flagged.startswith("a: NSS on motion")
    assert flagged.endswith("; late")
    assert totals.startswith("1 clips, 1 flagged; ")
    assert pooled.startswith("pooled over all clips: ")


def test_stores_that_do_not_belong_together(tmp_path):
    centre = path_of_blob()
    manifests = write(tmp_path, blob(centre), looks(centre), frames=LENGTH - 1)
    with pytest.raises(InputError, match=r"a: 200 frames, flow of 200, gaze of 199; rerun"):
        run(tmp_path, manifests)
    with write_store(FLOW, tmp_path / "flow.zarr", manifests["flow"], {}) as writer:
        writer.add("b", [blob(centre)])
    with pytest.raises(InputError, match="a: not in all of the frames, flow and gaze stores"):
        run(tmp_path, manifests)


@pytest.fixture(scope="module")
def shared():
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}")
    return folder


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """Stores of the three clips that the run on real recordings scores, on the paper's grid."""
    folder = tmp_path_factory.mktemp("real")
    manifests = {kind: folder / f"{kind}.json" for kind in ("frames", "flow", "gaze")}
    grid = Frames(width=640, height=480, filter="bicubic", codec="lossless")
    names = [f"causality_clip_{number}_1000x750" for number in ("08", "09", "10")]
    frames(
        raw=shared / "diem",
        clips=[SheetClip(name, "test", None, None) for name in names],
        dataset=DatasetFrames(video="{clip}/video/{clip}.mp4", rate=None, damaged="stop"),
        grid=grid,
        store=folder / "frames.zarr",
        manifest=manifests["frames"],
    )
    flow(
        frames=manifests["frames"],
        settings=DisFlow(estimator="dis", preset="medium", cut=None),
        threads=1,
        store=folder / "flow.zarr",
        manifest=manifests["flow"],
    )
    gaze(
        raw=shared / "diem",
        frames=manifests["frames"],
        settings=DatasetGaze(
            reader="diem",
            files=("{clip}/event_data/diem{observer}_{clip}.txt",),
            observers=None,
            options={},
        ),
        grid=grid,
        store=folder / "gaze.zarr",
        manifest=manifests["gaze"],
    )
    return folder, manifests


@pytest.mark.shared
@pytest.mark.slow
def test_real_gaze_is_on_the_motion_at_lag_0(real):
    folder, manifests = real
    rows = run(folder, manifests)
    assert [int(row["best_lag"]) for row in rows] == [0, 1, -1]
    assert [row["flags"] for row in rows] == ["", "", ""]
    motion, looked = open_store(FLOW, manifests["flow"]), open_store(GAZE, manifests["gaze"])
    pooled = Agreement.nothing(15)
    for clip in motion.clips:
        pooled += agreement(motion[clip], np.asarray(looked[clip][:]), (480, 640), 15)
    curve, facts = pooled.curve(), pooled.facts()
    # The top is flat: half a per cent tells its three lags apart.
    assert abs(facts["best_lag"]) <= 1
    assert facts["nss_0"] > 0.995 * facts["nss_best"] > 2.4
    assert (np.diff(curve[:14]) > 0).all()
    assert (np.diff(curve[17:]) < 0).all()
    assert facts["nss_0"] > 2 * facts["nss_flip_y"]
    assert facts["nss_0"] > 10 * abs(facts["nss_flip_x"])


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["late", "early", "flipped_x", "flipped_y"])
def test_real_gaze_with_a_planted_fault(real, tmp_path, fault):
    _, manifests = real
    looked = open_store(GAZE, manifests["gaze"])
    broken = {**manifests, "gaze": tmp_path / "gaze.json"}
    with write_store(GAZE, tmp_path / "gaze.zarr", broken["gaze"], {}) as writer:
        for clip, facts in looked.clips.items():
            points = np.asarray(looked[clip][:])
            if fault in ("late", "early"):
                points = shifted(points, {"late": 8, "early": -8}[fault], 300)
            elif fault == "flipped_x":
                points[:, 1] = 639 - points[:, 1]
            else:
                points[:, 2] = 479 - points[:, 2]
            writer.add(clip, [points], **{k: v for k, v in facts.items() if k != "shape"})
    assert [row["flags"] for row in run(tmp_path, broken)] == [fault] * 3


@pytest.mark.shared
@pytest.mark.slow
def test_share_of_real_gaze_inside_the_video(shared, real):
    folder, manifests = real
    shares = [float(row["outside_share"]) for row in run(folder, manifests)]
    # Measured: these people look beside the video, which does not fill their screen.
    assert shares == pytest.approx([0.0463, 0.0243, 0.0564], abs=1e-3)
    name = "arctic_bears_1066x710"
    files = sorted((shared / "diem_text" / name / "event_data").glob("*.txt"))
    found = diem.read(files, Clip(name, 10_000, 1066, 710, 30.0))
    inside = len(found.x)
    assert inside / (inside + found.dropped["outside"]) >= 0.99
