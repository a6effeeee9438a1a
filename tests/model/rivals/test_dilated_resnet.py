"""STRA-Net's trunk: its grid, its strides and dilations, and the start from torchvision's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.backbones import IMAGENET_MEAN, ImageNetNormalise, torchvision_models
from model.rivals.parts.dilated_resnet import DilatedResNet, Normalisation
from model.rivals.parts.keras import letterbox

VIEW = letterbox((64, 64))


@pytest.fixture(scope="module")
def torchvisions() -> nn.Module:
    """A ResNet-50 of random weights, whose running values are not those of a new one."""
    torch.manual_seed(0)
    network: nn.Module = torchvision_models().resnet50(weights=None).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.2, 0.5)
    return network


def test_features_have_an_eighth_of_the_sides() -> None:
    trunk = DilatedResNet(inputs=3, width=1 / 16)
    first = trunk.first(torch.rand(1, 3, 64, 80))
    assert first.shape == (1, 32, 8, 10)
    assert trunk.layer4(trunk.layer3(first)).shape == (1, 128, 8, 10)
    assert trunk.channels == [16, 32, 64, 128]
    assert len(trunk.segments()) == 16


def test_stride_stands_in_the_first_convolution_and_dilation_in_each_block() -> None:
    trunk = DilatedResNet(inputs=3, width=1 / 16)
    strides, dilations = {}, {}
    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):
            strides[name], dilations[name] = module.stride[0], module.dilation[0]
    assert {name for name, stride in strides.items() if stride > 1} == {
        *("conv1", "layer2.0.conv1", "layer2.0.downsample.0"),
    }
    assert {name: dilation for name, dilation in dilations.items() if dilation > 1} == {
        **{f"layer3.{block}.conv2": 2 for block in range(6)},
        **{f"layer4.{block}.conv2": 4 for block in range(3)},
    }
    assert trunk.conv1.padding == (0, 0)


def test_a_normalisation_is_keras() -> None:
    norm = Normalisation(1).train()
    norm(torch.tensor([1.0, 3.0]).view(2, 1, 1, 1))
    assert norm.eps == 1e-3
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.02]))


@torch.no_grad()
def test_imagenets_weights_give_what_torchvision_computes(torchvisions: nn.Module) -> None:
    """Up to the stride that stands elsewhere."""
    trunk = DilatedResNet(inputs=3, width=1.0).eval()
    trunk.load_backbone(torchvisions.state_dict(), VIEW)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    # The mean's zeros around, with which torchvision pads.
    outside = torch.tensor(IMAGENET_MEAN).flip(0)[:, None, None] * 255 - VIEW.mean
    seen = pad(VIEW(picture) - outside, (3, 3, 3, 3)) + outside

    def before_the_stride(network: nn.Module, image: Tensor) -> Tensor:
        parts = ("conv1", "bn1", "relu", "maxpool", "layer1")
        for part in parts:
            image = network.get_submodule(part)(image)
        return image

    theirs = before_the_stride(torchvisions, ImageNetNormalise()(picture))
    mine = before_the_stride(trunk, seen)
    torch.testing.assert_close(mine / theirs.std(), theirs / theirs.std(), atol=1e-4, rtol=0)


@torch.no_grad()
def test_other_inputs_share_the_mean_of_the_colours(torchvisions: nn.Module) -> None:
    trunk = DilatedResNet(inputs=10, width=1.0)
    trunk.load_backbone(torchvisions.state_dict(), None)
    grey = torch.rand(1, 1, 20, 20)
    colours = torchvisions.get_submodule("conv1")(grey.expand(-1, 3, -1, -1))
    inputs = trunk.conv1(pad(grey, (3, 3, 3, 3)).expand(-1, 10, -1, -1))
    torch.testing.assert_close(inputs, colours)


def test_other_weights_are_refused(torchvisions: nn.Module) -> None:
    weights = torchvisions.state_dict()
    del weights["layer3.2.bn1.weight"]
    with pytest.raises(ValueError, match=r"1 missing \(layer3.2.bn1.weight"):
        DilatedResNet(inputs=3, width=1.0).load_backbone(weights, VIEW)
    with pytest.raises(ValueError, match="of another shape"):
        DilatedResNet(inputs=3, width=0.5).load_backbone(torchvisions.state_dict(), VIEW)
