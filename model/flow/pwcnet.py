"""PWC-Net, the optical flow of the motion stream (Sec. IV-B).

Sun et al., PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume, CVPR 2018. Level
l of the pyramid is 1/2^l of the input. Going from coarse to fine, each level warps the second
frame's features by the flow so far, compares them with the first frame's (cost volume) and decodes
the flow. The finest level is 2, a quarter of the input; dilated convolutions refine it.

Flow inside the network is in units of FLOW_UNIT pixels of the input at every level, as the released
weights expect it. Layers use channels_last memory, the format of the cost volume.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from model.arguments import check_sides
from model.flow.correlation import correlation
from model.flow.layers import (
    CHANNELS,
    CONTEXT,
    DECODER,
    FINEST,
    FLOW_UNIT,
    SLOPE,
    Convolution,
    Decoder,
    Enlarge,
    context_network,
    initialise,
)
from model.flow.released_weights import released_names

REACH = 4
"""Search range of the cost volume, pixels of its level (the paper's d)."""

INSIDE = 0.9999
"""A warped sample is zero if a smaller share of it comes from inside the frame (released code)."""

LEAST_SPREAD = 1e-3
"""Added to the spread of features before dividing by it, so that an even image stays finite."""


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Sample the second frame's features [B, C, H, W] bilinearly at (x + u, y + v).

    Flow is [B, 2, H, W], pixels of this level, right and down. The result is zero where a share of
    the sample would come from outside the frame.
    """
    height, width = features.shape[-2:]
    flow = flow.float() if flow.dtype in (torch.float16, torch.bfloat16) else flow
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    x, y = columns + flow[:, 0], rows + flow[:, 1]
    inside = coverage(x, width) * coverage(y, height) >= INSIDE
    # In grid_sample's coordinates the centres of the first and last pixel are -1 and 1.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=3)
    sampled = grid_sample(features.to(flow.dtype), grid, align_corners=True)
    return sampled.masked_fill_(~inside[:, None], 0).to(features.dtype)


def coverage(position: Tensor, size: int) -> Tensor:
    """Return the share of a linear sample that comes from the pixels 0 to size - 1."""
    return (torch.minimum(position, size - 1 - position) + 1).clamp(0, 1)


def standardised(features: Tensor) -> Tensor:
    """Shift channels of [B, C, H, W] to mean 0, and scale images to standard deviation 1.

    Without it the features of an untrained network hardly differ from pixel to pixel, and the
    cost volume carries no information (Jonschkowski et al., What Matters in Unsupervised Optical
    Flow, ECCV 2020, do likewise).
    """
    wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
    wide = wide - wide.mean(dim=(2, 3), keepdim=True)
    length: Tensor = torch.linalg.vector_norm(wide, dim=(1, 2, 3), keepdim=True)
    spread = length / math.sqrt(math.prod(wide.shape[1:]))
    even: Tensor = wide / (spread + LEAST_SPREAD)
    return even.to(features.dtype)


class PWCNet(nn.Module):
    """Optical flow between two RGB frames.

    Args:
        channels: Channels of the feature pyramid's levels, from level 1 on; the paper has six.
        decoder: Channels of the layers that decode the flow of a level.
        dense: Use dense connections in the decoders; the paper's small variant has none.
        context: Channels of the context network's layers before the last; True for the paper's,
            False for no context network.
        normalised: Compare features of mean 0 and standard deviation 1 (see `standardised`), with
            which a network learns from the first iteration on; the released weights expect False.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = CHANNELS,
        decoder: Sequence[int] = DECODER,
        dense: bool = True,
        context: Sequence[int] | bool = True,
        normalised: bool = False,
    ) -> None:
        """Build the network.

        Raises:
            ValueError: There are too few channels or too many widths of the context network.
        """
        super().__init__()
        if len(channels) < FINEST:
            raise ValueError(f"channels: expected {FINEST} levels or more, got {len(channels)}")
        self.multiple = 2 ** len(channels)
        self.prepare = standardised if normalised else nn.Identity()
        self.features = nn.ModuleList(
            nn.Sequential(
                Convolution(inputs, outputs, stride=2),
                Convolution(outputs, outputs),
                Convolution(outputs, outputs),
            )
            for inputs, outputs in pairwise((3, *channels))
        )
        costs = (2 * REACH + 1) ** 2
        # Finer decoders see that frame, and the enlarged flow and features, 2 channels each.
        inputs = [costs, *(costs + width + 4 for width in channels[-2 : FINEST - 2 : -1])]
        decoders = [Decoder(width, decoder, dense=dense) for width in inputs]
        self.decoders = nn.ModuleList(decoders)
        self.enlarge = nn.ModuleList(Enlarge(one.channels) for one in decoders[:-1])
        self.context: nn.Sequential | None = None
        if context is not False:
            widths = CONTEXT if context is True else context
            self.context = context_network(decoders[-1].channels, widths)
        self.compare = nn.LeakyReLU(SLOPE)
        self.apply(initialise)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        """Estimate the flow between RGB frames [B, 3, H, W] in [0, 1] at every level.

        Returns:
            Flows from coarse (level 6) to fine (level 2), each [B, 2, H/2^l, W/2^l], right and
            down, in units of FLOW_UNIT pixels of the input, as flow_loss takes them.

        Raises:
            ValueError: A side is not a multiple of ``multiple``, or the frames differ in shape.
        """
        check_pair(first, second)
        levels = self.pyramid(torch.cat([first, second]))
        halves = [level.chunk(2) for level in levels]
        return self.decode([half[0] for half in halves], [half[1] for half in halves])

    def pyramid(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Return features of RGB frames [B, 3, H, W] in [0, 1], for `decode` to compare.

        Those of level l, from 1 to the coarsest, are [B, C, H/2^l, W/2^l].
        """
        check_sides(frames, self.multiple, "quarter_flow takes any size")
        frames = frames.contiguous(memory_format=torch.channels_last)
        levels = []
        for level in self.features:
            frames = level(frames)
            levels.append(frames)
        return tuple(levels)

    def decode(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Estimate the flow at every level from two frames' features; see `forward`."""
        flows: list[Tensor] = []
        known: list[Tensor] = []
        there = second[-1]
        for step, decoder in enumerate(self.decoders):
            here = first[-1 - step]
            costs = self.compare(correlation(self.prepare(here), self.prepare(there), REACH))
            features, flow = decoder(torch.cat([costs, *known], dim=1))
            flows.append(flow)
            if step < len(self.enlarge):
                flow, features = self.enlarge[step](flow, features)
                finer = len(first) - step - 1
                there = warp(second[finer - 1], flow * (FLOW_UNIT / 2**finer))
                known = [first[finer - 1], flow, features]
        if self.context is not None:
            flows[-1] = flows[-1] + self.context(features)
        return tuple(flows)

    def quarter_flow(self, first: Tensor, second: Tensor) -> Tensor:
        """Estimate the flow between RGB frames [B, 3, H, W] in [0, 1] of any size.

        Frames whose sides are not multiples of ``multiple`` (64) are resized bilinearly to the
        next multiples, and the flow is scaled back to the frames' own size: float32
        [B, 2, ceil(H/4), ceil(W/4)], pixels of the input, right and down. The cells divide the
        frame evenly.

        Raises:
            ValueError: The frames differ in shape.
        """
        check_pair(first, second)
        levels = [self.pyramid(self.fit(frames)) for frames in (first, second)]
        return self.in_pixels(self.decode(*levels)[-1], first.shape[-2:])

    def clip_flow(self, frames: Tensor) -> Tensor:
        """Estimate the flow from each of RGB frames [T, 3, H, W] in [0, 1] to the next.

        Features are computed once per frame. The flow is [T - 1, 2, ceil(H/4), ceil(W/4)], as
        `quarter_flow` returns it.
        """
        levels = self.pyramid(self.fit(frames))
        flows = self.decode([level[:-1] for level in levels], [level[1:] for level in levels])
        return self.in_pixels(flows[-1], frames.shape[-2:])

    def fit(self, frames: Tensor) -> Tensor:
        """Resize frames to the next multiples of the sides that the pyramid accepts."""
        height, width = (-(-side // self.multiple) * self.multiple for side in frames.shape[-2:])
        return resized(frames, (height, width))

    def in_pixels(self, flow: Tensor, size: Sequence[int]) -> Tensor:
        """Scale the finest flow of fitted frames to the frames' ``size`` (H, W) and to pixels."""
        cell = 2**FINEST
        height, width = size
        fitted_height, fitted_width = (cell * side for side in flow.shape[-2:])
        scale = torch.tensor([width / fitted_width, height / fitted_height], device=flow.device)
        pixels = flow.float() * (FLOW_UNIT * scale)[:, None, None]
        return resized(pixels, (-(-height // cell), -(-width // cell)))

    def load_released(self, checkpoint: Mapping[str, Any]) -> None:
        """Load the weights that the paper's authors released for PyTorch; see `released_names`.

        Raises:
            ValueError: The weights are not those of this network.
        """
        try:
            self.load_state_dict(released_names(checkpoint))
        except RuntimeError as error:
            raise ValueError(f"these weights are of another layout: {error}") from error


def check_pair(first: Tensor, second: Tensor) -> None:
    """Check that two frames can be compared; raises ValueError if they differ in shape."""
    if first.shape != second.shape:
        raise ValueError(
            f"expected two frames of one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize an image [B, C, H, W] bilinearly to ``size`` (H, W), unless it has that size."""
    if image.shape[-2:] == size:
        return image
    return interpolate(image, size=size, mode="bilinear", align_corners=False)
