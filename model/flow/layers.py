"""Layers of PWC-Net and their sizes (Sun et al., CVPR 2018).

The numbers are those of the network that the authors released for PyTorch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

FLOW_UNIT = 20.0
"""Pixels of the input in a unit of the network's flow; the paper scales the truth by 20."""

FINEST = 2
"""Level of the last flow, a quarter of the input."""

SLOPE = 0.1
"""Slope of every LeakyReLU below zero."""

CHANNELS = (16, 32, 64, 96, 128, 196)
"""Channels of the feature pyramid's levels 1 to 6."""
DECODER = (128, 128, 96, 64, 32)
"""Channels of the layers that decode the flow of a level."""
CONTEXT = (128, 128, 128, 96, 64, 32)
"""Channels of the context network's layers before the one that gives flow."""
DILATIONS = (1, 2, 4, 8, 16, 1)
"""Dilations of the context network's layers; the layer that gives flow, after them, has 1."""


def convolution(inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Build a 3x3 convolution with LeakyReLU."""
    conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation)
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE, inplace=True))


def enlargement(inputs: int) -> nn.ConvTranspose2d:
    """Build the transposed convolution that doubles height and width, to two channels."""
    # 4, 2 and 1 enlarge exactly twice; the released code has them.
    return nn.ConvTranspose2d(inputs, 2, kernel_size=4, stride=2, padding=1)


class Decoder(nn.Module):
    """Decodes the flow of one level; dense layers also see the inputs of the layers before."""

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
    """Enlarges a level's flow and features to the next finer level, two channels each."""

    def __init__(self, channels: int) -> None:
        """Take the channels of the decoder's features."""
        super().__init__()
        self.flow = enlargement(2)
        self.features = enlargement(channels)

    def forward(self, flow: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Double height and width of both, [B, C, H, W] to [B, 2, 2H, 2W]."""
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


def initialise(module: nn.Module) -> None:
    """Start a layer so that LeakyReLU keeps the variance (He et al., ICCV 2015), with zero bias."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
