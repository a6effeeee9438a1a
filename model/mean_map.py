"""The mean of where people looked in training, whatever the frame: what any network has to beat."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.classical.resize import resized
from model.outputs import Maps


class MeanMap(nn.Module):
    """One map for all frames; stage `fit` makes it.

    Args:
        height: Of the stored map, in pixels.
        width: Of the stored map, in pixels.
    """

    earlier: int = 0
    sees_motion: bool = False
    density: Tensor

    def __init__(self, *, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("density", torch.full((1, 1, height, width), math.nan))

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Give the map, resized, to every frame [B, 3, H, W].

        Raises:
            ValueError: It was never fitted.
        """
        if self.density.isnan().any():
            raise ValueError("MeanMap holds no map yet: fit it, or load the weights of a fit")
        size = (frame.shape[-2], frame.shape[-1])
        return Maps(resized(self.density, size).expand(len(frame), -1, -1, -1))
