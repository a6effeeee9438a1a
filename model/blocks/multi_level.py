"""The box "Multi-level Information" of Fig. 2b-i."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate


class LevelFusion(nn.Module):
    """One step of the multi-level block: upsample, concatenate, 1x1 convolution (Sec. III-A)."""

    def __init__(self, deep: int, shallow: int, outputs: int) -> None:
        """Take the channels of the deep features, the shallow ones and the result."""
        super().__init__()
        self.channels = [deep, shallow]
        self.conv = nn.Conv2d(deep + shallow, outputs, kernel_size=1)

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Upsample deep [B, D, H/2, W/2] to the grid of shallow [B, S, H, W] and mix both.

        A 1x1 convolution commutes with bilinear upsampling, so the deep half of the kernel is
        applied before it, on a quarter of the pixels; the function is that of concatenating first.
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
