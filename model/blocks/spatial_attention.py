"""The box "Spatial Attention" of Fig. 2b-ii."""

import torch
from torch import Tensor, nn


class SpatialAttention(nn.Module):
    """Computes one weight per location, shared by all channels (Sec. III-B, Fig. 2b-ii)."""

    def __init__(self, channels: int) -> None:
        """Take the number of channels of the features to weight."""
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return weights [B, 1, H, W] in 0..1 for features [B, C, H, W]."""
        return torch.sigmoid(self.conv(features))
