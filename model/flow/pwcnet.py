"""PWC-Net, the optical flow of the motion stream (Sec. IV-B).

Sun et al., PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume, CVPR 2018. Level
l of the pyramid is 1/2^l of the input. Going from coarse to fine, each level warps the second
frame's features by the flow so far, compares them with the first frame's (cost volume) and decodes
the flow. The finest level is 2, a quarter of the input; dilated convolutions refine it.

Flow inside the network is in units of FLOW_UNIT pixels of the input at every level, as the released
weights have it. Layers keep to channels_last memory, which is what the cost volume is made in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from model.flow.correlation import correlation

FLOW_UNIT = 20.0
"""Pixels of the input in a unit of the network's flow."""

REACH = 4
"""Search range of the cost volume, pixels of its level."""

SLOPE = 0.1
"""Of every LeakyReLU."""

FINEST = 2
"""Level of the last flow."""

INSIDE = 0.9999
"""A warped sample of which a smaller share comes from inside the frame is zero (released code)."""

LEAST_SPREAD = 1e-3
"""Added to the spread of features before dividing by it."""

CHANNELS = (16, 32, 64, 96, 128, 196)
DECODER = (128, 128, 96, 64, 32)
CONTEXT = (128, 128, 128, 96, 64, 32)
DILATIONS = (1, 2, 4, 8, 16, 1)
"""Of the context network's layers; the layer to flow, after them, has 1."""

LEVEL_WEIGHTS = (0.32, 0.08, 0.02, 0.01, 0.005)
"""Of the levels 6 to 2 in the loss."""


def convolution(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Build a 3x3 convolution with LeakyReLU."""
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def enlargement(inputs: int) -> nn.ConvTranspose2d:
    """Build the transposed convolution that takes flow or features to the next finer level."""
    return nn.ConvTranspose2d(inputs, 2, kernel_size=4, stride=2, padding=1)


class Decoder(nn.Module):
    """Flow of one level; with dense connections each layer also sees what the layers before saw."""

    def __init__(self, inputs: int, widths: Sequence[int], *, dense: bool) -> None:
        """Take the channels of the input and of each layer."""
        super().__init__()
        self.dense = dense
        self.layers = nn.ModuleList()
        for width in widths:
            self.layers.append(convolution(inputs, width))
            inputs = inputs + width if dense else width
        self.channels = inputs
        self.flow = nn.Conv2d(inputs, 2, 3, padding=1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Decode features [B, inputs, H, W] into [B, channels, H, W] and flow [B, 2, H, W]."""
        for layer in self.layers:
            new = layer(features)
            features = torch.cat([new, features], dim=1) if self.dense else new
        return features, self.flow(features)


class Enlarge(nn.Module):
    """Takes a level's flow and features to the next finer one, two channels each."""

    def __init__(self, channels: int) -> None:
        """Take the channels of the decoder's features."""
        super().__init__()
        self.flow = enlargement(2)
        self.features = enlargement(channels)

    def forward(self, flow: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Double height and width of both."""
        return self.flow(flow), self.features(features)


def context_network(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    """Build the dilated convolutions that refine the finest flow.

    Raises:
        ValueError: There are more widths than the paper has dilations.
    """
    if len(widths) > len(DILATIONS):
        raise ValueError(f"context: expected at most {len(DILATIONS)} widths, got {len(widths)}")
    layers: list[nn.Module] = []
    for width, dilation in zip(widths, DILATIONS, strict=False):
        layers.append(convolution(inputs, width, dilation=dilation))
        inputs = width
    return nn.Sequential(*layers, nn.Conv2d(inputs, 2, 3, padding=1))


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Fetch features from where the flow points to: [B, C, H, W] at (x + u, y + v), bilinearly.

    Args:
        features: [B, C, H, W], of the second frame.
        flow: [B, 2, H, W], pixels of this level, right and down.

    Returns:
        [B, C, H, W]; zero where a share of the sample would come from outside.
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
    """Compute the share of a linear sample that comes from the pixels 0 to size - 1."""
    return (torch.minimum(position, size - 1 - position) + 1).clamp(0, 1)


def standardised(features: Tensor) -> Tensor:
    """Shift each channel of [B, C, H, W] to mean 0 over its image, and scale the image's to 1.

    Without it the features of an untrained network hardly differ from place to place, and the
    cost volume says nothing (Jonschkowski et al., What Matters in Unsupervised Optical Flow, ECCV
    2020, do likewise).
    """
    wide = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
    wide = wide - wide.mean(dim=(2, 3), keepdim=True)
    spread = wide.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return (wide / (spread + LEAST_SPREAD)).to(features.dtype)


class PWCNet(nn.Module):
    """Optical flow between two RGB frames.

    Args:
        channels: Of the feature pyramid's levels, from level 1 on; the paper has six.
        decoder: Widths of the layers that decode the flow of a level.
        dense: Dense connections in the decoders; without them it is the paper's small variant.
        context: Widths of the context network's layers before the last, or whether to have it.
        normalised: Compare features of mean 0 and spread 1 (see `standardised`), with which a
            network learns from the first iteration on; the released weights are of one without.
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
        """Build the network; see the class for the arguments."""
        super().__init__()
        if len(channels) < FINEST:
            raise ValueError(f"channels: expected {FINEST} levels or more, got {len(channels)}")
        self.multiple = 2 ** len(channels)
        self.prepare = standardised if normalised else nn.Identity()
        self.features = nn.ModuleList(
            nn.Sequential(
                convolution(inputs, outputs, stride=2),
                convolution(outputs, outputs),
                convolution(outputs, outputs),
            )
            for inputs, outputs in zip((3, *channels), channels, strict=False)
        )
        costs = (2 * REACH + 1) ** 2
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
        """Estimate the flow at every level.

        Args:
            first: RGB [B, 3, H, W] in [0, 1]; height and width multiples of ``multiple``.
            second: As first.

        Returns:
            Flows from coarse (level 6) to fine (level 2), each [B, 2, H/2^l, W/2^l], right and
            down, in units of FLOW_UNIT pixels of the input, as flow_loss takes them.

        Raises:
            ValueError: A side is no multiple of ``multiple``, or the frames differ in shape.
        """
        check_pair(first, second)
        levels = self.pyramid(torch.cat([first, second]))
        halves = [level.chunk(2) for level in levels]
        return self.decode([half[0] for half in halves], [half[1] for half in halves])

    def pyramid(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Compute the features that decode compares, once a frame.

        Args:
            frames: RGB [B, 3, H, W] in [0, 1]; height and width multiples of ``multiple``.

        Returns:
            Features of level 1 to the coarsest, each [B, C, H/2^l, W/2^l].

        Raises:
            ValueError: A side is no multiple of ``multiple``.
        """
        height, width = frames.shape[-2:]
        if height % self.multiple or width % self.multiple or not height or not width:
            raise ValueError(
                f"width and height must be multiples of {self.multiple} pixels, got"
                f" {width}x{height}; quarter_flow takes any size"
            )
        frames = frames.contiguous(memory_format=torch.channels_last)
        levels = []
        for level in self.features:
            frames = level(frames)
            levels.append(frames)
        return tuple(levels)

    def decode(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Estimate the flow at every level from two frames' features; see pyramid and forward."""
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
        """Estimate the flow of frames of any size, in pixels.

        Frames whose sides are no multiples of ``multiple`` (64) are resized bilinearly to the next
        multiples, and the flow back to the frames' own scale.

        Args:
            first: RGB [B, 3, H, W] in [0, 1].
            second: As first.

        Returns:
            Flow [B, 2, ceil(H/4), ceil(W/4)] from first to second, float32, pixels of the input,
            right and down. The cells divide the frame evenly.

        Raises:
            ValueError: The frames differ in shape.
        """
        check_pair(first, second)
        levels = [self.pyramid(self.fit(frames)) for frames in (first, second)]
        return self.in_pixels(self.decode(*levels)[-1], first.shape[-2:])

    def clip_flow(self, frames: Tensor) -> Tensor:
        """Estimate the flow from each frame to the next, with features computed once a frame.

        Args:
            frames: RGB [T, 3, H, W] in [0, 1], of any size; see quarter_flow.

        Returns:
            Flow [T - 1, 2, ceil(H/4), ceil(W/4)] as of quarter_flow.
        """
        levels = self.pyramid(self.fit(frames))
        flows = self.decode([level[:-1] for level in levels], [level[1:] for level in levels])
        return self.in_pixels(flows[-1], frames.shape[-2:])

    def fit(self, frames: Tensor) -> Tensor:
        """Resize frames to the next multiples of what the pyramid takes."""
        height, width = (-(-side // self.multiple) * self.multiple for side in frames.shape[-2:])
        return resized(frames, (height, width))

    def in_pixels(self, flow: Tensor, size: Sequence[int]) -> Tensor:
        """Bring the finest flow of fitted frames to the frames' own size (H, W) and to pixels."""
        cell = 2**FINEST
        height, width = size
        fitted_height, fitted_width = (cell * side for side in flow.shape[-2:])
        scale = torch.tensor([width / fitted_width, height / fitted_height], device=flow.device)
        pixels = flow.float() * (FLOW_UNIT * scale)[:, None, None]
        return resized(pixels, (-(-height // cell), -(-width // cell)))

    def load_released(self, checkpoint: Mapping[str, Any]) -> None:
        """Load the weights that the paper's authors released for PyTorch; see released_names.

        Raises:
            ValueError: The weights are not those of this network.
        """
        try:
            self.load_state_dict(released_names(checkpoint))
        except RuntimeError as error:
            raise ValueError(f"these weights are of another layout: {error}") from error


def check_pair(first: Tensor, second: Tensor) -> None:
    """Refuse two frames that cannot be compared.

    Raises:
        ValueError: They differ in shape.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"expected two frames of one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize [B, C, H, W] bilinearly to (H, W), if it has not that size already."""
    if image.shape[-2:] == size:
        return image
    return interpolate(image, size=size, mode="bilinear", align_corners=False)


def initialise(module: nn.Module) -> None:
    """Start a layer as LeakyReLU keeps the variance (He et al., ICCV 2015), without bias."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def flow_loss(
    flows: Sequence[Tensor],
    truth: Tensor,
    *,
    robust: bool = False,
    eps: float = 0.01,
    q: float = 0.4,
) -> Tensor:
    """Sum the errors of all levels as the paper trains: over pixels, weighted, a mean over images.

    The paper does not say how the truth reaches a level's size. Here a cell has the mean flow of
    its pixels: of all values that one has the least squared error to them. The truth stays in
    the input's pixels (over FLOW_UNIT) at every level, as published.

    Args:
        flows: Of PWCNet.forward, coarse to fine.
        truth: [B, 2, H, W], pixels of the input, right and down; sides are multiples of the flows'.
        robust: Take (|error| + eps)^q, |.| the L1 norm, which forgives outliers (the paper's
            fine-tuning), instead of the end-point error, which is the L2 norm.
        eps: See robust.
        q: See robust.

    Raises:
        ValueError: The truth does not divide into the cells of a flow, or there are too many flows.
    """
    if not 0 < len(flows) <= len(LEVEL_WEIGHTS):
        raise ValueError(f"expected 1 to {len(LEVEL_WEIGHTS)} flows, got {len(flows)}")
    total = truth.new_zeros(())
    for flow, weight in zip(flows, LEVEL_WEIGHTS[-len(flows) :], strict=True):
        error = flow - averaged(truth / FLOW_UNIT, flow.shape[-2:])
        if robust:
            distance = (error.abs().sum(dim=1) + eps) ** q
        else:
            distance = torch.linalg.vector_norm(error, dim=1)
        total = total + weight * distance.sum(dim=(1, 2)).mean()
    return total


def averaged(truth: Tensor, size: Sequence[int]) -> Tensor:
    """Average flow [B, 2, H, W] over the cells of a coarser grid (H, W).

    Raises:
        ValueError: The cells are no whole numbers of pixels.
    """
    height, width = size
    if truth.shape[-2] % height or truth.shape[-1] % width:
        raise ValueError(
            f"a truth of {truth.shape[-1]}x{truth.shape[-2]} has no whole cells of a flow of"
            f" {width}x{height}"
        )
    return truth.reshape(len(truth), 2, height, -1, width, truth.shape[-1] // width).mean(
        dim=(3, 5)
    )


def released_layers() -> dict[str, str]:
    """List the released network's layers and what they are called here, without weight and bias."""
    coarsest = len(CHANNELS)
    names = {}
    for level in range(1, coarsest + 1):
        # The coarsest level's layers are named in another order than the rest.
        order = ("aa", "a", "b") if level == coarsest else ("a", "aa", "b")
        for index, name in enumerate(order):
            names[f"conv{level}{name}.0"] = f"features.{level - 1}.{index}.0"
    for step, level in enumerate(range(coarsest, FINEST - 1, -1)):
        for index in range(len(DECODER)):
            names[f"conv{level}_{index}.0"] = f"decoders.{step}.layers.{index}.0"
        names[f"predict_flow{level}"] = f"decoders.{step}.flow"
        if level > FINEST:
            names[f"deconv{level}"] = f"enlarge.{step}.flow"
            names[f"upfeat{level}"] = f"enlarge.{step}.features"
    for index in range(len(CONTEXT)):
        names[f"dc_conv{index + 1}.0"] = f"context.{index}.0"
    names[f"dc_conv{len(CONTEXT) + 1}"] = f"context.{len(CONTEXT)}"
    return names


UNUSED = {"deconv2.weight", "deconv2.bias"}
"""Weights of the released network that its forward pass never reads; it may lack them."""


def released_names(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename the weights that the paper's authors released for PyTorch (pwc_net.pth.tar).

    The released network sees BGR, this one RGB, so the first layer's input channels are reversed.

    Args:
        state_dict: As loaded; also wrapped in {"state_dict": ...} or with "module." before names.

    Returns:
        The state dict of a PWCNet with its default arguments.

    Raises:
        ValueError: Names are missing or unexpected.
    """
    inner = state_dict.get("state_dict", state_dict)
    if not isinstance(inner, Mapping):
        raise ValueError(f"state_dict: expected names with weights, got a {type(inner).__name__}")
    given = {str(key).removeprefix("module."): value for key, value in inner.items()}
    names = {
        f"{released}.{kind}": f"{own}.{kind}"
        for released, own in released_layers().items()
        for kind in ("weight", "bias")
    }
    missing = [name for name in names if name not in given]
    unexpected = [name for name in given if name not in names and name not in UNUSED]
    if missing or unexpected:
        raise ValueError(
            "these weights are not those of the released PWC-Net: missing"
            f" {', '.join(missing) or 'none'}; unexpected {', '.join(unexpected) or 'none'}"
        )
    weights = {own: given[released] for released, own in names.items()}
    weights["features.0.0.0.weight"] = weights["features.0.0.0.weight"].flip(1)
    return weights
