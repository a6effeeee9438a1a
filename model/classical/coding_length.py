"""Incremental coding length (Hou and Zhang, NIPS 2008), as its authors' demonstration.

The formula is in `model.classical.paper.coding_length`, whose functions are used here. The
demonstration sees each frame by itself, at 80x120 pixels whatever its shape, and takes no mean off
the patches. A patch's energy goes to all of its 8x8 pixels, the sum of which is squared, scaled to
0..1, squared again and smoothed by a Gaussian of 8x8 pixels with a sigma of 8, zeros beyond the
border. p, H and ICL count in bits.

Its 192 features are in a file AW.mat that the authors distribute, and which can be imported
(`released`); stage `fit` learns others from the training frames of a run.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d

from model.classical.matlab import gaussian, imfilter, imresize, mat2gray
from model.classical.paper.coding_length import activity, refuse_unfitted, responses
from model.outputs import Maps
from model.released import Released, Source

WINDOW, SIGMA = 8, 8.0
"""Side and sigma of the Gaussian, px of the working grid."""
AW_SHA256 = "bb6bd3a578edda94b542c7409cf079e4c769856dc893b8873b196a4e14e1a829"
"""Of the authors' AW.mat of 4 Nov 2008, 570,402 bytes."""
EMPTY = 1e-9
"""Range below which a map is uniform."""


class CodingLength(nn.Module):
    """Rates patches by how rare their sparse features are."""

    filters: Tensor

    def __init__(self, *, features: int, patch: int, height: int, width: int) -> None:
        """Set the sizes.

        Args:
            features: Number of features; the authors': 192, all that 8x8 RGB patches have.
            patch: Side of a patch in pixels; the authors': 8.
            height: Height of the working grid, pixels; the authors': 80.
            width: Its width; the authors': 120.
        """
        super().__init__()
        self.patch, self.size = patch, (height, width)
        # NaN marks features that no fit has filled; they are refused instead of used.
        self.register_buffer("filters", torch.full((features, 3, patch, patch), math.nan))

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict for frames [B, 3, H, W] in [0, 1].

        Raises:
            ValueError: The features were never fitted.
        """
        return Maps(imresize(self.small_map(frame), frame.shape[-2:]).clamp(min=0))

    def small_map(self, frame: Tensor) -> Tensor:
        """Return the map on the working grid, [B, 1, h, w], of frames [B, 3, H, W]."""
        refuse_unfitted(self.filters)
        energy = self.energy(self.working_frame(frame))
        patch = energy.new_ones(1, 1, self.patch, self.patch)
        total = mat2gray(conv_transpose2d(energy, patch) ** 2, EMPTY)
        return imfilter(total**2, gaussian(WINDOW, SIGMA).to(total))

    def energy(self, frame: Tensor) -> Tensor:
        """Return the saliency of each patch, [B, 1, rows, columns], of frames [B, 3, h, w]."""
        answers = responses(frame, self.filters)
        share = activity(answers)
        weights = redistribution(share / share.sum(dim=1, keepdim=True))
        return (answers * weights[:, :, None, None]).sum(dim=1, keepdim=True)

    def working_frame(self, frame: Tensor) -> Tensor:
        """Resize frames [B, 3, H, W] to the working grid."""
        return imresize(frame, self.size)

    def released(self) -> Released:
        """Return where W lies in the authors' AW.mat, whose rows are features; A is its inverse."""
        source = {"filters": Source("W", "patches")}
        return Released("mat", source, ignored=("A",), sha256=(AW_SHA256,))


def redistribution(share: Tensor) -> Tensor:
    """Return d [B, features] of activity shares p: ICL in bits where positive, summing to 1.

    Uniform where no feature is rare; one that never responds gets nothing.
    """
    logarithm = share.clamp(min=torch.finfo(share.dtype).tiny).log2()
    entropy = -(share * logarithm).sum(dim=1, keepdim=True)
    gained = (-entropy - logarithm - share - share * logarithm).clamp(min=0) * (share > 0)
    total = gained.sum(dim=1, keepdim=True)
    alike = torch.full_like(share, 1 / share.shape[1])
    return torch.where(total > 0, gained / total.clamp(min=torch.finfo(total.dtype).tiny), alike)
