"""Orientation energy at 0, 45, 90 and 135 degrees by Gabor filters.

Itti, Koch & Niebur (PAMI 1998, Sec. 2.1) take it from oriented Gabor pyramids and do not state the
filters' numbers, which are arguments here. Our filters are pairs in quadrature without a mean, so
that uniform light has no energy, and their amplitude is used, so that bars and edges count alike.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

ANGLES = (0.0, 45.0, 90.0, 135.0)
"""Degrees of the lines that a filter answers to, counter-clockwise from the x axis."""


def filters(wavelength: float, sigma: float) -> Tensor:
    """Return an even and an odd filter per angle, [8, 1, side, side].

    The wavelength is in pixels, and so is sigma, that of the round Gaussian window.
    """
    # Beyond two and a half sigma, the window is below 5 % of its peak.
    radius = math.ceil(2.5 * sigma)
    offset = torch.arange(-radius, radius + 1, dtype=torch.float32)
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
    window = window / window.sum()
    found = []
    for angle in map(math.radians, ANGLES):
        across = (x * math.sin(angle) + y * math.cos(angle)) * (2 * math.pi / wavelength)
        even = window * across.cos()
        found += [even - window * even.sum(), window * across.sin()]
    return torch.stack(found)[:, None]


def orientations(light: Tensor, gabor: Tensor) -> Tensor:
    """Return the amplitude per angle, [B, 4, H, W], of intensity [B, 1, H, W] under `filters`."""
    radius = gabor.shape[-1] // 2
    answers = conv2d(pad(light, (radius,) * 4, mode="replicate"), gabor)
    even, odd = answers[:, 0::2], answers[:, 1::2]
    return torch.hypot(even, odd)
