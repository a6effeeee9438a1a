"""The low-pass that most saliency maps end with."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def blurred(maps: Tensor, sigma: float) -> Tensor:
    """Blur [B, 1, H, W] by a Gaussian of ``sigma`` px, cut at 3 sigma; the edge is continued."""
    radius = math.ceil(3 * sigma)
    position = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    kernel = torch.exp(-0.5 * (position / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(maps, (radius, radius, radius, radius), mode="replicate")
    across = functional.conv2d(padded, kernel.view(1, 1, 1, -1))
    return functional.conv2d(across, kernel.view(1, 1, -1, 1))
