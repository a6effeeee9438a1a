"""To the resolution that a model works at, and back."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize [B, C, H, W] to ``size`` (height, width), bilinearly, low-passed where it shrinks."""
    return functional.interpolate(
        images, size=size, mode="bilinear", align_corners=False, antialias=True
    )
