from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import ROOT


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a bench by its name, as a script of that folder does."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    monkeypatch.chdir(ROOT)
    return importlib.import_module


def film(frames: int) -> np.ndarray:
    """A bright square that jumps over noise."""
    random = np.random.default_rng(0)
    found = random.integers(60, size=(frames, 48, 64, 3), dtype=np.uint8)
    for frame in range(frames):
        x, y = random.integers(40), random.integers(30)
        found[frame, y : y + 12, x : x + 12] = 250
    return found


@pytest.mark.parametrize("name", ["spectral_residual", "pqft"])
def test_scored_frames_have_the_maps_of_a_film_that_is_seen_whole(bench, name: str) -> None:
    heldout, zoo = bench("heldout"), bench("zoo")
    frames, model = film(12), zoo.model_of(name)
    assert heldout.alone(model) == (name == "spectral_residual")  # pqft compares with others
    whole = model.predict(frames, rate=25.0)
    scored = heldout.maps_of(model, frames, 25.0, 4, still=False)
    np.testing.assert_allclose(scored[::4], whole[::4], atol=1e-5)
    assert np.abs(whole[4] - whole[0]).max() > 0.1


def test_means_leave_out_what_has_no_value(bench) -> None:
    heldout = bench("heldout")
    scores = {f"{clip}": {"NSS": 1.0 if clip % 2 else 3.0} for clip in range(6)}
    scores["none"] = {"NSS": math.nan}
    mean, interval = heldout.mean_and_interval(scores, "NSS")
    assert mean == 2.0
    assert 1.0 <= interval[0] < 2.0 < interval[1] <= 3.0
    assert heldout.mean_and_interval({"a": {"NSS": 1.0}}, "NSS") == (1.0, None)
    better = {clip: {"NSS": one["NSS"] + 0.5} for clip, one in scores.items()}
    one = heldout.difference(better, scores, "NSS")
    assert (one.difference, *one.interval) == pytest.approx((0.5, 0.5, 0.5))


def test_what_is_finished_is_not_measured_again(bench, tmp_path: Path) -> None:
    measured, file = bench("measured"), tmp_path / "kept.json"
    assert measured.Finished(file).get("a", lambda: {"NSS": 1.5}) == {"NSS": 1.5}
    assert measured.Finished(file).get("a", lambda: pytest.fail("measured twice")) == {"NSS": 1.5}


def test_a_model_without_weights_of_its_own_has_a_speed_and_no_score(bench) -> None:
    zoo, models = bench("zoo"), bench("models")
    model = zoo.model_of("shallow_conv")
    assert not zoo.scored(model)
    assert zoo.scored(zoo.model_of("centre_bias"))
    facts = models.facts(model)
    assert facts["MB"] == pytest.approx(2e-6 * facts["parameters"], rel=0.01)
    scores = {"photographs": {"centre_bias": {"a": {"NSS": 0.5, "CC": 0.25, "KLDiv": 1.0}}}}
    known = {"shallow_conv": facts, "centre_bias": facts}
    fast = {"shallow_conv": {"2/film": 41.23, "2/memory": 123.4}}
    lines = models.overview(known, scores, fast)
    assert lines[-2].startswith("| shallow_conv | - | 34,")
    assert lines[-2].endswith(" | 41.2 |")
    assert lines[-1].startswith("| centre_bias | 0.500 | ")
    assert lines[-1].endswith(" | - |")
    assert (
        models.by_set(scores, {"photographs": 1})[-1] == "| centre_bias | 0.500 | 0.250 | 1.000 |"
    )


def test_a_network_that_is_timed_gets_at_least_what_it_shares(bench) -> None:
    zoo = bench("zoo")
    assert zoo.fewest(zoo.model_of("spectral_residual")) == 2
    assert zoo.fewest(zoo.model_of("pqft")) == 8
    assert zoo.seconds_of(lambda: None) < 0.1


def test_what_a_gpu_does_is_measured_without_one_too(bench) -> None:
    gpu = bench("gpu")
    page = gpu.run(0, dry=True)  # no row is begun in time
    rows = [line for line in page.splitlines() if line.endswith("|")][2:]
    assert len(rows) == 10
    assert all("unmeasured" in row for row in rows)


@pytest.mark.slow
def test_every_row_of_the_bench_for_gpus_can_be_measured(bench) -> None:
    gpu = bench("gpu")
    page = gpu.run(60, dry=True)
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.endswith("|")][2:]
    assert len(rows) == 10
    assert all(float(milliseconds) > 0 for *_, milliseconds, _, _, _ in rows)
    names = {row[0].strip() for row in rows}
    assert {"GFSalNet, forward", "GFSalNet, training step", "PWC-Net, bfloat16"} <= names
    assert {"UNISAL, bfloat16", "TASED-Net, float32"} <= names


def test_a_goal_is_reached_or_missed_by_what_was_measured(bench) -> None:
    gpu = bench("gpu")
    row = gpu.Row("GFSalNet, training step", 16, "frames", False, lambda: list, 16)
    fast, slow = (gpu.Found(seconds, 20.0, 5e12) for seconds in (0.044, 0.046))
    assert gpu.line(row, fast, 5e14, 5e12).split("|")[4:-1] == [
        " 364 frames/s ",
        " 44.0 ",
        " 20.0 ",
        " 23 % ",
        " 45 ms: reached ",
    ]
    assert gpu.line(row, slow, 5e14, 5e12).endswith("| 45 ms: missed |")
    forward = row._replace(what="GFSalNet, forward", batch=32, each=32)
    assert gpu.line(forward, fast, 5e14, 0.0).endswith("| - | 1,000 frames/s: missed |")
