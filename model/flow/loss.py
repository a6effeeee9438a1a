"""The multi-scale loss that PWC-Net is trained with (Sun et al., CVPR 2018, Sec. 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from model.flow.layers import FLOW_UNIT

LEVEL_WEIGHTS = (0.32, 0.08, 0.02, 0.01, 0.005)
"""Weights of the levels 6 to 2 in the loss (the paper's Sec. 4.1)."""


def flow_loss(flows: Sequence[Tensor], truth: Tensor) -> Tensor:
    """Return the paper's loss: end-point errors summed over pixels, and over levels with weights.

    It is a mean over images. The paper does not say how the truth is reduced to a level's size.
    Here a cell has the mean flow of its pixels, the value of least squared error. The truth stays
    in the input's pixels (over FLOW_UNIT) at every level, as published.

    Args:
        flows: Flows that PWCNet.forward returns, coarse to fine.
        truth: [B, 2, H, W], pixels of the input, right and down; sides are multiples of the flows'.

    Raises:
        ValueError: The truth does not divide into the cells of a flow, or there are too many flows.
    """
    if not 0 < len(flows) <= len(LEVEL_WEIGHTS):
        raise ValueError(f"expected 1 to {len(LEVEL_WEIGHTS)} flows, got {len(flows)}")
    total = truth.new_zeros(())
    for flow, weight in zip(flows, LEVEL_WEIGHTS[-len(flows) :], strict=True):
        error = flow - averaged(truth / FLOW_UNIT, flow.shape[-2:])
        distance = torch.linalg.vector_norm(error, dim=1)
        total = total + weight * distance.sum(dim=(1, 2)).mean()
    return total


def averaged(truth: Tensor, size: Sequence[int]) -> Tensor:
    """Average flow [B, 2, H, W] over the cells of a coarser grid of ``size`` (H, W).

    Raises:
        ValueError: A cell is not a whole number of pixels.
    """
    height, width = size
    if truth.shape[-2] % height or truth.shape[-1] % width:
        raise ValueError(
            f"a truth of {truth.shape[-1]}x{truth.shape[-2]} has no whole cells of a flow of"
            f" {width}x{height}"
        )
    cells = truth.reshape(len(truth), 2, height, -1, width, truth.shape[-1] // width)
    return cells.mean(dim=(3, 5))
