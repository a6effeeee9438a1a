"""How a network's authors show it a frame: its size, its colours, its scale; and the way back.

Stores hold frames of one size and never know of this. A network looks at its own view of them and
returns its map on their grid.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

Fit = Literal["stretch", "letterbox", "inside"]
"""To the size whatever the shape; within it, bars of `bar` around; within it, never enlarged."""
Filter = Literal["area", "bilinear", "antialiased", "lanczos"]


class View(nn.Module):
    """A picture of another size, its channels in another order, shifted and scaled.

    Args:
        size: Height and width that the network sees, pixels.
        fit: How a picture of another shape fits into it.
        resizing: `area` averages (OpenCV's INTER_AREA), `bilinear` samples (its INTER_LINEAR),
            `antialiased` is Pillow's bilinear filter, `lanczos` its filter of that name on levels
            of 8 bits.
        colour: Order of the channels that the network sees.
        gain: Factor of values in [0, 1].
        mean: Subtracted from each channel, in the order that the network sees.
        std: Divides each channel, in the same order.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        size: tuple[int, int],
        fit: Fit = "stretch",
        resizing: Filter = "bilinear",
        colour: Literal["rgb", "bgr"] = "rgb",
        gain: float = 1.0,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.size, self.fit, self.resizing = tuple(size), fit, resizing
        self.colour, self.gain = colour, gain
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, frame: Tensor) -> Tensor:
        """Return what the network sees of RGB frames [B, 3, H, W] in [0, 1]."""
        return self.normalised(self.framed(frame))

    def normalised(self, seen: Tensor) -> Tensor:
        """Return a picture [B, 3, h, w], RGB in [0, 1], in the network's colours and scale."""
        if self.colour == "bgr":
            seen = seen.flip(1)
        return (seen * self.gain - self.mean) / self.std

    def framed(self, picture: Tensor) -> Tensor:
        """Return a picture [B, C, H, W] in the network's size, bars of 0 around a letterbox."""
        height, width = self.size
        inner = self.inner((picture.shape[-2], picture.shape[-1]))
        seen = resized(picture, inner, self.resizing)
        if self.fit != "letterbox":
            return seen
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        return pad(seen, (left, width - inner[1] - left, top, height - inner[0] - top))

    def back(self, maps: Tensor, size: tuple[int, int]) -> Tensor:
        """Return maps [B, 1, h, w] of what the network saw on the grid of the frames, H x W.

        A letterbox's bars are cut off: a row or column that holds any part of the picture stays.
        """
        if self.fit == "letterbox":
            height, width = self.size
            inner = self.inner(size)
            rows = _share(maps.shape[-2], height, inner[0])
            columns = _share(maps.shape[-1], width, inner[1])
            maps = maps[..., rows, columns]
        return resized(maps, size, "bilinear")

    def inner(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the picture within what the network sees."""
        (height, width), (H, W) = self.size, size
        if self.fit == "stretch":
            return height, width
        if self.fit == "inside":  # rounded, as OpenCV does
            scale = min(1, height / H, width / W)
            return round(H * scale), round(W * scale)
        # The longer side fills the size; the other one is cut, not rounded, as the programs do.
        if H * width > W * height:
            return height, W * height // H
        return H * width // W, width


def _share(length: int, whole: int, inner: int) -> slice:
    """The cells of a map of so many that lie on the inner part of the whole."""
    first = (whole - inner) // 2
    return slice(first * length // whole, -(-(first + inner) * length // whole))


def resized(picture: Tensor, size: tuple[int, int], resizing: Filter) -> Tensor:
    """Return a picture [B, C, H, W] of another size; one of that size comes back as it is."""
    height, width = picture.shape[-2:]
    if (height, width) == size:
        return picture
    if resizing == "lanczos":
        # In float32 even where the network computes in bfloat16.
        with torch.autocast(picture.device.type, enabled=False):
            wide = _levels(picture @ _lanczos(width, size[1], picture).T)
            return _levels(_lanczos(height, size[0], picture) @ wide)
    if resizing == "area" and size[0] <= height and size[1] <= width:
        rows, columns = _overlaps(height, size[0], picture), _overlaps(width, size[1], picture)
        return rows @ picture @ columns.T
    return interpolate(picture, size, mode="bilinear", antialias=resizing == "antialiased")


def _overlaps(length: int, fewer: int, like: Tensor) -> Tensor:
    """Shares [fewer, length] of each pixel in each larger one; torch's `area` has whole pixels."""
    edges = torch.arange(fewer + 1, dtype=like.dtype, device=like.device) * (length / fewer)
    pixels = torch.arange(length, dtype=like.dtype, device=like.device)
    low, high = edges[:-1, None], edges[1:, None]
    shared = (torch.minimum(high, pixels + 1) - torch.maximum(low, pixels)).clamp_min(0)
    return shared / shared.sum(dim=1, keepdim=True)


LOBES = 3
"""Half the width of Lanczos's kernel, pixels of the coarser of both grids."""


def _lanczos(length: int, size: int, like: Tensor) -> Tensor:
    """Weights [size, length] of each pixel in each new one: a windowed sinc, cut at the border."""
    scale = length / size
    unit = max(scale, 1.0)  # of the coarser grid: shrinking averages, enlarging interpolates
    centres = (torch.arange(size, dtype=torch.float64) + 0.5) * scale
    away = (torch.arange(length, dtype=torch.float64) + 0.5 - centres[:, None]) / unit
    weights = torch.sinc(away) * torch.sinc(away / LOBES) * (away.abs() < LOBES)
    return (weights / weights.sum(dim=1, keepdim=True)).to(like)


def _levels(picture: Tensor) -> Tensor:
    """A picture in [0, 1] on its 256 levels, where Pillow leaves it after each of both axes."""
    return (255 * picture + 0.5).floor().clamp(0, 255) / 255
