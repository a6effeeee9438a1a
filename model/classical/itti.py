"""The model of Itti, Koch & Niebur (PAMI 20(11), 1998), as J. Harel's program `ittikochmap`.

It is what comparisons with "Itti" mostly ran: part of the program of GBVS, not Itti's own. Features
are those of `harel`: colour, intensity and orientation. Levels are compared with coarser ones, maps
with one strong peak are promoted, and the promoted sums of the channels added.

The program differs from the paper, which `model.classical.paper.itti` follows: the surround is two
levels coarser only, differences are squared, N(.) is applied to the sum of a channel once more, and
the result is smoothed. The maps are those of the program (docs/models.md).
"""

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn

from model.classical import harel
from model.classical.gaussian import blurred
from model.classical.matlab import imresize, mat2gray
from model.classical.resize import longer_size
from model.outputs import Maps

CHANNELS = "CIO"
"""Channels of `harel`."""
SHRINK = 8
"""Pixels of a frame for one of the map."""
BORDER = 4
"""Pixels of the map in which it fades at the border."""
LOWEST_PEAK = 0.1
"""Share of the global maximum that a local maximum has to reach."""
EMPTY = 1e-10
"""Range below which a map of squares is empty."""


class Itti(nn.Module):
    """Adds the conspicuity maps of colour, intensity and orientation."""

    gabor: Tensor

    def __init__(
        self,
        *,
        longer_side: int | None,
        map_side: int | None,
        centres: Sequence[int],
        deltas: Sequence[int],
        blur: float,
    ) -> None:
        """Set the sizes and the levels.

        Args:
            longer_side: Pixels of the working resolution; None: the frame's own, as the program.
            map_side: Pixels of the map's longer side; None: an eighth of the working resolution.
            centres: Centre levels; 0 is the working resolution.
            deltas: Levels from centre to surround; the paper's are 3 and 4.
            blur: Sigma of the final smoothing, as a share of the map's longer side.
        """
        super().__init__()
        self.longer_side, self.map_side, self.blur = longer_side, map_side, blur
        self.centres, self.deltas = tuple(centres), tuple(deltas)
        self.register_buffer("gabor", harel.gabors(), persistent=False)

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict the saliency of frames [B, 3, H, W] in [0, 1]."""
        working = frame
        if self.longer_side is not None:
            working = imresize(frame, longer_size(frame, self.longer_side))
        return Maps(mat2gray(imresize(self.small_map(working), frame.shape[-2:])))

    def small_map(self, frame: Tensor) -> Tensor:
        """Return the map in 0..1 at its own size, [B, 1, h, w], of frames of the working size."""
        total = torch.stack(list(self.conspicuity(frame).values())).sum(dim=0)
        total = mat2gray(harel.faded(total, BORDER))
        if self.blur:
            sigma = self.blur * max(total.shape[-2:])
            total = mat2gray(blurred(total, sigma, radius=round(2 * sigma)))
        return total

    def conspicuity(self, frame: Tensor) -> dict[str, Tensor]:
        """Return the promoted sum of each channel, [B, 1, h, w], by its letter."""
        side = self.map_side or round(max(frame.shape[-2:]) / SHRINK)
        size = longer_size(frame, side)
        around = [c + delta for c, delta in product(self.centres, self.deltas)]
        levels = sorted({*self.centres, *around})
        found = harel.features(CHANNELS, frame, None, levels=levels, filters=self.gabor)
        return {letter: promoted(self._summed(maps, size)) for letter, maps in found.items()}

    def _summed(self, levels: dict[int, Tensor], size: Sequence[int]) -> Tensor:
        """Add up the promoted squares of a channel's differences across levels, [B, 1, h, w]."""
        found = []
        for c, delta in product(self.centres, self.deltas):
            surround = imresize(levels[c + delta], levels[c].shape[-2:])
            found.append(promoted(imresize((levels[c] - surround) ** 2, size)))
        return torch.cat(found, dim=1).sum(dim=1, keepdim=True)


def promoted(maps: Tensor) -> Tensor:
    """Return N(.) of each map of [B, C, H, W]: scaled to 0..1, times (1 - m)^2.

    m is the mean of the local maxima, the global one among them; a single one counts as none, and
    a map without any is not weakened either but a hundredth of it is taken, as the program has it.
    """
    scaled = mat2gray(maps, EMPTY)
    peaks = is_peak(scaled)
    number = peaks.sum(dim=(2, 3), keepdim=True)
    mean = (scaled * peaks).sum(dim=(2, 3), keepdim=True) / number.clamp(min=1)
    weight = torch.where(number > 1, (1 - mean) ** 2, torch.where(number == 1, 1.0, 0.01))
    return scaled * weight


def is_peak(maps: Tensor) -> Tensor:
    """Return which pixels of [B, C, H, W] in 0..1 are no less than their four neighbours.

    Those at the border are none, nor those below `LOWEST_PEAK`; all of a plateau are.
    """
    inner = maps[..., 1:-1, 1:-1]
    found = torch.zeros_like(maps, dtype=torch.bool)
    found[..., 1:-1, 1:-1] = (
        (inner >= LOWEST_PEAK)
        & (inner >= maps[..., :-2, 1:-1])
        & (inner >= maps[..., 2:, 1:-1])
        & (inner >= maps[..., 1:-1, :-2])
        & (inner >= maps[..., 1:-1, 2:])
    )
    return found
