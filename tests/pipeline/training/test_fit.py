"""Stage fit: sparse features and mean maps."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.baselines import MeanMap
from pipeline.config.training import Fitting
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FRAMES, Kind
from pipeline.stores.weights import load_weights, weights_facts
from pipeline.training.fit import clips_of, every_nth, fit, share
from pipeline.training.networks import load_network
from tests.builders import store

FITTING = Fitting(every=2, patches=600, iterations=100, tolerance=1e-3)
CODING = {
    "network": "coding_length_paper",
    **{"features": 12, "patch": 2, "stride": 1, "width": 40, "earlier": 0},
    **{"increment": "paper", "sigma": 1.0},
}
PROGRAM = {"network": "coding_length", "features": 12, "patch": 2, "height": 24, "width": 40}
MEAN = {"network": "mean_map", "height": 6, "width": 8}


def written(kind: Kind, folder: Path, clips: dict[str, np.ndarray], name: str = "") -> Path:
    return store(kind, folder, clips, name=f"{kind.name}{name}")


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


def test_features_are_those_that_pictures_are_mixed_of(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    count = 60 * 80
    sources = np.stack(
        [random.laplace(size=count), random.laplace(size=count) ** 3, random.uniform(-1, 1, count)]
    )
    sources -= sources.mean(axis=1, keepdims=True)
    sources /= np.abs(sources).max(axis=1, keepdims=True)
    mixing = np.array([[0.6, 0.3, 0.1], [-0.2, 0.5, 0.3], [0.1, -0.4, 0.5]])
    pixels = 127.5 + 127 * mixing @ sources
    frame = np.rint(pixels).astype(np.uint8).T.reshape(1, 60, 80, 3)
    network = CODING | {"features": 3, "patch": 1, "width": 80}
    path = written(FRAMES, tmp_path, {"a": frame})
    tensors = load_weights(run(tmp_path, network, "mixed", frames=[path]))
    assert tensors["filters"].shape == (3, 3, 1, 1)
    # What a feature answers to each source, the features' variance being 1.
    through = tensors["filters"].flatten(1).numpy() @ mixing * sources.std(axis=1) * 127 / 255
    assert sorted(np.abs(through).argmax(axis=1)) == [0, 1, 2]
    np.testing.assert_allclose(np.abs(through).max(axis=1), 1, atol=0.15)
    assert np.sort(np.abs(through), axis=1)[:, :-1].max() < 0.25


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_every_nth_counts_through_clips(tmp_path: Path, step: int) -> None:
    values = np.arange(7, dtype=np.float16)[:, None, None] * np.ones((1, 2, 3), np.float16)
    first = written(DENSITY, tmp_path, {"a": values[:2], "b": values[2:3]}, "1")
    second = written(DENSITY, tmp_path, {"c": values[3:]}, "2")
    found = [
        float(frame[0, 0]) for frame in every_nth(clips_of(DENSITY, [first, second], []), step)
    ]
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


def test_the_model_of_the_program_is_fitted_to_its_own_grid(tmp_path: Path, frames: Path) -> None:
    weights = run(tmp_path, PROGRAM, "icl", frames=[frames])
    assert load_weights(weights).keys() == {"filters"}
    maps = load_network(PROGRAM, [weights])(torch.rand(1, 3, 30, 40), None).saliency
    assert torch.isfinite(maps).all() and maps.std() > 0


@pytest.mark.parametrize(("total", "among"), [(600, 3), (30_000, 18_000), (5, 7), (0, 4)])
def test_frames_share_the_patches_evenly(total: int, among: int) -> None:
    shares = [share(total, among, index) for index in range(among)]
    assert sum(shares) == total and max(shares) - min(shares) <= 1


def test_every_frame_gives_patches(tmp_path: Path) -> None:
    """The last of them too: a quarter of all pixels, and of all patches, is white."""
    tones = np.array([0, 0, 0, 255], np.uint8)
    noise = np.random.default_rng(0).integers(0, 2, (4, 30, 40, 3), np.uint8)
    content = np.abs(tones[:, None, None, None].astype(int) - noise).astype(np.uint8)
    path = written(FRAMES, tmp_path, {"a": content[:2], "b": content[2:]})
    settings = FITTING.model_copy(update={"every": 1, "patches": 603})
    weights = run(tmp_path, CODING | {"features": 6}, "x", frames=[path], settings=settings)
    assert load_weights(weights)["mean"].mean().item() == pytest.approx(0.25, abs=0.005)


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


def test_what_cannot_be_fitted_is_refused(tmp_path: Path, frames: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"'chance' has nothing to fit.*coding_length, coding_length_paper, mean_map",
    ):
        run(tmp_path, {"network": "chance"}, "x")
    with pytest.raises(InputError, match="no clip to work on"):
        run(tmp_path, CODING, "x")
    with pytest.raises(InputError, match="no clip to work on"):
        run(tmp_path, MEAN, "x", frames=[frames])
    empty = written(DENSITY, tmp_path, {"a": np.zeros((2, 6, 8), np.float16)})
    with pytest.raises(InputError, match="no frame with gaze"):
        run(tmp_path, MEAN, "x", density=[empty])
    flat = written(FRAMES, tmp_path, {"a": np.full((4, 30, 40, 3), 9, np.uint8)}, "_flat")
    with pytest.raises(InputError, match=r"dimensions vary, 12 .*fitting\.patches"):
        run(tmp_path, CODING, "x", frames=[flat])
    assert not list(tmp_path.glob("x*"))
