"""Gaussian smoothing and dyadic pyramids of maps."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

Border = Literal["replicate", "zero"]
"""What lies beyond a map's border: its last pixels, or nothing."""
_BINOMIAL = (1 / 32, 5 / 32, 10 / 32, 10 / 32, 5 / 32, 1 / 32)
"""Taps of the pyramid's low-pass. Their number is even: a pixel of a level lies between the two
that it replaces, so that levels are aligned as `resize.resized` expects."""


def pyramid(maps: Tensor, levels: int) -> list[Tensor]:
    """Return the levels of a pyramid: [B, C, H, W] itself, then low-passed and halved repeatedly.

    Sides are rounded up, so that no level is empty.
    """
    found = [maps]
    while len(found) < levels:
        found.append(_separable(found[-1], maps.new_tensor(_BINOMIAL), (2, 3), stride=2))
    return found


def blurred(
    maps: Tensor, sigma: float, border: Border = "replicate", radius: int | None = None
) -> Tensor:
    """Smooth [B, C, H, W] by a Gaussian of ``sigma`` px, cut off at a radius or at three sigma."""
    # Beyond three sigma, a Gaussian has 0.3 % of its mass.
    radius = max(1, math.ceil(3 * sigma)) if radius is None else radius
    offset = torch.arange(-radius, radius + 1, dtype=maps.dtype, device=maps.device)
    taps = torch.exp(-0.5 * (offset / sigma) ** 2)
    return _separable(maps, taps / taps.sum(), (radius, radius), stride=1, border=border)


def _separable(
    maps: Tensor,
    taps: Tensor,
    margin: tuple[int, int],
    stride: int,
    border: Border = "replicate",
) -> Tensor:
    """Filter rows and columns of [B, C, H, W] by the same taps."""
    mode = "constant" if border == "zero" else border
    planes = pad(maps.flatten(0, 1)[:, None], (*margin, *margin), mode=mode)
    planes = conv2d(planes, taps[None, None, None, :], stride=(1, stride))
    planes = conv2d(planes, taps[None, None, :, None], stride=(stride, 1))
    return planes.reshape(*maps.shape[:2], *planes.shape[-2:])
