"""OM-CNN with 2C-LSTM beside the authors' program, with stand-in weights by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from model.released import released_shape
from model.rivals import om_cnn
from model.rivals.om_cnn import OMCNN
from model.rivals.parts import object_motion, two_c_lstm
from tests.model.rivals.goldens import FOLDER, golden, load_released, standin
from tests.model.rivals.test_om_cnn import PAPER

pytestmark = pytest.mark.shared
MAPS = {"released": "as_demo_gain4", "expectation": "gain1"}
"""Reading of the gates -> the program's maps with it."""


def test_every_tensor_of_the_checkpoint_is_known() -> None:
    file = FOLDER / "omcnn/index.json"
    if not file.is_file():
        pytest.skip(f"no {file}")
    with torch.device("meta"):
        network = OMCNN(**PAPER)
    released, state = network.released(), network.state_dict()
    found = {row["name"]: tuple(row["shape"]) for row in json.loads(file.read_text())["tensors"]}
    ours = {
        source.name: released_shape(state[key].shape, source.layout)
        for key, source in released.tensors.items()
    }
    rest = found.keys() - ours.keys()
    assert len(ours) == 130 and len(rest) == 43
    assert {name: found.get(name) for name in ours} == ours
    assert [name for name in found if name in ours] == [*ours]
    assert all(any(re.fullmatch(rule, name) for rule in released.ignored) for name in rest)


@pytest.fixture(scope="module")
def network() -> OMCNN:
    """With the stand-in weights, through the names of the checkpoint."""
    network = OMCNN(**PAPER)
    load_released(network, standin("omcnn"))
    return network.eval()


def unlike(network: OMCNN, gates: str = "released") -> float:
    """Largest difference from the program's maps as a share of their spread."""
    given = golden("omcnn")
    clip = torch.from_numpy(given["frames"]).permute(0, 3, 1, 2)[None] / 255
    network.gates = gates
    with torch.no_grad():
        maps, _ = network(clip, None)
    expected = given[MAPS[gates]]
    return float(np.abs(maps.own[0, :, 0].numpy() - expected).max() / expected.std())


@pytest.mark.parametrize("gates", MAPS)
def test_maps_are_those_of_the_authors_program(network: OMCNN, gates: str) -> None:
    assert unlike(network, gates) < 3e-5


Patch = pytest.MonkeyPatch


def frame_after_for_five_later(network: OMCNN, patch: Patch) -> None:
    features, seen = network.core.features, golden("omcnn")["frames"][1:3]
    after = torch.from_numpy(seen).permute(0, 3, 1, 2)[None] / 127.5 - 1
    patch.setattr(network.core, "features", lambda frames, _: features(frames, after))


def align_corners(network: OMCNN, patch: Patch) -> None:
    def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
        return interpolate(maps, size, mode="bilinear", align_corners=True)

    patch.setattr(object_motion, "legacy_resized", resized)


def half_pixels(network: OMCNN, patch: Patch) -> None:
    def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
        return interpolate(maps, size, mode="bilinear")

    patch.setattr(object_motion, "legacy_resized", resized)


def rows_before_channels(network: OMCNN, patch: Patch) -> None:
    layer = network.core.objectness.fc16
    forward = layer.forward
    patch.setattr(
        layer, "forward", lambda x: forward(x.unflatten(1, (1024, 49)).transpose(1, 2).flatten(1))
    )


def answers_before_cells(network: OMCNN, patch: Patch) -> None:
    layer = network.core.objectness.fc18
    forward = layer.forward
    patch.setattr(
        layer, "forward", lambda x: forward(x).unflatten(1, (30, 49)).transpose(1, 2).flatten(1)
    )


def no_forget_bias(network: OMCNN, patch: Patch) -> None:
    patch.setattr(two_c_lstm, "FORGET", 0.0)


def gates_in_keras_order(network: OMCNN, patch: Patch) -> None:
    patch.setattr(two_c_lstm, "GATES", ("1", "3", "2", "4"))


def dropout_factor_left_out(network: OMCNN, patch: Patch) -> None:
    patch.setattr(network, "keep", 1.0)


def state_not_handed_on(network: OMCNN, patch: Patch) -> None:
    recur = network.core.recur

    def each_alone(features: Tensor, state: Any, **more: Any) -> Any:
        found = [recur(frame, None, **more)[0] for frame in features.split(1, dim=1)]
        return torch.cat(found, dim=1), ()

    patch.setattr(network.core, "recur", each_alone)


def state_of_a_clip_before(network: OMCNN, patch: Patch) -> None:
    recur = network.core.recur

    def carried(features: Tensor, state: Any, **more: Any) -> Any:
        return recur(features, recur(features, None, **more)[1], **more)

    patch.setattr(network.core, "recur", carried)


def full_mask(network: OMCNN, patch: Patch) -> None:
    patch.setattr(om_cnn, "FLOOR", 1.0)


def centre_forgotten(network: OMCNN, patch: Patch) -> None:
    patch.setattr(network.core.objectness.centre, "data", torch.ones(28, 28))


def torchs_epsilon(network: OMCNN, patch: Patch) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            patch.setattr(module, "eps", 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        frame_after_for_five_later,
        align_corners,
        half_pixels,
        rows_before_channels,
        answers_before_cells,
        no_forget_bias,
        gates_in_keras_order,
        dropout_factor_left_out,
        state_not_handed_on,
        state_of_a_clip_before,
        full_mask,
        centre_forgotten,
        torchs_epsilon,
    ],
)
def test_a_known_error_shows(
    network: OMCNN, error: Callable[[OMCNN, Patch], None], monkeypatch: Patch
) -> None:
    error(network, monkeypatch)
    assert unlike(network) > 1e-3
