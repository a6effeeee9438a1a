"""Which clips and frames are shown, and what the error is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pipeline.reporting.figures.drawing import error, stretched
from pipeline.reporting.figures.pictures import pictures
from pipeline.reporting.figures.seen import chosen, typical
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from tests.pipeline.reporting.figures.small import NAN, SIZE, rows_of, seal, sheet, stores


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


def _made(folder, *scores, still=False):
    paths = stores(folder)
    pictures(
        **{name: [paths[name]] for name in ("frames", "density", "gaze")},
        flow=[] if still else [paths["flow"]],
        pictured={
            "One": (paths["saliency"], scores[0]),
            "Two": (paths["saliency"], scores[-1]),
        },
        leading="Two",
        metrics=["CC"],
        protocol="mit",
        seed=0,
        about={"run": "demo"},
        picture=folder / "grid.png",
        sheet=folder / "grid.csv",
    )


def test_the_worst_clip_of_a_distance_has_the_largest_value():
    means = {"a": 1.0, "b": 3.0, "c": 2.0}
    assert chosen(means, "KLDiv") == {"best": "a", "median": "c", "worst": "b"}


def test_the_sheet_says_what_the_grid_shows(tmp_path):
    _made(tmp_path, sheet(tmp_path))
    rows = read_rows(tmp_path / "grid.csv")
    assert [row["model"] for row in rows] == ["One", "Two"] * 3
    shown = [(row["place"], row["clip"], row["frame"], row["value"]) for row in rows[::2]]
    assert shown == [
        ("best", "b", "12", "5.0000"),
        ("median", "c", "16", "3.4000"),
        ("worst", "a", "14", "2.0000"),
    ]
    assert rows[0]["clip_mean"] == "5.5000"
    assert {row["metric"] for row in rows} == {"NSS"}


def test_the_same_stores_give_the_same_bytes(tmp_path):
    grids = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        _made(tmp_path / name, sheet(tmp_path / name))
        grids.append((tmp_path / name / "grid.png").read_bytes())
    assert grids[0] == grids[1]


def test_scores_without_nss_choose_by_the_first_metric_of_the_table(tmp_path):
    scores = sheet(tmp_path)
    rows = rows_of(scores).replace("NSS=no_fixation", "ok").replace("CC,NSS", "CC,KLDiv")
    seal(scores, rows)
    _made(tmp_path, scores)
    assert {row["metric"] for row in read_rows(tmp_path / "grid.csv")} == {"CC"}


def test_scores_without_any_such_metric_are_one_message(tmp_path):
    scores = sheet(tmp_path)
    rows = rows_of(scores).replace("NSS=no_fixation", "ok").replace("CC,NSS", "SIM,KLDiv")
    seal(scores, rows)
    with pytest.raises(InputError, match=r"expected a column NSS or CC, found SIM, KLDiv"):
        _made(tmp_path, scores)


def test_still_images_have_no_flow(tmp_path):
    scores = sheet(tmp_path)
    _made(tmp_path, scores, still=True)
    with Image.open(tmp_path / "grid.png") as without:
        pixels = np.asarray(without.convert("RGB"))
    _made(tmp_path, scores)
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == pixels.shape[1::-1]
        assert (np.asarray(grid.convert("RGB")) != pixels).any()


def test_scores_of_other_frames_are_told(tmp_path):
    scores = sheet(tmp_path)
    fewer = tmp_path / "fewer.csv"
    seal(fewer, rows_of(scores).replace("a,1,0.5,1.0,ok\n", ""))
    with pytest.raises(InputError, match=r"fewer\.csv: expected the frames that .*scores\.csv"):
        _made(tmp_path, fewer, scores)
