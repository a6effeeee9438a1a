"""The boxes of GFSalNet's Fig. 2 and 3, one class each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, relu

from model.maps import Maps


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


class SpatialAttention(nn.Module):
    """One weight a location, shared by all channels (Sec. III-B, Fig. 2b-ii)."""

    def __init__(self, channels: int) -> None:
        """Take the number of channels of the features to weight."""
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Weight features [B, C, H, W] by sigmoid(1x1 conv) [B, 1, H, W]."""
        return features * torch.sigmoid(self.conv(features))


class ChannelAttention(nn.Module):
    """One weight a channel, from the whole image (Sec. III-B, Fig. 2b-iii).

    The text ends the block with ReLU, not sigmoid, so a channel can be switched off for an image.
    """

    def __init__(self, channels: int, *, reduction: int, bias: float) -> None:
        """Squeeze to channels // reduction; start the last layer's bias at ``bias``.

        With a bias of 0 about half of the channels are born switched off (our choice: 1).
        """
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)
        nn.init.constant_(self.excite.bias, bias)

    def forward(self, features: Tensor) -> Tensor:
        """Weight features [B, C, H, W] by one number >= 0 per image and channel."""
        pooled = features.mean(dim=(2, 3))
        weights = relu(self.excite(relu(self.squeeze(pooled))))
        return features * weights[:, :, None, None]


class LevelFusion(nn.Module):
    """One step of the multi-level block: upsample, concatenate, 1x1 convolution (Sec. III-A)."""

    def __init__(self, deep: int, shallow: int, outputs: int) -> None:
        """Take the channels of the deep features, the shallow ones and the result."""
        super().__init__()
        self.channels = [deep, shallow]
        self.conv = nn.Conv2d(deep + shallow, outputs, kernel_size=1)

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Bring deep [B, D, H/2, W/2] to the grid of shallow [B, S, H, W] and mix both.

        A 1x1 convolution commutes with bilinear upsampling, so the deep half of the kernel is
        applied before it, on a quarter of the pixels: the same function as concatenating first.
        """
        of_deep, of_shallow = torch.split(self.conv.weight, self.channels, dim=1)
        mixed = interpolate(
            conv2d(deep, of_deep), size=shallow.shape[-2:], mode="bilinear", align_corners=False
        )
        return mixed + conv2d(shallow, of_shallow, self.conv.bias)


class MultiLevelInformation(nn.Module):
    """Carries ResBlock4 down to ResBlock1, one level at a time (Sec. III-A, Fig. 2b-i)."""

    def __init__(self, levels: tuple[int, int, int, int], widths: tuple[int, int, int]) -> None:
        """Take the channels of ResBlock1..4 and of the results at the sizes of ResBlock3, 2, 1."""
        super().__init__()
        first, second, third, fourth = levels
        self.to_third = LevelFusion(fourth, third, widths[0])
        self.to_second = LevelFusion(widths[0], second, widths[1])
        self.to_first = LevelFusion(widths[1], first, widths[2])

    def forward(self, first: Tensor, second: Tensor, third: Tensor, fourth: Tensor) -> Tensor:
        """Fuse the features at 1/4, 1/8, 1/16, 1/32 of the input into [B, widths[2], H/4, W/4]."""
        fused = self.to_third(fourth, third)
        fused = self.to_second(fused, second)
        fused = self.to_first(fused, first)
        return fused  # type: ignore[no-any-return]


class GatedFusion(nn.Module):
    """Mixes the two streams by a learned probability a location (Sec. III-C, Fig. 3)."""

    def __init__(self) -> None:
        """Start the gate at P = 0.5 everywhere: a random start would pick a stream by lot."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, S_A: Tensor, S_T: Tensor) -> Maps:
        """Fuse the appearance and motion maps, both [B, 1, H, W]."""
        P = torch.sigmoid(self.conv(torch.cat([S_A, S_T], dim=1)))
        G_A, G_T = P, 1 - P  # Eq. (1)
        weighted_A, weighted_T = S_A * G_A, S_T * G_T  # Eq. (2)
        S_final = weighted_A + weighted_T  # Eq. (3)
        return Maps(S_final, S_A, S_T, G_A, G_T)


class ConvFusion(nn.Module):
    """The ablation "w/o gated fusion": a fixed weighting by a 1x1 convolution (Sec. IV-E).

    Our choices: it starts where the gate does, at the mean of both maps, and a ReLU keeps the
    prediction non-negative, as the losses and the other variants have it.
    """

    def __init__(self) -> None:
        """Start with both weights at 0.5 and no bias."""
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=1)
        nn.init.constant_(self.conv.weight, 0.5)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, S_A: Tensor, S_T: Tensor) -> Maps:
        """Fuse the appearance and motion maps, both [B, 1, H, W]."""
        return Maps(relu(self.conv(torch.cat([S_A, S_T], dim=1))), S_A, S_T)
