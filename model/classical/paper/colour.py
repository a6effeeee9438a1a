"""Intensity and colour opponency (Itti, Koch & Niebur, PAMI 1998, Sec. 2.1)."""

import torch
from torch import Tensor

_TINY = 1e-12
"""Keeps the division by I finite; pixels that dark have no hue anyway."""


def intensity(frame: Tensor) -> Tensor:
    """Return I = (r + g + b)/3, [B, 1, H, W], of frames [B, 3, H, W]."""
    return frame.mean(dim=1, keepdim=True)


def opponents(frame: Tensor, dark: float) -> Tensor:
    """Return R - G and B - Y, [B, 2, H, W], of frames [B, 3, H, W].

    Each channel is divided by I, to decouple hue from intensity, but is zero where I is not larger
    than the share ``dark`` of its maximum over the frame. Negative values of R, G, B and Y are set
    to zero, as the paper has it.
    """
    light = intensity(frame)
    bright = light > dark * light.amax(dim=(2, 3), keepdim=True)
    hue = torch.where(bright, frame / light.clamp(min=_TINY), 0)
    red, green, blue, yellow = tuned(hue).clamp(min=0).unbind(1)
    return torch.stack([red - green, blue - yellow], dim=1)


def tuned(frame: Tensor) -> Tensor:
    """Return the broadly tuned R, G, B and Y, [B, 4, H, W], of frames [B, 3, H, W]."""
    r, g, b = frame.unbind(1)
    yellow = (r + g) / 2 - (r - g).abs() / 2 - b
    return torch.stack([r - (g + b) / 2, g - (r + b) / 2, b - (r + g) / 2, yellow], dim=1)
