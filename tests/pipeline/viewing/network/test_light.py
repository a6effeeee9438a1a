"""The light network in the product: a film's shape, its own flow, folded layers, pictures, ONNX."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.batch_norm import fold
from model.light import GFSalNetLight
from model.sight import see
from pipeline.config.data import DisFlow
from pipeline.preprocessing.tensors import frame_tensor
from pipeline.runtime.errors import InputError
from pipeline.viewing.network import load as loading
from pipeline.viewing.network.load import Model, load
from pipeline.viewing.network.onnx_export import export
from tests.pipeline.viewing.network.drawn_weights import light

SIZE = (96, 128)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """One that lies in the place of the weights that come with the package."""
    folder = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "WEIGHTS", str(folder))
        light(folder / "gfsalnet-light.safetensors", SIZE)
        yield load("gfsalnet-light")


def film(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """A texture that moves by 2 pixels a frame."""
    coarse = torch.rand(1, 3, 6, 10, generator=torch.Generator().manual_seed(0))
    size = (height, width + 2 * count)
    wide = torch.nn.functional.interpolate(coarse, size, mode="bicubic")[0].clamp(0, 1)
    whole = (255 * wide).byte().movedim(0, -1).numpy()
    return np.stack([whole[:, 2 * k :][:, :width] for k in range(count)])


@pytest.mark.parametrize(
    ("shown", "size"), [((720, 1280), (96, 160)), ((1280, 720), (160, 96)), ((480, 640), SIZE)]
)
def test_a_film_of_any_shape_is_seen_as_it_is_at_about_the_networks_area(
    model: Model, shown: tuple[int, int], size: tuple[int, int]
) -> None:
    fitted = model.at(*shown, 25.0, False)
    assert fitted.size == fitted.network.view.size == size
    assert model.network.view.size == SIZE, "the network itself stays what it is"
    assert model.predict(film(2, *(side // 4 for side in shown))).shape[0] == 2


def test_the_flow_is_the_one_that_the_weights_name(tmp_path: Path, model: Model) -> None:
    dis = DisFlow(estimator="dis", preset="fast", cut=None)
    assert model.at(720, 1280, 25.0, False).flow == dis
    unnamed = load(light(tmp_path / "a.safetensors", SIZE, flow=None))
    assert unnamed.flow is not None
    assert unnamed.flow.estimator == "pwcnet"
    assert load(light(tmp_path / "b.safetensors", SIZE, streams="appearance")).flow is None
    other = light(tmp_path / "c.safetensors", SIZE, flow={"estimator": "raft"})
    with pytest.raises(InputError, match=r"c\.safetensors: its network looks at flow that this"):
        load(other)


def test_folded_layers_have_the_same_maps(tmp_path: Path) -> None:
    plain, frames = light_network(tmp_path), torch.rand(2, 3, *SIZE)
    folded, flow = copy.deepcopy(plain), 5 * torch.rand(2, 2, 1, 1) * torch.ones(2, 2, *SIZE)
    fold(folded)
    kinds = [type(layer) for layer in folded.modules()]
    assert torch.nn.BatchNorm2d not in kinds
    with torch.inference_mode():
        expected, found = plain(frames, flow), folded(frames, flow)
    assert expected.saliency.std() > 0.05, "the maps are of something"
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def light_network(folder: Path) -> Any:
    """The network as it was saved, whose layers are not folded."""
    arguments = loading._network_of(light(folder / "plain.safetensors", SIZE))
    network = loading.build_network(arguments)
    file = folder / "plain.safetensors"
    loading.load_into(network.load_state_dict, file, "it", "")
    return network.eval()


def test_a_picture_is_seen_by_the_appearance_stream_alone(tmp_path: Path, model: Model) -> None:
    fitted = model.at(480, 640, 25.0, True)
    assert isinstance(fitted.network, GFSalNetLight)
    assert (fitted.flow, fitted.network.motion) == (None, None)
    # It is given the largest of the sizes that it sees, 1.25 times its own.
    assert (fitted.size, fitted.network.view.size) == ((128, 160), SIZE)
    network = light_network(tmp_path)
    (picture,), frames = film(1, *fitted.size), film(2, *SIZE)
    with torch.inference_mode():
        expected = network(frame_tensor(picture)[None], None).saliency[0]
        # In a film whose frames are all the same nothing moves; its frames are seen once.
        still = frame_tensor(frames[0])[None]
        once = network(still, torch.zeros(1, 2, *SIZE)).saliency[0]
    np.testing.assert_allclose(model.predict(picture), expected, atol=1e-5)
    np.testing.assert_allclose(model.predict(frames[[0, 0]])[:1], once, atol=1e-5)
    assert np.abs(model.predict(frames)[0] - once.numpy()).max() > 0.01


def test_the_sizes_of_a_picture_follow_the_largest(model: Model) -> None:
    given = model.sized((192, 256), 25.0, True)
    assert given.network.view.size == (160, 224), "a 1.25th of either side, nearly"


@pytest.mark.slow
def test_it_becomes_onnx_for_films_and_for_pictures(tmp_path: Path, model: Model) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    stated = export(model, tmp_path / "film.onnx", *SIZE)
    exported = load(tmp_path / "film.onnx")
    assert exported.network.facts["difference"] == stated < 1e-4
    assert exported.flow == model.flow
    frames, flow = torch.rand(1, 2, 3, *SIZE), 4 * torch.randn(1, 2, 1, 2, *SIZE)
    flow[:, 1] = 0
    with torch.inference_mode():
        expected, _ = see(model.network, frames, flow)
        found, _ = see(exported.network, frames, flow)
    assert type(found) is type(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.saliency[0, 1], found.appearance[0, 1])
    size = model.at(*SIZE, 25.0, True).size
    export(model, tmp_path / "still.onnx", *size, still=True)
    picture = load(tmp_path / "still.onnx")
    assert picture.flow is None
    assert [*picture.network._inputs] == ["frame"]
    (frame,) = film(1, *size)
    np.testing.assert_allclose(picture.predict(frame), model.predict(frame), atol=1e-4)


def test_a_step_between_frames_is_a_whole_number(model: Model) -> None:
    with pytest.raises(InputError, match=r"every >= 1, a whole number, .* got 2\.5"):
        model.predict(film(2, *SIZE), every=2.5)  # type: ignore[arg-type]
