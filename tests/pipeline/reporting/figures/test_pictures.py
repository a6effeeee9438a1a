"""Which clips and frames are shown, and what the error is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.reporting.figures.pictures import chosen, error, pictures, stretched, typical
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, SALIENCY
from pipeline.stores.score_sheets import seal_sheet
from pipeline.stores.writing import write_store

NAN = float("nan")
SIZE = (16, 24)
NSS = {"a": (1.0, 2.0, 3.0), "b": (5.0, NAN, 6.0), "c": (3.0, 3.5, 3.4), "d": (0.0, 9.0, 0.0)}
"""Means 2, 5.5, 3.3 and 3."""


def test_best_median_and_worst():
    means = {"a": 1.0, "b": 3.0, "c": 2.0, "d": NAN}
    assert chosen(means) == {"best": "b", "median": "c", "worst": "a"}
    assert chosen({"a": 1.0, "b": 3.0, "c": 2.0, "d": 0.0})["median"] == "c"


def test_fewer_clips_have_fewer_places():
    assert chosen({"a": 1.0, "b": 2.0}) == {"best": "b", "worst": "a"}
    assert chosen({"a": 1.0, "b": NAN}) == {"only clip": "a"}
    assert chosen({"b": NAN, "a": NAN}) == {"no NSS": "a"}


def test_equal_means_are_ordered_by_name():
    assert chosen({"c": 1.0, "a": 1.0, "b": 1.0}) == {"best": "a", "median": "b", "worst": "c"}


def test_the_typical_frame_is_the_first_nearest_to_the_mean():
    assert typical({4: 1.0, 5: 3.0, 6: NAN}, 2.0) == 4
    assert typical({4: 0.0, 5: 2.1, 6: 2.0}, 2.0) == 6
    assert typical({4: NAN, 5: NAN, 6: NAN}, NAN) == 5


def test_the_error_knows_no_scale():
    density = np.random.default_rng(0).random(SIZE, np.float32)
    np.testing.assert_allclose(error(density, 7 * density - 3), 0, atol=1e-5)
    far = error(np.array([[0.0, 1.0]]), np.array([[5.0, 1.0]]))
    assert far.tolist() == [[1.0, 1.0]]


def test_a_constant_map_is_zero_and_its_error_the_density():
    density = np.array([[0.0, 0.5], [1.0, 0.25]], np.float16)
    assert not stretched(np.full(SIZE, 3.0)).any()
    assert error(density, np.full((2, 2), 3.0)).tolist() == density.tolist()


def test_maps_of_another_size_are_resized():
    density = np.zeros(SIZE, np.float16)
    density[:8] = 1
    found = error(density, np.array([[1.0], [0.0]]))
    assert found.shape == SIZE
    assert found[0].max() < 0.01 < found[8].max()


def _stores(folder):
    """Four clips of six frames; of each the maps of frames 1, 3 and 5."""
    rng = np.random.default_rng(1)
    shapes = {FRAMES: (*SIZE, 3), FLOW: (2, *(side // 4 for side in SIZE)), DENSITY: SIZE}
    paths = {}
    for kind in (FRAMES, FLOW, DENSITY, SALIENCY):
        paths[kind.name] = folder / f"{kind.name}.json"
        with write_store(kind, folder / f"{kind.name}.zarr", paths[kind.name], {}) as writer:
            for clip in NSS:
                listed = {"frames": [1, 3, 5], "numbers": [12, 14, 16]} if kind is SALIENCY else {}
                count = 3 if kind is SALIENCY else 6
                values = rng.random((count, *shapes.get(kind, SIZE)))
                array = (values * 255 if kind is FRAMES else values).astype(kind.dtype)
                writer.add(clip, [array], **listed)
    return paths


def _scores(folder):
    lines = ["clip,frame,CC,NSS,status"]
    for clip, values in NSS.items():
        for frame, value in zip((1, 3, 5), values, strict=True):
            odd = np.isnan(value)
            cell, status = ("", "NSS=no_fixation") if odd else (str(value), "ok")
            lines.append(f"{clip},{frame},0.5,{cell},{status}")
    return _sealed(folder / "scores.csv", "\n".join([*lines, ""]))


def _sealed(path, rows):
    path.write_text(rows)
    seal_sheet(path, "mit", {}, {})
    return path


def _rows(path):
    return path.read_text().partition("\n")[2]


def _made(folder, *scores):
    paths = _stores(folder)
    pictures(
        frames=[paths["frames"]],
        flow=[paths["flow"]],
        density=[paths["density"]],
        pictured={
            "One": (paths["saliency"], scores[0]),
            "Two": (paths["saliency"], scores[-1]),
        },
        protocol="mit",
        seed=0,
        picture=folder / "grid.png",
        sheet=folder / "grid.csv",
    )


def test_the_sheet_says_what_the_grid_shows(tmp_path):
    _made(tmp_path, _scores(tmp_path))
    rows = read_rows(tmp_path / "grid.csv")
    assert [row["model"] for row in rows] == ["One", "Two"] * 3
    shown = [(row["place"], row["clip"], row["frame"], row["NSS"]) for row in rows[::2]]
    assert shown == [
        ("best", "b", "12", "5.0000"),
        ("median", "c", "16", "3.4000"),
        ("worst", "a", "14", "2.0000"),
    ]
    assert rows[0]["clip_NSS"] == "5.5000"


def test_the_same_stores_give_the_same_bytes(tmp_path):
    grids = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        _made(tmp_path / name, _scores(tmp_path / name))
        grids.append((tmp_path / name / "grid.png").read_bytes())
    assert grids[0] == grids[1]


def test_scores_without_nss_are_told(tmp_path):
    scores = _scores(tmp_path)
    rows = _rows(scores).replace("NSS=no_fixation", "ok").replace("CC,NSS", "CC,KLDiv")
    _sealed(scores, rows)
    with pytest.raises(InputError, match=r"scores\.csv: expected a column NSS, found CC, KLDiv"):
        _made(tmp_path, scores)


def test_scores_of_other_frames_are_told(tmp_path):
    scores = _scores(tmp_path)
    fewer = tmp_path / "fewer.csv"
    _sealed(fewer, _rows(scores).replace("a,1,0.5,1.0,ok\n", ""))
    with pytest.raises(InputError, match=r"fewer\.csv: expected the frames that .*scores\.csv"):
        _made(tmp_path, fewer, scores)
