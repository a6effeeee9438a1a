"""Weights as they come with the package: half as large, and with what a user asks of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.registry import build
from pipeline.config.data import Flow
from pipeline.planning.load import configured
from pipeline.planning.needs import flows
from pipeline.runtime.errors import InputError
from pipeline.stores.weights import file_sha256, save_weights, weights_facts
from pipeline.teaching.pack import pack
from pipeline.viewing.network.load import load
from tests.pipeline.viewing.network.drawn_weights import light
from tests.pipeline.viewing.seen import shot

SIZE = (32, 64)
TRAINING = {"training": {"iterations": 3}, "seed": 4, "data": ["a"], "code": "b", "torch": "2"}


@pytest.fixture(scope="module")
def flow() -> Flow:
    return flows(configured("light"))["dis"]


def trained(file: Path, **facts: Any) -> Path:
    """Weights of a training of the light network, whose facts are those of a training."""
    drawn = light(file.with_name(f"drawn-{file.name}"), SIZE)
    arguments = weights_facts(drawn)["network"]
    network = build(**arguments)
    network.load_state_dict(load_file(drawn))
    save_weights(file, network, {"network": arguments, **facts})
    return file


def packed(folder: Path, flow: Flow, weights: Path, **changes: Any) -> Path:
    given: dict[str, Any] = {"before": [], "sources": []} | changes
    pack(weights=weights, flow=flow, packed=folder / "gfsalnet-drawn.safetensors", **given)
    return folder / "gfsalnet-drawn.safetensors"


def test_convolutions_are_halved_and_vectors_are_not(tmp_path: Path, flow: Flow) -> None:
    weights = trained(tmp_path / "scenes.safetensors")
    before, after = load_file(weights), load_file(packed(tmp_path, flow, weights))
    assert after.keys() == before.keys()
    kinds = {tensor.dtype for tensor in after.values()}
    assert {torch.float16, torch.float32} <= kinds
    for name, tensor in before.items():
        if tensor.dim() > 1:
            assert after[name].dtype == torch.float16, name
            torch.testing.assert_close(after[name].float(), tensor, rtol=1e-3, atol=1e-6)
        else:
            assert after[name].dtype == tensor.dtype, name
            assert torch.equal(after[name], tensor), name


def test_facts_say_what_a_user_asks(tmp_path: Path, flow: Flow) -> None:
    weights = trained(tmp_path / "scenes.safetensors", **TRAINING, loss={"alpha": 1})
    earlier = trained(tmp_path / "taught.safetensors", seed=1)
    sheet = tmp_path / "sources.csv"
    sheet.write_text("file,kind\n")
    facts = weights_facts(packed(tmp_path, flow, weights, before=[earlier], sources=[sheet]))
    assert facts["network"] == weights_facts(weights)["network"]
    assert facts["frames"] == {"height": SIZE[0], "width": SIZE[1]}
    assert facts["flow"] == flow.model_dump()
    assert facts["trainings"] == [{"name": "taught", "seed": 1}, {"name": "scenes", **TRAINING}]
    assert facts["sources"] == {"sources.csv": file_sha256(sheet)}


def test_packed_weights_are_loaded_and_find_the_same(tmp_path: Path, flow: Flow) -> None:
    weights = light(tmp_path / "scenes.safetensors", SIZE)
    file = packed(tmp_path, flow, weights)
    frames = np.stack(shot(3, 4))
    nets = [load(path, device="cpu") for path in (weights, file)]
    maps = [net.predict(frames) for net in nets]
    assert maps[0].std() > 0.05
    # Trained weights move by less than half a grey level; drawn ones are wilder.
    np.testing.assert_allclose(maps[1], maps[0], atol=2 / 255)
    assert nets[1].name == "gfsalnet-drawn"
    assert nets[1].flow == nets[0].flow
    assert file.stat().st_size < 0.7 * weights.stat().st_size


def test_a_value_that_float16_cannot_hold_is_refused(tmp_path: Path, flow: Flow) -> None:
    weights = light(tmp_path / "scenes.safetensors", SIZE)
    facts, tensors = weights_facts(weights), load_file(weights)
    network = build(**facts["network"])
    name = next(name for name, tensor in tensors.items() if tensor.dim() > 1)
    tensors[name].view(-1)[0] = -70000.0
    network.load_state_dict(tensors)
    save_weights(weights, network, {"network": facts["network"]})
    message = rf"scenes\.safetensors: {name}: 70000 is beyond float16; train it again at a lower"
    with pytest.raises(InputError, match=message):
        packed(tmp_path, flow, weights)
    assert not (tmp_path / "gfsalnet-drawn.safetensors").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path, flow: Flow) -> None:
    file = tmp_path / "mean.safetensors"
    network = build("mean_map", height=4, width=6)
    save_weights(file, network, {"network": {"network": "mean_map", "height": 4, "width": 6}})
    with pytest.raises(InputError, match=r"mean\.safetensors: not of gfsalnet_light; give"):
        pack(weights=file, before=[], flow=flow, sources=[], packed=tmp_path / "packed.safetensors")


def test_damaged_weights_are_refused(tmp_path: Path, flow: Flow) -> None:
    weights = light(tmp_path / "scenes.safetensors", SIZE)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match=r"scenes\.safetensors: weights changed since"):
        packed(tmp_path, flow, weights)
