"""Layers of PWC-Net and their sizes (Sun et al., CVPR 2018).

The numbers are those of the network that the authors released for PyTorch.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

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

FUSED: Any = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
"""oneDNN's convolution with what follows each value, which torch.compile uses on CPUs; it has no
public name. LeakyReLU by itself is a fifth of the network's time in bfloat16."""


@cache
def fuses(dtype: torch.dtype) -> bool:
    """Return whether FUSED computes in this type on this processor."""
    onednn: Any = torch.backends.mkldnn
    if FUSED is None or not onednn.is_available():
        return False
    half: bool = dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return half or dtype == torch.float32


class Convolution(nn.Sequential):
    """A 3x3 convolution with LeakyReLU; on a CPU, without gradients, one step of oneDNN."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, dilation: int = 1) -> None:
        """Take the channels; height and width are kept, or divided by the stride."""
        conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation)
        super().__init__(conv, nn.LeakyReLU(SLOPE, inplace=True))

    def forward(self, features: Tensor) -> Tensor:
        """Convolve [B, inputs, H, W]; in bfloat16 a fused result is rounded once, not twice."""
        conv = self[0]
        half = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if half else features.dtype
        if torch.is_grad_enabled() or features.device.type != "cpu" or not fuses(dtype):
            activated: Tensor = self[1](conv(features))
            return activated
        given = (tensor.to(dtype) for tensor in (features, conv.weight, conv.bias))
        where = (conv.padding, conv.stride, conv.dilation, conv.groups)
        fused: Tensor = FUSED(*given, *where, "leaky_relu", [SLOPE], "")
        return fused


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
            self.layers.append(Convolution(inputs, width))
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
        layers.append(Convolution(inputs, width, dilation=dilation))
        inputs = width
    return nn.Sequential(*layers, nn.Conv2d(inputs, 2, 3, padding=1))


def initialise(module: nn.Module) -> None:
    """Start a layer so that LeakyReLU keeps the variance (He et al., ICCV 2015), with zero bias."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
