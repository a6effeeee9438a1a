"""Frozen statistics stay, and a folded network is the same function in the same layout."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.backbones import BACKBONES
from model.batch_norm import fold, freeze, set_momentum, unfold


def worn(name: str) -> nn.Module:
    """A trunk whose normalisations are as odd as trained ones."""
    torch.manual_seed(1)
    trunk = BACKBONES[name]()
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return trunk.double().eval()


@pytest.mark.parametrize("name", BACKBONES)
def test_folded_and_unfolded_are_the_same_function(name: str) -> None:
    trunk, image = worn(name), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    keys = list(trunk.state_dict())
    with torch.no_grad():
        expected = trunk(image)
        folded = fold(trunk)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in trunk.modules())
        without = trunk(image)
        unfold(folded)
        again = trunk(image)
    for level, one, other in zip(expected, without, again, strict=True):
        torch.testing.assert_close(one, level)
        torch.testing.assert_close(other, level)
    assert list(trunk.state_dict()) == keys


def test_what_a_folded_network_learns_is_kept() -> None:
    trunk, image = worn("resnet18"), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    folded = fold(trunk)
    optimiser = torch.optim.SGD(trunk.parameters(), lr=0.01)
    before = trunk(image).fourth
    before.square().mean().backward()
    optimiser.step()
    with torch.no_grad():
        learned = trunk(image).fourth
        unfold(folded)
        kept = trunk.eval()(image).fourth
    assert not torch.allclose(before, learned)
    torch.testing.assert_close(kept, learned)


def test_frozen_statistics_stay_and_the_rest_learns() -> None:
    trunk = worn("resnet18").train()
    freeze(trunk)
    before = trunk.bn1.running_mean.clone()
    trunk(torch.rand(2, 3, 64, 64, dtype=torch.float64)).fourth.sum().backward()
    assert torch.equal(trunk.bn1.running_mean, before)
    assert trunk.bn1.weight.grad.abs().sum() > 0
    trunk.train()
    trunk(torch.rand(2, 3, 64, 64, dtype=torch.float64))
    assert not torch.equal(trunk.bn1.running_mean, before)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1, bias=False)),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(), nn.BatchNorm2d(4)),
    ],
)
def test_what_cannot_be_folded_is_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="follows no convolution of its own"):
        fold(network)


def test_at_a_momentum_of_1_the_statistics_are_the_last_batchs() -> None:
    trunk, image = worn("resnet18").train(), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    set_momentum(trunk, 1.0)
    trunk(image)
    expected = trunk.conv1(image).mean((0, 2, 3))
    torch.testing.assert_close(trunk.bn1.running_mean, expected)
