"""Image functions as MATLAB has them, in which the authors' programs of classical models are run.

`imresize` shrinks with a widened kernel and mirrors the border, `imfilter` of an even number of
taps has its centre one pixel before the middle and zeros beyond the border. Both follow MATLAB's
documentation; maps of the programs, run under Octave with the same functions, agree to four digits
of CC (tests/model/classical).
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

Kernel = Literal["cubic", "triangle"]
"""`cubic`: MATLAB's bicubic; `triangle`: bilinear."""
_WIDTH = {"cubic": 4, "triangle": 2}
"""Pixels that a kernel reaches over."""
_GREY = (0.2989, 0.5870, 0.1140)
"""Weights of r, g and b in rgb2gray: luma of ITU-R BT.601."""


def _kept(maxsize: int) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Keep the tensors of a function, which have values whatever the device of the surroundings.

    Networks are also built on `meta`, where only shapes are computed.
    """

    def keep(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @lru_cache(maxsize=maxsize)
        @wraps(function)
        def computed(*given: Any) -> Tensor:
            with torch.device("cpu"):
                return function(*given)

        return computed

    return keep


def imresize(maps: Tensor, size: Sequence[int], kernel: Kernel = "cubic") -> Tensor:
    """Resize [B, C, H, W] to a height and width in px."""
    height, width = maps.shape[-2:]
    return imresize_by(maps, size, (size[0] / height, size[1] / width), kernel)


def imresize_by(
    maps: Tensor, size: Sequence[int], scale: tuple[float, float], kernel: Kernel = "cubic"
) -> Tensor:
    """Resize [B, C, H, W] to a height and width by factors that need not fit them exactly."""
    height, width = maps.shape[-2:]
    if (height, width) == tuple(size):
        return maps
    down = _weights(height, size[0], scale[0], kernel).to(maps)
    across = _weights(width, size[1], scale[1], kernel).to(maps)
    return down @ (maps @ across.T)


@_kept(64)
def _weights(length: int, out: int, scale: float, kernel: Kernel) -> Tensor:
    """Return the weights [out, length] of all pixels in each pixel of a resized row."""
    shrink = min(scale, 1.0)
    reach = _WIDTH[kernel] / shrink
    centre = (torch.arange(out, dtype=torch.float64) + 0.5) / scale - 0.5
    first = torch.floor(centre - reach / 2)
    taps = first[:, None] + torch.arange(math.ceil(reach) + 2, dtype=torch.float64)
    weight = _kernel(shrink * (centre[:, None] - taps), kernel)
    weight = weight / weight.sum(dim=1, keepdim=True)
    # Mirrored: the pixel before the first is the first, the one before that the second.
    at = torch.remainder(taps.long(), 2 * length)
    at = torch.where(at < length, at, 2 * length - 1 - at)
    found = torch.zeros(out, length, dtype=torch.float64).scatter_add_(1, at, weight)
    return found.float()


def _kernel(x: Tensor, kernel: Kernel) -> Tensor:
    """Return a kernel at distances in px: Keys' cubic with a = -1/2, or a triangle."""
    x = x.abs()
    if kernel == "triangle":
        return (1 - x).clamp(min=0)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0.0))


def rgb2gray(frame: Tensor) -> Tensor:
    """Return the luma [B, 1, H, W] of frames [B, 3, H, W]."""
    weights = frame.new_tensor(_GREY)
    return (frame * weights[:, None, None]).sum(dim=1, keepdim=True)


def mat2gray(maps: Tensor, empty: float = 0.0) -> Tensor:
    """Scale each map of [B, C, H, W] to 0..1; those with a range of ``empty`` or less become 0."""
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    span = (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
    return torch.where(high - low > empty, (maps - low) / span, 0.0)


def imfilter(maps: Tensor, taps: Tensor) -> Tensor:
    """Correlate [B, 1, H, W] with taps [h, w], zeros beyond the border."""
    height, width = taps.shape
    sides = ((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)
    return conv2d(pad(maps, sides), taps[None, None])


@_kept(8)
def gaussian(side: int, sigma: float) -> Tensor:
    """Return fspecial's Gaussian, [side, side], which sums to 1."""
    offset = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    line = torch.exp(-(offset**2) / (2 * sigma**2))
    taps = line[:, None] * line
    return (taps / taps.sum()).float()


@_kept(8)
def disk(radius: int) -> Tensor:
    """Return fspecial's disk, [2 * radius + 1] squared: each pixel's share of a circle's area."""
    # The share is that of points within the circle, 256 x 256 of each pixel: exact to 1/1,000.
    points = (torch.arange(256 * (2 * radius + 1), dtype=torch.float64) + 0.5) / 256 - radius - 0.5
    inside = (points[:, None] ** 2 + points**2 <= radius**2).double()
    side = 2 * radius + 1
    share = inside.reshape(side, 256, side, 256).sum(dim=(1, 3))
    return (share / share.sum()).float()
