"""The decoder's layers: transposed convolutions that enlarge exactly (Fig. 2a)."""

from __future__ import annotations

from torch import nn


def deconvolution(inputs: int, outputs: int, *, kernel: int, stride: int) -> nn.ConvTranspose2d:
    """Build a transposed convolution that enlarges its input exactly ``stride`` times.

    Raises:
        ValueError: No padding gives that size: kernel - stride is negative or odd.
    """
    if kernel < stride or (kernel - stride) % 2:
        raise ValueError(
            f"no padding makes a deconvolution of kernel {kernel}, stride {stride} enlarge exactly"
            f" {stride} times; kernel - stride must be even and not negative"
        )
    padding = (kernel - stride) // 2
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride=stride, padding=padding)
