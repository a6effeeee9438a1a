"""A model of saliency-based visual attention for rapid scene analysis.

Itti, Koch & Niebur, PAMI 20(11), 1998. Intensity, colour opponency and orientation are compared
across scales of a pyramid; maps with one strong peak are promoted, and the three conspicuity maps
averaged. The result is the saliency map, without the winner-take-all network after it.

What differs from the paper, or is our choice where it is silent:

- Colour: Eqs. (2) and (3) print the surround with its opponents exchanged, R(c) - G(c) against
  G(s) - R(s). Their difference is then twice the colour where all is of one colour, and zero where
  a green thing lies on red, the reverse of the double opponency that the text describes. Here it is
  the difference of R - G at the centre and R - G in the surround, and likewise of B - Y. Its
  absolute value counts, so that one green among many reds of the same strength does not stand out;
  one that is blue or yellow does.
- N(.) finds local maxima among the eight neighbours, above a tenth of the global one. A plateau
  counts once.
- Differences fade towards the border of the picture, as in the program that the authors' group
  distributes, not in the paper: otherwise a bar at the edge of a film would outweigh all else.
- A feature map with a range below 1/10,000 is empty; rounding errors leave less of a uniform frame.
- The filters of the pyramid and of the orientations (`gaussian`, `gabor`).
- The paper's frames have 640x480 pixels, enough for nine levels. Frames are first resized to that,
  small ones enlarged; levels of less than a pixel are one pixel.
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.classical.gaussian import pyramid
from model.classical.paper.colour import intensity, opponents
from model.classical.paper.gabor import filters, orientations
from model.classical.resize import resized, to_longer_side
from model.outputs import Maps

EMPTY = 1e-4
"""Range below which a map is empty; our choice."""
LOWEST_PEAK = 0.1
"""Share of the global maximum that a local maximum has to exceed; our choice."""


class Itti(nn.Module):
    """Averages the conspicuity maps of intensity, colour and orientation."""

    gabor: Tensor

    def __init__(
        self,
        *,
        longer_side: int,
        centres: Sequence[int],
        deltas: Sequence[int],
        dark: float,
        wavelength: float,
        sigma: float,
        border: float,
    ) -> None:
        """Set the numbers of the paper and of the filters.

        Args:
            longer_side: Pixels of the working resolution; the paper's is 640.
            centres: Centre levels c; the last one is the map's level.
            deltas: Levels s - c from centre to surround.
            dark: Share of the maximum of I below which there is no hue; the paper's is 1/10.
            wavelength: Wavelength of the orientation filters, pixels of a level.
            sigma: Standard deviation of the orientation filters, pixels of a level.
            border: Width of the border where differences fade, as a share of the longer side.
        """
        super().__init__()
        self.longer_side, self.dark, self.border = longer_side, dark, border
        self.centres, self.deltas = tuple(centres), tuple(deltas)
        self.register_buffer("gabor", filters(wavelength, sigma), persistent=False)

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict the saliency of frames [B, 3, H, W] in [0, 1]."""
        working = to_longer_side(frame, self.longer_side)
        levels = max(self.centres) + max(self.deltas) + 1
        light = pyramid(intensity(working), levels)
        hues = pyramid(opponents(working, self.dark), levels)
        lines = [
            orientations(level, self.gabor) if i >= min(self.centres) else level
            for i, level in enumerate(light)
        ]
        bright, colour = self.summed(light), self.summed(hues).sum(dim=1, keepdim=True)
        oriented = promoted(self.summed(lines)).sum(dim=1, keepdim=True)
        saliency = (promoted(bright) + promoted(colour) + promoted(oriented)) / 3
        return Maps(resized(saliency, frame.shape[-2:]))

    def summed(self, levels: Sequence[Tensor]) -> Tensor:
        """Promote all centre-surround maps and add them up at the last centre's scale.

        From [B, C, H_l, W_l] per level l to [B, C, H_c, W_c], Eq. (1)-(7).
        """
        total = torch.zeros_like(levels[self.centres[-1]])
        for c, delta in product(self.centres, self.deltas):
            around = resized(levels[c + delta], levels[c].shape[-2:])
            difference = faded((levels[c] - around).abs(), self.border)
            total = total + resized(promoted(difference), total.shape[-2:])
        return total


def faded(maps: Tensor, border: float) -> Tensor:
    """Weaken maps [B, C, H, W] linearly in a border, to nothing beyond the edge.

    The width of the border is a share of the longer side.
    """
    height, width = maps.shape[-2:]
    reach = round(border * max(height, width)) + 1
    down, across = (ramp(length, reach, maps) for length in (height, width))
    return maps * down[:, None] * across


def ramp(length: int, reach: int, like: Tensor) -> Tensor:
    """Return weights [length] that rise from 1/reach at both ends to 1."""
    position = torch.arange(1, length + 1, dtype=like.dtype, device=like.device)
    return (torch.minimum(position, length + 1 - position) / reach).clamp(max=1)


def promoted(maps: Tensor) -> Tensor:
    """Return N(.) of each map of [B, C, H, W] (Sec. 2.2): scaled to 0..1, times (1 - m)^2.

    m is the mean of the local maxima other than the global one: many equal peaks leave nothing.
    """
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    scaled = (maps - low) / (high - low).clamp(min=EMPTY)
    peaks = is_peak(scaled) & (scaled > LOWEST_PEAK)
    others = (peaks.sum(dim=(2, 3), keepdim=True) - 1).clamp(min=0)
    total = (scaled * peaks).sum(dim=(2, 3), keepdim=True) - 1
    mean = torch.where(others > 0, total / others.clamp(min=1), 0)
    return torch.where(high - low < EMPTY, 0, scaled * (1 - mean) ** 2)


def is_peak(maps: Tensor) -> Tensor:
    """Return where [B, C, H, W] exceeds its eight neighbours; of equals the last, row by row."""
    height, width = maps.shape[-2:]
    framed = pad(maps, (1, 1, 1, 1), value=-torch.inf)
    found = torch.ones_like(maps, dtype=torch.bool)
    for index in range(9):
        y, x = divmod(index, 3)
        neighbour = framed[..., y : y + height, x : x + width]
        # 4 is the pixel itself; the signs before and after it break ties.
        if index < 4:
            found &= maps >= neighbour
        elif index > 4:
            found &= maps > neighbour
    return found
