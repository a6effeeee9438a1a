"""The decoder's layers: transposed convolutions that enlarge exactly (Fig. 2a)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d


def deconvolution(inputs: int, outputs: int, *, kernel: int, stride: int) -> nn.ConvTranspose2d:
    """Build a transposed convolution that enlarges its input exactly ``stride`` times.

    It starts as an interpolation whose channels are mixed at random (our choice): random kernels
    would print the stride's grid on the map, and training takes long to remove it.

    Raises:
        ValueError: No padding gives that size, because kernel - stride is negative or odd.
    """
    if kernel < stride or (kernel - stride) % 2:
        raise ValueError(
            f"no padding makes a deconvolution of kernel {kernel}, stride {stride} enlarge exactly"
            f" {stride} times; kernel - stride must be even and not negative"
        )
    padding = (kernel - stride) // 2
    layer = nn.ConvTranspose2d(inputs, outputs, kernel, stride=stride, padding=padding)
    if stride > 1:
        interpolate_at_first(layer, kernel, stride)
    return layer


@torch.no_grad()
def interpolate_at_first(layer: nn.ConvTranspose2d, kernel: int, stride: int) -> None:
    """Set each kernel to a window times a random number of the scale of PyTorch's own start."""
    line = window(kernel, stride)
    # An output pixel sums (kernel / stride)^2 random taps of a channel, but interpolates with taps
    # that add up to 1: with this factor its variance is the same.
    spread = layer.weight.std() * kernel / stride
    mix = torch.randn(layer.weight.shape[:2]) * spread
    layer.weight.copy_(mix[:, :, None, None] * torch.outer(line, line))


def window(kernel: int, stride: int) -> Tensor:
    """Return the taps [kernel] of a window whose copies, a stride apart, add up to 1 everywhere."""
    box = torch.ones(1, 1, stride)
    taps = conv1d(box, torch.ones(1, 1, kernel - stride + 1), padding=kernel - stride)
    return taps[0, 0] / (kernel - stride + 1)
