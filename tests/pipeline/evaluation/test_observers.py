"""Observers against each other: who is left out, what is predicted, which frames count."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.data import Dhf1kDensity, GaussianDensity, ReleasedDensity
from pipeline.evaluation.metrics.auc import auc
from pipeline.evaluation.metrics.distributions import chi_square
from pipeline.evaluation.observers import observers
from pipeline.evaluation.own_truth import density, reduced
from pipeline.evaluation.protocols import protocol
from pipeline.preprocessing.density import density_map
from pipeline.preprocessing.fixations import fixated_map
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, GAZE
from pipeline.stores.writing import write_store
from tests.pipeline.evaluation.frames import values

H, W = 32, 48
RECIPE = GaussianDensity(recipe="gaussian", sigma=3.0, repeats="each")
LOOKS = {
    "agree": [[(10, 12), (11, 12), (10, 13)]] * 3,
    "odd": [[(10, 12), (11, 12), (28, 40)], [(5, 5)], []],
}
"""Clip -> frame -> (y, x) of each observer."""


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    with write_store(GAZE, tmp_path / "gaze.zarr", tmp_path / "gaze.json", {}) as gaze:
        for clip, frames in LOOKS.items():
            rows = [[t, x, y, o] for t, at in enumerate(frames) for o, (y, x) in enumerate(at)]
            gaze.add(clip, [np.array(rows, np.float32)], frames=3, height=2 * H, width=2 * W)
    with write_store(DENSITY, tmp_path / "density.zarr", tmp_path / "density.json", {}) as density:
        for clip, frames in LOOKS.items():
            pixels = [np.array(at, np.int32).reshape(-1, 2) for at in frames]
            density.add(clip, [np.stack([density_map(at, (H, W), RECIPE) for at in pixels])])
    return tmp_path


def sheet(stores: Path, **changes: Any) -> list[dict[str, str]]:
    given = {
        "gaze": [stores / "gaze.json"],
        "density": [stores / "density.json"],
        "frame_list": [],
        "recipe": RECIPE,
        "held_out": 9,
        "protocol": "mit",
        "metrics": [],
        "seed": 1,
        "threads": 1,
        "scores": stores / "scores.csv",
    }
    observers(**{**given, **changes})
    first, *lines = (stores / "scores.csv").read_text().splitlines()
    assert first.startswith(f"# protocol: {changes.get('protocol', 'mit')}; made: ")
    return list(csv.DictReader(lines))


def test_each_observer_is_predicted_by_the_others(stores: Path) -> None:
    rows = {(row["clip"], row["frame"]): row for row in sheet(stores)}
    each = []
    for one in range(3):
        at = np.array(LOOKS["odd"][0], np.int32)
        others = density_map(np.delete(at, one, axis=0), (H, W), RECIPE).astype(np.float32)
        own = at[[one]]
        truth = density_map(own, (H, W), RECIPE).astype(np.float32)
        fixated = fixated_map(own, (H, W))
        each.append(values(others, truth, fixated) | {"AUC-J": auc(others[fixated], others)})
    for metric, value in each[0].items():
        mean = np.mean([found[metric] for found in each])
        assert float(rows["odd", "1"][metric]) == pytest.approx(mean, abs=2e-5), (metric, value)
    assert float(rows["agree", "1"]["NSS"]) > 4 > float(rows["odd", "1"]["NSS"])
    assert float(rows["agree", "1"]["CC"]) > 0.9


@pytest.mark.parametrize("protocol", ["mit", "unisal", "pysaliency"])
def test_observers_who_know_nothing_of_each_other_are_at_chance(
    stores: Path, protocol: str
) -> None:
    random = np.random.default_rng(0)
    count, people = 200, 5
    at = np.stack([random.integers(0, W, (count, people)), random.integers(0, H, (count, people))])
    rows = [[t, *at[:, t, o], o] for t in range(count) for o in range(people)]
    with write_store(GAZE, stores / "any.zarr", stores / "any.json", {}) as gaze:
        gaze.add("any", [np.array(rows, np.float32)], frames=count, height=2 * H, width=2 * W)
    maps = [density_map(at[::-1, t].T.astype(np.int32), (H, W), RECIPE) for t in range(count)]
    with write_store(DENSITY, stores / "maps.zarr", stores / "maps.json", {}) as density:
        density.add("any", [np.stack(maps)])
    changes = {"gaze": [stores / "any.json"], "density": [stores / "maps.json"]}
    found = sheet(stores, **changes, held_out=5, protocol=protocol)
    areas = [float(row["AUC-J"]) for row in found]
    # Where nobody looked maps are 0 and equal, so an area has little spread.
    assert np.mean(areas) == pytest.approx(0.5, abs=4 * np.std(areas) / count**0.5)
    assert np.std(areas) / count**0.5 < 0.02


def test_a_scorers_own_densities_are_also_those_of_the_observers(stores: Path) -> None:
    rules = protocol("rudoy").truth
    assert rules is not None
    shape = reduced((2 * H, 2 * W), rules)
    at = (np.array(LOOKS["odd"][0]) + 0.5) * np.divide(shape, (H, W)) - 0.5
    each = []
    for one in range(3):
        others, own = np.delete(at, one, axis=0), at[[one]]
        each.append(chi_square(density(rules, others, shape), density(rules, own, shape)))
    row = next(row for row in sheet(stores, protocol="rudoy") if row["clip"] == "odd")
    assert float(row["chi-square"]) == pytest.approx(np.mean(each), abs=2e-5)


def test_what_the_observers_gain_on_themselves_is_no_number_yet_their_frames_count(
    stores: Path,
) -> None:
    rows = sheet(stores, metrics=["IG-LOO", "IG-people", "EI"])
    of_odd = [row for row in rows if row["clip"] == "odd"]
    assert of_odd[0]["EI"] == "" and of_odd[0]["status"] == "ok"
    assert "EI=no_fixation" in of_odd[1]["status"]


def test_a_frame_of_one_observer_has_no_value_and_one_of_none_is_left_out_as_ever(
    stores: Path,
) -> None:
    rows = [row for row in sheet(stores) if row["clip"] == "odd"]
    assert (rows[1]["NSS"], rows[1]["CC"], rows[1]["status"]) == ("", "", "ok")
    assert "NSS=no_fixation" in rows[2]["status"] and "CC=empty_density" in rows[2]["status"]


def test_some_observers_are_drawn_and_the_same_ones_again(stores: Path) -> None:
    first, again, other = (sheet(stores, held_out=1, seed=seed) for seed in (1, 1, 3))
    assert first == again != other
    assert first != sheet(stores)


def test_recipes_that_count_in_pixels_of_the_video_do_so(stores: Path) -> None:
    # Twice the size, so a width at half maximum of 2 * 2.355 * 3 px is a sigma of 3 of our pixels.
    recipe = Dhf1kDensity(recipe="dhf1k", fwhm=14.13, shift=0.0, repeats="each")
    ours, theirs = sheet(stores), sheet(stores, recipe=recipe)
    assert float(theirs[0]["CC"]) == pytest.approx(float(ours[0]["CC"]), abs=0.01)


def test_released_maps_do_not_tell_observers_apart(stores: Path) -> None:
    with pytest.raises(InputError, match=r"released maps.*choose a variant with raw gaze"):
        sheet(stores, recipe=ReleasedDensity(recipe="released", files="{clip}.png"))
