"""A model of saliency-based visual attention for rapid scene analysis.

Itti, Koch & Niebur, PAMI 20(11), 1998. Intensity, colour opponency and orientation are compared
across scales of a pyramid; maps with one strong peak are promoted, and the three conspicuity maps
averaged. The saliency map itself is given, without the winner-take-all network behind it.

What differs, or is ours because the paper is silent:

- Colour: Eqs. (2) and (3) print the surround with its opponents exchanged, R(c) - G(c) against
  G(s) - R(s). The difference of the two is then twice the colour where all is of one colour, and
  zero where a green thing lies on red, the reverse of the double opponency that the text describes.
  The difference of R - G at the centre and R - G in the surround is taken, and so of B - Y. Its
  amount counts, so that one green among many reds of the same strength does not stand out; one that
  is blue or yellow does.
- N(.) finds local maxima among the eight neighbours, above a tenth of the global one. A plateau
  counts once.
- Differences fade towards the border of the picture, as in the program that the authors' group
  distributes, not in the paper: a bar at the edge of a film would else be all that is seen.
- A feature map with a range below 1/10,000 is empty: what rounding leaves of an even frame.
- The filters of the pyramid and of the orientations (`gaussian`, `gabor`).
- The paper's frames have 640x480 pixels, of which nine levels can be made. Frames are brought to
  that size first, small ones are enlarged; levels of less than a pixel are one pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.classical.colour import intensity, opponents
from model.classical.gabor import filters, orientations
from model.classical.gaussian import pyramid
from model.classical.resize import resized, to_longer_side
from model.outputs import Maps

EMPTY = 1e-4
"""Range below which a map holds nothing."""
LOWEST_PEAK = 0.1
"""Share of the global maximum that a local one has to exceed."""


class Itti(nn.Module):
    """The mean of the conspicuity maps of intensity, colour and orientation."""

    earlier: int = 0
    sees_motion: bool = False

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
        """Take the numbers of the paper, and those of the filters.

        Args:
            longer_side: Pixels of the working resolution; the paper's is 640.
            centres: Levels c; the last one is that of the map.
            deltas: s - c.
            dark: Share of the maximum of I below which there is no hue.
            wavelength: Of the orientation filters, pixels of a level.
            sigma: Of the orientation filters, pixels of a level.
            border: Width of the border where differences fade, as a share of the longer side.
        """
        super().__init__()
        self.longer_side, self.dark, self.border = longer_side, dark, border
        self.centres, self.deltas = tuple(centres), tuple(deltas)
        self.register_buffer("gabor", filters(wavelength, sigma), persistent=False)
        self.gabor: Tensor

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Map frames [B, 3, H, W] in [0, 1]."""
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
        return Maps(resized(saliency, (frame.shape[2], frame.shape[3])))

    def summed(self, levels: Sequence[Tensor]) -> Tensor:
        """Promote all centre-surround maps and add them up at the last centre's scale.

        Takes [B, C, H_l, W_l] per level to [B, C, H_c, W_c], Eqs. (1) to (7).
        """
        last = levels[self.centres[-1]]
        size = (last.shape[2], last.shape[3])
        total = torch.zeros_like(last)
        for c in self.centres:
            centre = levels[c]
            for delta in self.deltas:
                around = resized(levels[c + delta], (centre.shape[2], centre.shape[3]))
                difference = faded((centre - around).abs(), self.border)
                total = total + resized(promoted(difference), size)
        return total


def faded(maps: Tensor, border: float) -> Tensor:
    """Weaken [B, C, H, W] linearly in a border, to nothing beyond the edge.

    Args:
        maps: Any.
        border: Its width as a share of the longer side.
    """
    height, width = maps.shape[-2:]
    reach = round(border * max(height, width)) + 1
    down, across = (ramp(length, reach, maps) for length in (height, width))
    return maps * down[:, None] * across


def ramp(length: int, reach: int, like: Tensor) -> Tensor:
    """From 1/reach at both ends of a side to 1."""
    place = torch.arange(1, length + 1, dtype=like.dtype, device=like.device)
    return (torch.minimum(place, length + 1 - place) / reach).clamp(max=1)


def promoted(maps: Tensor) -> Tensor:
    """N(.), Sec. 2.2, of each map of [B, C, H, W]: 0 to 1 times (1 - m)^2.

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
    """Where [B, C, H, W] is above its eight neighbours; of equal ones the last row by row."""
    height, width = maps.shape[-2:]
    framed = pad(maps, (1, 1, 1, 1), value=-torch.inf)
    found = torch.ones_like(maps, dtype=torch.bool)
    for place in range(9):
        y, x = divmod(place, 3)
        neighbour = framed[..., y : y + height, x : x + width]
        if place < 4:
            found &= maps >= neighbour
        elif place > 4:
            found &= maps > neighbour
    return found
