"""STRA-Net with stand-in weights gives what the authors' program gives; with known errors not."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from model.rivals.stra_net import DilatedResNet, STRANet, enlarged
from tests.model.rivals.goldens import golden, load_keras
from tests.model.rivals.test_stranet import PAPER

pytestmark = [pytest.mark.shared, pytest.mark.slow]

TOLERANCE = 2e-5
"""Of values in 0..1."""
SIDES = 2e-4
"""Of side maps, which stand-in weights drive far into both ends of the sigmoid."""
MASK = 1e-7
"""Of masks, which spread over 0.0018: a twenty-thousandth of it."""


@pytest.fixture(scope="module")
def released() -> STRANet:
    """The published network with stand-in weights, by the layout of the authors' file."""
    network = STRANet(**PAPER)
    load_keras(network, "stranet")
    return network.eval()


def given(network: STRANet) -> tuple[Tensor, Tensor]:
    """What the program saw: pictures [1, 2, 3, h, w] and fields [1, 2, 10, h, w]."""
    theirs = golden("stranet")
    pictures = torch.from_numpy(theirs["frames"]).permute(0, 3, 1, 2) / 255
    fields = torch.from_numpy(theirs["flow"]).float().permute(0, 3, 1, 2)
    return network.view(pictures)[None], fields[None]


@torch.no_grad()
def test_maps_are_those_of_the_authors_program(released: STRANet) -> None:
    theirs = {name: torch.from_numpy(array) for name, array in golden("stranet").items()}
    maps, sides, masks, _ = released.core(*given(released), None)
    close = torch.testing.assert_close
    whole = enlarged(maps[0])
    close(whole[:, 0, ::4, ::4], theirs["map"], atol=TOLERANCE, rtol=0)
    close(whole[0, 0], theirs["map_full0"], atol=TOLERANCE, rtol=0)
    for number, depth in enumerate((3, 4, 5)):
        side = enlarged(sides[0])[:, number, ::4, ::4]
        close(side, theirs[f"side{depth}"], atol=SIDES, rtol=0)
        close(masks[0, :, number], theirs[f"mask{depth}"], atol=MASK, rtol=0)
    # Half a pixel aside, as all later programs enlarge.
    later = nn.functional.interpolate(maps[0], scale_factor=8, mode="bilinear")
    assert (later[0, 0] - theirs["map_full0"]).abs().max() > 10 * TOLERANCE
    ends = nn.functional.interpolate(maps[0], (224, 224), mode="bilinear", align_corners=True)
    assert (ends[0, 0] - theirs["map_full0"]).abs().max() > 10 * TOLERANCE


def first_depth(network: STRANet) -> tuple[float, float]:
    """Largest differences of the first mask and side map from the program's first."""
    seen, fields = given(network)
    theirs = golden("stranet")
    motion = network.motion.first(fields[:, 0])
    _, side, mask = network.depth3(network.appearance.first(seen[:, 0]), [motion])
    of_mask = (mask[0, 0] - torch.from_numpy(theirs["mask3"][0])).abs().max()
    of_side = (enlarged(side)[0, 0, ::4, ::4] - torch.from_numpy(theirs["side3"][0])).abs().max()
    return of_mask.item(), of_side.item()


def trunks(network: STRANet) -> tuple[DilatedResNet, DilatedResNet]:
    return network.appearance, network.motion


def padded_start(network: STRANet) -> None:
    for trunk in trunks(network):
        trunk.conv1.padding = (3, 3)


def stride_of_torchvision(network: STRANet) -> None:
    for trunk in trunks(network):
        block = trunk.layer2[0]
        block.get_submodule("conv1").stride = (1, 1)  # type: ignore[assignment]
        block.get_submodule("conv2").stride = (2, 2)  # type: ignore[assignment]


def normalised_before_the_relu(network: STRANet) -> None:
    conv, relu, norm, *rest = network.depth3.attention
    network.depth3.attention = nn.Sequential(conv, norm, relu, *rest)


def softmax_of_logits(network: STRANet) -> None:
    network.depth3.attention = network.depth3.attention[:-1]


def epsilon_of_torch(network: STRANet) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5


def true_means(network: STRANet) -> None:
    network.view.mean = network.view.mean.flip(0)


def flow_not_reversed(network: STRANet) -> None:
    network.motion.conv1.weight = nn.Parameter(network.motion.conv1.weight.flip(1))


ERRORS = (
    *(padded_start, stride_of_torchvision, normalised_before_the_relu, softmax_of_logits),
    *(epsilon_of_torch, true_means, flow_not_reversed),
)


@torch.no_grad()
def test_the_first_depth_alone_is_the_authors_programs(released: STRANet) -> None:
    mask, side = first_depth(released)
    assert mask < MASK and side < TOLERANCE


@pytest.mark.parametrize("plant", ERRORS)
@torch.no_grad()
def test_known_errors_give_other_masks_and_maps(
    plant: Callable[[STRANet], None], released: STRANet
) -> None:
    network = deepcopy(released)
    plant(network)
    mask, side = first_depth(network)
    assert mask > 10 * MASK or side > 10 * TOLERANCE
