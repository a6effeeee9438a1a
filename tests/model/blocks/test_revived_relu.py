"""ReLU forward; backward a zero hears those who want more of it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import relu

from model.blocks.revived_relu import revived_relu
from model.losses import saliency_loss


def test_the_function_is_relu() -> None:
    values = torch.randn(3, 1, 8, 8)
    assert torch.equal(revived_relu(values), relu(values))
    assert revived_relu(values.bfloat16()).dtype == torch.bfloat16


def test_zeros_learn_to_grow_and_not_to_shrink() -> None:
    values = torch.tensor([[-1.0, -1.0, 0.0, 2.0, 2.0]], requires_grad=True)
    revived_relu(values).backward(torch.tensor([[-3.0, 3.0, -1.0, -5.0, 5.0]]))
    assert values.grad.tolist() == [[-3, 0, -1, -5, 5]]


def test_zeros_are_not_heard_above_the_living() -> None:
    values = torch.tensor([[-1.0, 2.0], [-1.0, -1.0]], requires_grad=True)
    revived_relu(values).backward(torch.tensor([[-1e14, 3.0], [-1e14, -0.1]]))
    torch.testing.assert_close(values.grad, torch.tensor([[-3.0, 3.0], [-0.5, -0.1]]))


def test_a_dead_map_comes_back() -> None:
    """With plain ReLU nothing would ever change."""
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 1, 3, padding=1)
    nn.init.constant_(layer.bias, -5)
    given, density = torch.rand(2, 2, 16, 16), torch.rand(2, 1, 16, 16)
    fixated = density > 0.98
    optimiser = torch.optim.Adam(layer.parameters(), 0.05)

    def step() -> tuple[float, float]:
        maps = revived_relu(layer(given))
        terms = saliency_loss(maps, density, fixated, alpha=1.0, beta=0.1, eps=1e-7)
        optimiser.zero_grad()
        terms.total.backward()
        optimiser.step()
        return float(terms.kl.detach()), float((maps == 0).float().mean())

    first, dead = step()
    assert dead == 1
    for _ in range(300):
        last, dead = step()
    assert dead < 0.01
    assert last < 0.6 < 5 < first
