"""Saliency by incremental coding length.

Hou and Zhang, "Dynamic visual attention: searching for coding length increments", NIPS 2008.
Patches x of 8x8 RGB pixels have sparse features w_k x, learned as independent components. Of all
activity, feature k has the share

    p_k = sum over patches |w_k x| / sum over features and patches |w x|

and the entropy H(p) gained by one more excitation of k is its incremental coding length

    ICL(p_k) = -H(p) - p_k - log p_k - p_k log p_k.

Features with a positive one, S = {k: ICL(p_k) > 0}, are the rare ones. Only they get energy,
d_k = ICL(p_k) / sum over S, and a patch has the saliency  sum over S of d_k |w_k x|.

The formula is the derivative of H where p_k becomes p_k + e and the others p / (1 + e), which no
longer sum to 1; where p_k becomes (p_k + e) / (1 + e) it is -H(p) - log p_k. `increment` chooses.
With 192 features of about 1/192 the two hardly differ.

The paper lets p follow a video by updating it from frame to frame. Here p has no memory: it is that
of the current frame and the `earlier` ones with equal weights. Also our choices, where the paper is
silent: the working width, subtracting the patches' mean before w, the stride, and the smoothing.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.classical.gaussian import blurred
from model.classical.resize import resized
from model.outputs import Maps

Increment = Literal["paper", "normalised"]


class CodingLength(nn.Module):
    """Rates patches by how rare their sparse features are; stage `fit` learns the features.

    Args:
        features: Number of features; the paper: 192, all that 8x8 RGB patches have.
        patch: Side of a patch in pixels; the paper: 8.
        stride: Distance from patch to patch in pixels.
        width: Width of the working grid, pixels; the height keeps the frame's aspect.
        earlier: Number of frames before the current one that count for p.
        increment: The paper's formula, or the derivative of the normalised entropy.
        sigma: Standard deviation of the final Gaussian, in pixels of the working grid.
    """

    filters: Tensor
    mean: Tensor

    def __init__(
        self,
        *,
        features: int,
        patch: int,
        stride: int,
        width: int,
        earlier: int,
        increment: Increment,
        sigma: float,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.stride = stride
        self.width = width
        self.earlier = earlier
        self.increment: Increment = increment
        self.sigma = sigma
        # NaN marks features that no fit has filled; they are refused instead of used.
        self.register_buffer("filters", torch.full((features, 3, patch, patch), math.nan))
        self.register_buffer("mean", torch.full((3, patch, patch), math.nan))

    def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor | None = None) -> Maps:
        """Predict for frames [B, 3, H, W]; ``earlier`` is [B, n, 3, H, W], the n before, if n > 0.

        Raises:
            ValueError: The features were never fitted, or the frames before are missing.
        """
        refuse_unfitted(self.filters)
        small = self.working_frame(frame)
        responses = self.responses(small)
        share = activity(responses)
        if self.earlier:
            if earlier is None:
                raise ValueError(f"CodingLength needs the {self.earlier} frames before each frame")
            share = share + self._past(earlier)
        weights = redistribution(share / share.sum(dim=1, keepdim=True), self.increment)
        saliency = (responses * weights[:, :, None, None]).sum(dim=1, keepdim=True)
        saliency = blurred(self._in_place(saliency, small), self.sigma)
        return Maps(resized(saliency, frame.shape[-2:]).clamp(min=0))

    def working_frame(self, frame: Tensor) -> Tensor:
        """Resize frames [B, 3, H, W] to the working width; the result is at least a patch high."""
        height = round(self.width * frame.shape[-2] / frame.shape[-1])
        return resized(frame, (max(height, self.patch), self.width))

    def responses(self, frame: Tensor) -> Tensor:
        """Return |w_k x| [B, features, rows, columns] of the patches of frames [B, 3, H, W]."""
        offset = -(self.filters * self.mean).sum(dim=(1, 2, 3))
        return responses(frame, self.filters, offset, self.stride)

    def _past(self, earlier: Tensor) -> Tensor:
        """Return the summed activity [B, features] of the frames before, [B, n, 3, H, W]."""
        batch, count = earlier.shape[:2]
        frames = self.working_frame(earlier.flatten(0, 1))
        return activity(self.responses(frames)).view(batch, count, -1).sum(dim=1)

    def _in_place(self, saliency: Tensor, frame: Tensor) -> Tensor:
        """Place the saliency [B, 1, rows, columns] of patches at their middles in the frame."""
        rows, columns = ((n - 1) * self.stride + 1 for n in saliency.shape[-2:])
        size = (rows, columns)
        filled = functional.interpolate(saliency, size, mode="bilinear", align_corners=True)
        before = (self.patch - 1) // 2
        below, right = (frame.shape[i] - size[i] - before for i in (-2, -1))
        sides = (before, right, before, below)
        return functional.pad(filled, sides, mode="replicate")


def refuse_unfitted(filters: Tensor) -> None:
    """Raise a ValueError where features were never filled."""
    if filters.isnan().any():
        raise ValueError("CodingLength has no features yet: fit it, or load weights of a fit")


def responses(
    frame: Tensor, filters: Tensor, offset: Tensor | None = None, stride: int = 1
) -> Tensor:
    """Return |w_k x + offset_k|, [B, features, rows, columns], of the patches of [B, 3, H, W]."""
    return functional.conv2d(frame, filters, offset, stride=stride).abs()


def activity(responses: Tensor) -> Tensor:
    """Return the sums over patches [B, features] of |w_k x| [B, features, rows, columns].

    In a frame in which nothing responds, all features have the same activity.
    """
    total = responses.sum(dim=(-2, -1))
    return torch.where(total.sum(dim=1, keepdim=True) > 0, total, torch.ones_like(total))


def coding_increment(share: Tensor, increment: Increment) -> Tensor:
    """Return ICL [B, features] of activity shares p [B, features], whose rows sum to 1."""
    logarithm = share.clamp(min=torch.finfo(share.dtype).tiny).log()
    entropy = -(share * logarithm).sum(dim=1, keepdim=True)
    gained = -entropy - logarithm
    return gained if increment == "normalised" else gained - share - share * logarithm


def redistribution(share: Tensor, increment: Increment) -> Tensor:
    """Return d [B, features]: ICL where positive, summing to 1; uniform where no feature is rare.

    A feature that never responds has no finite ICL and is left out.
    """
    gained = coding_increment(share, increment).clamp(min=0) * (share > 0)
    total = gained.sum(dim=1, keepdim=True)
    alike = torch.full_like(share, 1 / share.shape[1])
    return torch.where(total > 0, gained / total.clamp(min=torch.finfo(total.dtype).tiny), alike)
