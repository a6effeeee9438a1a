"""ACLNet: its size, its view and its loss, whole clips and streams, and the authors' program."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import log
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid, max_pool2d, pad

from model.classical.gaussian import blurred
from model.rivals.aclnet import ACLNet, AttentiveMaps
from model.rivals.parts import recurrent, vgg
from model.rivals.parts.keras_loss import targets
from model.sight import see
from tests.model.rivals.goldens import golden, load_keras
from tests.model.rivals.steps import losses_of

PAPER: dict[str, Any] = {
    "backbone": "vgg16",
    "size": (256, 320),
    "width": 1.0,
    "dropout": 0.4,
    "blur": 7.0,
}
SMALL = PAPER | {"size": (64, 96), "width": 1 / 16, "blur": 0.0}
KEYS = ("map32x40", "attention8x10")
TOLERANCE = 2e-5
"""Of values in 0..1."""


def small(**changes: Any) -> ACLNet:
    torch.manual_seed(0)
    return ACLNet(**(SMALL | changes)).eval()


def clip(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.rand(batch, frames, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def test_parameters_are_those_of_the_released_file() -> None:
    with torch.device("meta"):
        network = ACLNet(**PAPER)
    assert sum(parameter.numel() for parameter in network.parameters()) == 21_982_786


def test_maps_stand_on_the_frames_grid_and_what_the_loss_needs_beside_them() -> None:
    network, frames = small(), clip()
    maps, state = see(network, frames, None)
    assert isinstance(maps, AttentiveMaps)
    assert maps.saliency.shape == (2, 4, 1, 48, 64)
    assert maps.own.shape == (2, 4, 1, 32, 48)
    assert maps.attention.shape == (2, 4, 1, 16, 24)
    assert state is not None and [part.shape for part in state] == [(2, 16, 8, 12)] * 2
    assert all(part.min() >= 0 and part.max() <= 1 for part in maps)


def test_a_stream_is_the_whole_clip_and_the_state_matters() -> None:
    network, frames = small(), clip()
    whole, last = see(network, frames, None)
    first, state = see(network, frames[:, :3], None)
    second, state = see(network, frames[:, 3:], None, state)
    torch.testing.assert_close(torch.cat((first.saliency, second.saliency), 1), whole.saliency)
    torch.testing.assert_close(state, last)
    alone, _ = see(network, frames[:, 3:], None)
    assert (alone.saliency - second.saliency).abs().max() > 1e-4


def test_predictions_are_blurred_and_trainings_are_not() -> None:
    sharp, soft, frames = small(), small(blur=1.5), clip()
    own, _ = see(sharp, frames, None)
    found, _ = see(soft, frames, None)
    expected = blurred(own.saliency.flatten(0, 1), 1.5)
    torch.testing.assert_close(found.saliency.flatten(0, 1), expected)
    torch.testing.assert_close(found.own, own.own)
    for network in (sharp, soft):
        network.memory.dropout = 0
        network.train()
    left, right = see(sharp, frames, None)[0], see(soft, frames, None)[0]
    torch.testing.assert_close(left.saliency, right.saliency)


def test_frames_do_not_see_those_after_them_nor_other_clips() -> None:
    network, frames = small(), clip()
    whole, _ = see(network, frames, None)
    part, _ = see(network, frames[1:, :2], None)
    torch.testing.assert_close(part.saliency, whole.saliency[1:, :2])


def test_view_swaps_the_means_and_subtracts_them_from_the_bars() -> None:
    frame = torch.zeros(1, 3, 48, 64)
    frame[:, 0], frame[:, 1], frame[:, 2] = 1, 0.5, 0.25
    seen = small().view(frame)[0]
    # 48x64 stands as 64x85 in 64x96, five columns of black before it.
    expected = [63.75 - 123.68, 127.5 - 116.779, 255 - 103.939]
    torch.testing.assert_close(seen[:, 30, 40], torch.tensor(expected))
    torch.testing.assert_close(seen[:, 30, 4], torch.tensor([-123.68, -116.779, -103.939]))
    assert seen[0, 30, 5] > -100


def test_gate_repeats_the_attention_and_adds_to_the_features() -> None:
    """With an attention of 1 the memory sees features of twice the size."""
    network, seen = small(), torch.rand(1, 1, 3, 64, 96)
    remembered: list[Tensor] = []
    network.memory.register_forward_pre_hook(lambda _, given: remembered.append(given[0]))
    for bias in (-1e3, 1e3):
        nn.init.constant_(network.attention.get_parameter("out.bias"), bias)
        network.core(seen, None)
    torch.testing.assert_close(remembered[1], 2 * remembered[0])


def test_loss_is_ten_kl_less_two_cc_less_nss_of_map_and_attention() -> None:
    density, fixated = torch.zeros(2, 1, 1, 64, 96)
    density[..., :48], fixated[..., 40, 20] = 1, 1
    of_map, of_attention = (targets(density, fixated, size)[0] for size in ((32, 48), (16, 24)))
    loss = small().authors_loss
    # A flat map: KL is log 2, that of a half from the whole, but for its blurred edge; the rest 0.
    flat = AttentiveMaps(density, torch.ones_like(of_map), torch.ones_like(of_attention))
    assert loss(flat, density, fixated).item() == pytest.approx(10 * log(2) * 2, rel=0.05)
    # The target itself: KL 0, CC 1, and the fixation one standard deviation above the mean.
    own = AttentiveMaps(density, of_map, of_attention)
    assert loss(own, density, fixated).item() == pytest.approx((-2 - 1) * 2, rel=0.02)
    assert loss(own, 0 * density, 0 * fixated).item() == 0


def test_training_lowers_the_loss_and_reaches_every_parameter() -> None:
    losses = losses_of(small(), clip(2, 2), None, steps=8)
    assert losses[-1] < losses[0]


def test_sides_are_multiples_of_the_stride() -> None:
    with pytest.raises(ValueError, match=r"size: expected multiples of 32, got \[60, 96\]"):
        small(size=(60, 96))


def test_released_names_every_tensor_once() -> None:
    network = small()
    released = network.released()
    assert set(released.tensors) == set(network.state_dict())
    assert len({source.name for source in released.tensors.values()}) == 41


# The authors' program, run with stand-in weights


@pytest.fixture(scope="module")
def released() -> ACLNet:
    """The published network with stand-in weights, by the layout of the authors' file."""
    network = ACLNet(**PAPER)
    load_keras(network, "aclnet")
    return network.eval()


def difference(network: ACLNet, runs: list[int]) -> float:
    """Largest difference of map and attention from the program's, for its first frames."""
    theirs = golden("aclnet")
    picture = torch.from_numpy(theirs["frames"]).permute(0, 3, 1, 2) / 255
    state, found = None, []
    for run in network.view(picture)[None, : sum(runs)].split(runs, dim=1):
        maps, attention, state = network.core(run, state)
        found.append((maps[0, :, 0], attention[0, :, 0]))
    differences = [
        (torch.cat(mine) - torch.from_numpy(theirs[name][: sum(runs)])).abs().max().item()
        for mine, name in zip(zip(*found, strict=True), KEYS, strict=True)
    ]
    return max(differences)


def padded_left(monkeypatch: pytest.MonkeyPatch, _: ACLNet) -> None:
    def pool(_: vgg.SamePool, features: Tensor) -> Tensor:
        return max_pool2d(pad(features, (1, 0, 1, 0), value=-torch.inf), 2, stride=1)

    monkeypatch.setattr(vgg.SamePool, "forward", pool)


def pooled_by_stride_2(_: pytest.MonkeyPatch, network: ACLNet) -> None:
    pool = nn.Sequential(nn.MaxPool2d(2), nn.Upsample(scale_factor=2))
    network.trunk.get_submodule("block4").register_module("pool", pool)


def true_means(_: pytest.MonkeyPatch, network: ACLNet) -> None:
    network.view.mean = network.view.mean.flip(0)


def rgb(_: pytest.MonkeyPatch, network: ACLNet) -> None:
    network.view.colour = "rgb"


def torchs_sigmoid(monkeypatch: pytest.MonkeyPatch, _: ACLNet) -> None:
    monkeypatch.setattr(recurrent, "hard_sigmoid", torch.sigmoid)


def torchs_hard_sigmoid(monkeypatch: pytest.MonkeyPatch, _: ACLNet) -> None:
    monkeypatch.setattr(recurrent, "hard_sigmoid", hardsigmoid)


def torchs_order(_: pytest.MonkeyPatch, network: ACLNet) -> None:
    """Gates i, f, o, c."""
    for conv in (network.memory.input, network.memory.recurrent):
        i, f, c, o = conv.weight.chunk(4)
        conv.weight = nn.Parameter(torch.cat((i, f, o, c)))


ERRORS = (
    *(padded_left, pooled_by_stride_2, true_means, rgb),
    *(torchs_sigmoid, torchs_hard_sigmoid, torchs_order),
)


@pytest.mark.shared
@pytest.mark.slow
@torch.no_grad()
def test_maps_are_those_of_the_authors_program(released: ACLNet) -> None:
    assert difference(released, [3, 2]) < TOLERANCE


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("plant", ERRORS)
@torch.no_grad()
def test_known_errors_give_other_maps(
    plant: Callable[[pytest.MonkeyPatch, ACLNet], None],
    released: ACLNet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = deepcopy(released)
    plant(monkeypatch, network)
    assert difference(network, [1]) > 10 * TOLERANCE
