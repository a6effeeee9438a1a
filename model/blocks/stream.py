"""A saliency stream, from a picture to a map, the same for appearance and motion (Sec. III)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from model.arguments import pick
from model.backbones import BACKBONES, BackboneName
from model.blocks.channel_attention import ChannelAttention
from model.blocks.deconvolution import deconvolution
from model.blocks.multi_level import MultiLevelInformation
from model.blocks.revived_relu import revived_relu
from model.blocks.spatial_attention import SpatialAttention


class SaliencyStream(nn.Module):
    """One row of Fig. 2a: a backbone and the head that turns its features into a map."""

    def __init__(
        self,
        *,
        backbone: BackboneName,
        spatial_attention: bool,
        channel_attention: bool,
        multi_level: bool,
        main_channels: tuple[int, int],
        side_channels: tuple[int, int, int],
        multi_level_channels: tuple[int, int, int],
        attention_reduction: int,
        last_bias: float,
        main_kernels: tuple[int, int],
        side_kernel: int,
        map_kernel: int,
        revive: bool,
    ) -> None:
        """Build the stream; GFSalNet's docstring describes the arguments."""
        super().__init__()
        self.trunk = pick("backbone", backbone, BACKBONES)()
        deepest = self.trunk.channels[-1]
        self.spatial_attention = SpatialAttention(deepest) if spatial_attention else None
        # From stride 32 to the side branch's stride 4, and by to_map to the input's size.
        self.main = deconvolutions((deepest, *main_channels), main_kernels, (4, 2))
        self.multi_level: MultiLevelInformation | None = None
        width = main_channels[-1]
        if multi_level:
            self.multi_level = MultiLevelInformation(self.trunk.channels, multi_level_channels)
            # The side branch stays at stride 4: its deconvolutions keep the size.
            side = (multi_level_channels[-1], *side_channels)
            self.side = deconvolutions(side, (side_kernel,) * 3, (1, 1, 1))
            width += side_channels[-1]
        self.channel_attention = (
            ChannelAttention(width, reduction=attention_reduction, bias=last_bias)
            if channel_attention
            else nn.Identity()
        )
        self.to_map = deconvolution(width, 1, kernel=map_kernel, stride=4)
        nn.init.constant_(self.to_map.bias, last_bias)  # type: ignore[arg-type]
        self.last_relu = revived_relu if revive else relu

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """Predict a map [B, 1, H, W], >= 0, from a normalised image [B, 3, H, W].

        Also returns the spatial attention [B, 1, H/32, W/32], or None without it.
        """
        first, second, third, fourth = self.trunk(image)
        attention: Tensor | None = None
        if self.spatial_attention is not None:
            attention = self.spatial_attention(fourth)
            fourth = fourth * attention
        features = self.main(fourth)
        if self.multi_level is not None:
            side = self.side(self.multi_level(first, second, third, fourth))
            features = torch.cat([features, side], dim=1)
        return self.last_relu(self.to_map(self.channel_attention(features))), attention


def deconvolutions(
    channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]
) -> nn.Sequential:
    """Chain deconvolutions from channels[0] to channels[-1], with a ReLU after each."""
    layers: list[nn.Module] = []
    steps = zip(channels[:-1], channels[1:], kernels, strides, strict=True)
    for inputs, outputs, kernel, stride in steps:
        layers += [deconvolution(inputs, outputs, kernel=kernel, stride=stride), nn.ReLU()]
    return nn.Sequential(*layers)
