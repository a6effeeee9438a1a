"""Predictions that do not look at the picture: the floor that a network has to beat."""

import hashlib
import math

import torch
from torch import Tensor, nn

from model.classical.resize import resized
from model.outputs import Maps


class CentreBias(nn.Module):
    """A Gaussian in the middle of the frame: people look at the centre, whatever is there.

    Args:
        sigma: Standard deviation, as a fraction of each side of the frame.
    """

    def __init__(self, *, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Return the same map, 1 at the centre, for every frame [B, 3, H, W]."""
        height, width = frame.shape[-2:]
        column = self.profile(height, frame)[:, None]
        row = self.profile(width, frame)[None, :]
        return Maps((column * row).expand(len(frame), 1, height, width))

    def profile(self, length: int, like: Tensor) -> Tensor:
        """Sample the Gaussian at the pixel centres of a side of ``length`` px."""
        position = torch.arange(length, dtype=like.dtype, device=like.device)
        offset = (position - (length - 1) / 2) / (self.sigma * length)
        return torch.exp(-0.5 * offset**2)


class MeanMap(nn.Module):
    """The mean of where people looked in training, for every frame; stage `fit` computes it."""

    density: Tensor

    def __init__(self, *, height: int, width: int) -> None:
        """Hold a map of ``height`` x ``width`` pixels."""
        super().__init__()
        # NaN marks a map that no fit has filled; it is refused instead of predicted.
        self.register_buffer("density", torch.full((1, 1, height, width), math.nan))

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Return the map, resized, for every frame [B, 3, H, W].

        Raises:
            ValueError: The map was never fitted.
        """
        if self.density.isnan().any():
            raise ValueError("MeanMap holds no map yet: fit it, or load the weights of a fit")
        return Maps(resized(self.density, frame.shape[-2:]).expand(len(frame), -1, -1, -1))


class Chance(nn.Module):
    """Independent uniform noise, seeded by the frame: the same frame always gets the same map."""

    # nn.Module's own constructor takes anything; this one's signature says that there are no keys.
    def __init__(self) -> None:
        super().__init__()

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Draw a map of values in [0, 1) for each frame [B, 3, H, W] in [0, 1]."""
        return Maps(torch.stack([noise(image) for image in frame]))


def noise(image: Tensor) -> Tensor:
    """Draw noise [1, H, W], seeded by a digest of the image's 8-bit values [3, H, W]."""
    pixels = (image.detach().float() * 255).round().to("cpu", torch.uint8).contiguous()
    digest = hashlib.blake2b(pixels.numpy().tobytes(), digest_size=8).digest()
    # A generator's seed is a signed 64-bit number, so the digest's last bit is dropped.
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
    drawn = torch.rand(1, *image.shape[-2:], generator=generator)
    return drawn.to(image.device, image.dtype)
