from __future__ import annotations

import pytest
import torch

from model.flow.loss import averaged, flow_loss


def test_loss_is_the_papers() -> None:
    truth = torch.zeros(2, 2, 64, 128)
    truth[0, 0] = 60  # 3 units
    truth[0, 1] = -80  # 4 units
    flows = [torch.zeros(2, 2, 64 // 2**level, 128 // 2**level) for level in range(6, 1, -1)]
    cells = [1 * 2, 2 * 4, 4 * 8, 8 * 16, 16 * 32]
    weights = [0.32, 0.08, 0.02, 0.01, 0.005]
    expected = sum(weight * 5 * n / 2 for weight, n in zip(weights, cells, strict=True))
    assert flow_loss(flows, truth).item() == pytest.approx(expected)
    assert flow_loss(flows[-1:], truth).item() == pytest.approx(0.005 * 5 * 512 / 2)


def test_perfect_flow_costs_nothing_and_has_a_gradient() -> None:
    truth = 20 * torch.randn(1, 2, 8, 12, generator=torch.Generator().manual_seed(2))
    flow = averaged(truth / 20, (2, 3)).requires_grad_()
    loss = flow_loss([flow], truth)
    loss.backward()
    assert loss.item() == 0
    assert flow.grad is not None
    assert flow.grad.isfinite().all()


def test_a_cell_of_the_truth_is_the_mean_of_its_pixels() -> None:
    truth = (100.0 * torch.arange(4)[:, None] + torch.arange(6) + 1).expand(1, 2, 4, 6)
    expected = [[(1 + 2 + 101 + 102) / 4 + 2 * i for i in range(3)]]
    assert averaged(truth, (2, 3))[0, 1, :1].tolist() == expected
    with pytest.raises(ValueError, match="no whole cells of a flow of 3x3"):
        averaged(truth, (3, 3))
    with pytest.raises(ValueError, match="1 to 5 flows, got 0"):
        flow_loss([], truth)
