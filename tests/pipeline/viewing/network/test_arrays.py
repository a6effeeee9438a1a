"""Maps of frames in arrays and tensors: every layout gives the same; what fits none is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.sight import Sight
from pipeline.config.data import DisFlow, ImageFlowEstimator
from pipeline.runtime.errors import InputError
from pipeline.viewing.network import flows
from pipeline.viewing.network.load import Model, load
from tests.pipeline.viewing.network.drawn_weights import official, ours


@pytest.fixture(scope="module")
def unisal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with pytest.MonkeyPatch.context() as patch:
        official(tmp_path_factory.mktemp("authors"), patch)
        yield load("unisal")


def film(count: int, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """A bright square that moves right by 3 pixels a frame, on texture."""
    random = np.random.default_rng(0)
    texture = cv2.GaussianBlur(random.random((height, width + 3 * count)), (0, 0), 2)
    texture = (texture - texture.min()) / np.ptp(texture)
    pictures = [texture[:, 3 * (count - t) :][:, :width] for t in range(count)]
    return np.stack([(200 * one).astype(np.uint8) for one in pictures])[..., None].repeat(3, 3)


class Mean(torch.nn.Module):
    """The frame's grey, and the sum of those that the state has seen."""

    sight = Sight(carries=True)

    def forward(self, clip: Any, flow: Any, state: Any) -> Any:
        maps = clip.mean(2, keepdim=True)
        total = maps.sum(1) + (state[0] if state else 0)
        return maps + flow[:, :, 0].abs().sum(2, keepdim=True), (total,)


def test_every_layout_gives_the_same_maps() -> None:
    model, frames = load("spectral_residual"), film(3)
    maps = model.predict(frames)
    assert maps.shape == (3, 64, 96)
    assert maps.dtype == np.float32
    np.testing.assert_array_equal(maps.max((1, 2)), 1)
    assert maps.min() >= 0
    tensor = torch.from_numpy(frames).movedim(-1, 1)
    for same in (frames / 255, frames.astype(np.float32) / 255, tensor, tensor / 255):
        np.testing.assert_array_equal(model.predict(same), maps)
    np.testing.assert_array_equal(model.predict(list(frames)), maps)
    np.testing.assert_allclose(model.predict(frames[1]), maps[1:2], atol=1e-6)
    np.testing.assert_allclose(model.predict(tensor[1]), maps[1:2], atol=1e-6)


def test_maps_lie_on_the_grid_of_the_frames() -> None:
    frames = np.zeros((1, 1200, 1604, 3), np.uint8)
    frames[0, 160:360, 1120:1400] = 255
    (saliency,) = Model("grey", "none", Mean(), flow=None, trained=(75, 100)).predict(frames)
    middle = [np.mean(axis) for axis in np.nonzero(saliency > 0.5)]
    np.testing.assert_allclose(middle, [259.5, 1259.5], atol=4)
    assert saliency.shape == (1200, 1604)


def test_a_uniform_frame_has_a_map_of_zeros() -> None:
    assert not load("spectral_residual").predict(np.full((1, 64, 64, 3), 90, np.uint8)).any()


def test_maps_between_two_are_mixed() -> None:
    model, frames = load("spectral_residual"), film(6)
    sparse, own = model.predict(frames, every=4), model.predict(frames)
    np.testing.assert_array_equal(sparse[[0, 4]], own[[0, 4]])
    mixed = 0.75 * own[0] + 0.25 * own[4]
    np.testing.assert_allclose(sparse[1], mixed / mixed.max(), rtol=1e-5)
    np.testing.assert_array_equal(sparse[5], own[4])


def test_memory_goes_through_a_film_and_not_through_pictures(unisal: Model) -> None:
    frames = film(2)
    alone = np.concatenate([unisal.predict(frame) for frame in frames])
    together = unisal.predict(frames, still=True)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    film_maps = unisal.predict(frames, rate=6)
    assert np.abs(film_maps - alone).max() > 1e-3  # another domain, too
    # At 12 frames/s the second frame is the first of the other state.
    first = unisal.predict(frames[1:], rate=6, still=False)
    np.testing.assert_allclose(unisal.predict(frames, rate=12)[1:], first, atol=1e-5)
    # Every other one of 12 are 6 a second: the state goes on.
    four = np.repeat(frames, 2, axis=0)
    np.testing.assert_allclose(unisal.predict(four, rate=12, every=2)[[0, 2]], film_maps, atol=1e-5)


def test_flow_of_single_frames_is_given_of_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fives = np.full((1, 2, 16, 24), 5, np.float32)
    monkeypatch.setattr(flows, "build_estimator", lambda *_: lambda frames: fives)
    alone = ImageFlowEstimator.model_construct()
    model = Model("still", "none", Mean(), flow=alone, trained=(64, 96))
    seen = []
    model.network.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    model.predict(film(2), still=True)
    assert torch.stack(seen).eq(5).all()


def test_a_network_with_a_motion_stream_is_given_flow(tmp_path: Path) -> None:
    dis = DisFlow(estimator="dis", preset="fast", cut=None)
    model = Model("moving", "none", Mean(), flow=dis, trained=(64, 96))
    seen = []
    model.network.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    model.predict(film(4))
    model.predict(film(4), still=True)
    assert (seen[0].mean((0, 1, 2, 4, 5)) - torch.tensor([3, 0])).abs().max() < 0.6
    assert not seen[1].any()
    own = load(ours(tmp_path / "a.safetensors", frames={"height": 64, "width": 96}))
    assert own.flows
    assert own.predict(film(2)).shape == (2, 64, 96)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((2, 3, 8, 8), np.uint8), r"array \[t, y, x, 3\].*\[2, 3, 8, 8\]"),
        (torch.zeros(2, 8, 8, 3), r"tensor \[t, 3, y, x\].*\[2, 8, 8, 3\]"),
        (np.zeros((8, 8), np.uint8), r"found the shape \[8, 8\]"),
        (np.zeros((0, 8, 8, 3), np.uint8), "found the shape"),
        (np.zeros((2, 8, 8, 3), np.int64), "found int64"),
        (np.full((2, 8, 8, 3), 255.0), "found 255 to 255; divide"),
        (np.full((2, 8, 8, 3), np.nan), "found nan"),
    ],
)
def test_what_are_no_frames_is_named(frames: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load("centre_bias").predict(frames)


@pytest.mark.parametrize("keys", [{"every": 0}, {"rate": 0.0}, {"rate": float("nan")}])
def test_a_rate_without_meaning_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected every >= 1"):
        load("centre_bias").predict(film(2), **keys)


def test_a_map_that_is_not_finite_is_an_error() -> None:
    class Broken(Mean):
        def forward(self, clip: Any, flow: Any, state: Any) -> Any:
            return clip.mean(2, keepdim=True) * float("nan"), ()

    model = Model("broken", "none", Broken(), trained=(64, 96))
    with pytest.raises(InputError, match="not finite"):
        model.predict(film(2))
