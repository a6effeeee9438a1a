"""Stage fit and the independent component analysis in it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.mean_map import MeanMap
from pipeline.config import Fitting
from pipeline.errors import InputError
from pipeline.fit import every_nth, fit
from pipeline.ica import fast_ica
from pipeline.networks import load_network
from pipeline.stores import DENSITY, FRAMES, Kind, write_store
from pipeline.weights import load_weights, weights_facts

FITTING = Fitting(every=2, patches=600, iterations=100, tolerance=1e-3)
CODING = {
    "network": "coding_length",
    **{"features": 12, "patch": 2, "stride": 1, "width": 40, "earlier": 0},
    **{"increment": "paper", "sigma": 1.0},
}
MEAN = {"network": "mean_map", "height": 6, "width": 8}


def written(kind: Kind, folder: Path, clips: dict[str, np.ndarray], name: str = "") -> Path:
    manifest = folder / f"{kind.name}{name}.json"
    with write_store(kind, manifest.with_suffix(".zarr"), manifest) as writer:
        for clip, array in clips.items():
            writer.add(clip, [array])
    return manifest


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two clips of noise, sparse and of many colours."""
    random = np.random.default_rng(0)
    noise = random.laplace(128, 30, (5, 30, 40, 3)).clip(0, 255).astype(np.uint8)
    return written(FRAMES, tmp_path, {"a": noise[:3], "b": noise[3:]})


def run(folder: Path, network: dict[str, Any], name: str, **changes: Any) -> Path:
    given: dict[str, Any] = {"frames": [], "density": [], "settings": FITTING, "seed": 0}
    weights = folder / f"{name}.safetensors"
    fit(
        network=network,
        **(given | changes),
        threads=1,
        code="c",
        weights=weights,
        log=folder / f"{name}.csv",
    )
    return weights


def test_ica_finds_the_sources_of_a_mixture() -> None:
    random = np.random.default_rng(3)
    sources = np.stack(
        [random.laplace(size=4000), random.laplace(size=4000) ** 3, random.uniform(-1, 1, 4000)]
    )
    mixing = random.standard_normal((3, 3))
    found = fast_ica((mixing @ sources).T + 5, 3, 0, 200, 1e-6)
    assert found.change <= 1e-6 and found.iterations < 200
    through = found.filters @ mixing * sources.std(axis=1)
    # One source a component, each once: a permutation but for signs.
    assert sorted(np.abs(through).argmax(axis=1)) == [0, 1, 2]
    np.testing.assert_allclose(np.sort(np.abs(through), axis=1)[:, -1], 1, atol=0.05)
    assert np.sort(np.abs(through), axis=1)[:, :-1].max() < 0.1
    np.testing.assert_allclose(found.mean, (mixing @ sources).mean(axis=1) + 5)


def test_ica_responses_are_white_and_stop_in_time() -> None:
    samples = np.random.default_rng(0).laplace(size=(500, 6)) @ np.diag([1, 2, 3, 4, 5, 6])
    found = fast_ica(samples, 4, 0, 2, 1e-12)
    assert found.iterations == 2 and found.change > 1e-12
    responses = (samples - found.mean) @ found.filters.T
    np.testing.assert_allclose(np.cov(responses.T, bias=True), np.eye(4), atol=1e-9)


def test_ica_tells_how_many_dimensions_there_are() -> None:
    samples = np.random.default_rng(0).standard_normal((100, 2)) @ np.ones((2, 5))
    with pytest.raises(ValueError, match="1 dimensions vary, 3 components"):
        fast_ica(samples, 3, 0, 10, 1e-3)


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_every_nth_counts_through_clips(tmp_path: Path, step: int) -> None:
    values = np.arange(7, dtype=np.float16)[:, None, None] * np.ones((1, 2, 3), np.float16)
    first = written(DENSITY, tmp_path, {"a": values[:2], "b": values[2:3]}, "1")
    second = written(DENSITY, tmp_path, {"c": values[3:]}, "2")
    found = [float(frame[0, 0]) for frame in every_nth(DENSITY, [first, second], step)]
    assert found == list(range(0, 7, step))


def test_coding_length_is_fitted_and_runs(tmp_path: Path, frames: Path) -> None:
    weights = run(tmp_path, CODING, "icl", frames=[frames])
    tensors = load_weights(weights)
    assert tensors["filters"].shape == (12, 3, 2, 2)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert tensors["mean"].mean().item() == pytest.approx(128 / 255, abs=0.03)
    network = load_network(CODING, [weights])
    assert torch.isfinite(network(torch.rand(1, 3, 30, 40), None).saliency).all()
    facts = weights_facts(weights)
    assert facts["fitting"] == FITTING.model_dump() and facts["network"] == CODING
    rows = dict(csv.reader((tmp_path / "icl.csv").open()))
    assert (rows["frames"], rows["patches"]) == ("3", "600")


def test_the_same_fit_gives_the_same_bytes(tmp_path: Path, frames: Path) -> None:
    once, again = (run(tmp_path, CODING, name, frames=[frames]) for name in ("one", "two"))
    assert once.read_bytes() == again.read_bytes()
    other = run(tmp_path, CODING, "three", frames=[frames], seed=1)
    assert load_weights(once)["filters"].ne(load_weights(other)["filters"]).any()


def test_mean_map_is_the_mean_of_distributions(tmp_path: Path) -> None:
    density = np.zeros((4, 6, 8), np.float16)
    density[0, 1, 1] = 1
    density[1, 5, 5] = 1  # not read: every second frame is
    density[2, 2:4, 2:4] = 0.5  # the same mass for being looked at over a wider area
    path = written(DENSITY, tmp_path, {"a": density[:3], "b": np.zeros((2, 6, 8), np.float16)})
    weights = run(tmp_path, MEAN, "mean", density=[path])
    expected = torch.zeros(6, 8)
    expected[1, 1] = 1
    expected[2:4, 2:4] = 0.25
    torch.testing.assert_close(load_weights(weights)["density"][0, 0], expected)
    # The last frame that is read has no gaze.
    assert dict(csv.reader((tmp_path / "mean.csv").open()))["frames"] == "2"
    network = load_network(MEAN, [weights])
    assert isinstance(network, MeanMap)
    assert network(torch.zeros(2, 3, 6, 8), None).saliency.shape == (2, 1, 6, 8)
    assert weights.read_bytes() == run(tmp_path, MEAN, "again", density=[path]).read_bytes()


def test_what_cannot_be_fitted_is_told(tmp_path: Path, frames: Path) -> None:
    with pytest.raises(InputError, match=r"'chance' has nothing to fit.*coding_length, mean_map"):
        run(tmp_path, {"network": "chance"}, "x")
    with pytest.raises(InputError, match="no frames stores"):
        run(tmp_path, CODING, "x")
    with pytest.raises(InputError, match="no density stores"):
        run(tmp_path, MEAN, "x", frames=[frames])
    empty = written(DENSITY, tmp_path, {"a": np.zeros((2, 6, 8), np.float16)})
    with pytest.raises(InputError, match="no frame with gaze"):
        run(tmp_path, MEAN, "x", density=[empty])
    flat = written(FRAMES, tmp_path, {"a": np.full((4, 30, 40, 3), 9, np.uint8)}, "_flat")
    with pytest.raises(InputError, match=r"dimensions vary, 12 .*fitting\.patches"):
        run(tmp_path, CODING, "x", frames=[flat])
    assert not list(tmp_path.glob("x*"))
