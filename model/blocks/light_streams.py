"""The streams of the light network: what each makes of its input, at stride 8."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from model.backbones import MobileNetTrunk
from model.blocks.channel_attention import ChannelAttention
from model.blocks.spatial_attention import SpatialAttention
from model.flow.camera import camera_motion

LEVELS = (6, 13, 18)
"""Index of the trunk's last layer at stride 8, 16 and 32."""
REDUCTION = 4
"""Channels per hidden unit of the channel attention, as the paper has it (Sec. III-B)."""
PRIOR = (6, 8)
"""Cells of the location prior: coarse, since gaze falls off smoothly towards the border."""
SEEN = 8
"""Channels that the motion stream sees: flow with and without the camera's share (two each), their
lengths, contrast, and contrast that moves."""


def convolution(inputs: int, outputs: int, side: int = 1, stride: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size at stride 1, with normalisation and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


def separable(channels: int) -> nn.Sequential:
    """Return a 3x3 convolution in two steps: each channel by itself, then across channels."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
        *convolution(channels, channels),
    )


class Finer(nn.Module):
    """One step down the levels (Sec. III-A): enlarge, concatenate, mix, and look around."""

    def __init__(self, deep: int, shallow: int, outputs: int) -> None:
        """Take the channels of the deep features, the shallow ones and the result."""
        super().__init__()
        self.mix, self.around = convolution(deep + shallow, outputs), separable(outputs)

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Return features on the grid of the shallow ones, [B, outputs, h, w]."""
        deep = interpolate(deep, shallow.shape[-2:], mode="bilinear")
        mixed = self.mix(torch.cat([deep, shallow], 1))
        found: Tensor = mixed + self.around(mixed)
        return found


class Level(nn.Module):
    """Features to the logarithm of a density, up to a constant, with a prior of location."""

    def __init__(self, channels: int) -> None:
        """Take the number of channels; the first map is uniform."""
        super().__init__()
        self.channel_attention = ChannelAttention(channels, reduction=REDUCTION, bias=1.0)
        self.conv = nn.Conv2d(channels, 1, 1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        self.prior = nn.Parameter(torch.zeros(1, 1, *PRIOR))

    def forward(self, features: Tensor) -> Tensor:
        """Return a level [B, 1, h, w] for features [B, C, h, w]."""
        prior = interpolate(self.prior, features.shape[-2:], mode="bilinear")
        level: Tensor = self.conv(self.channel_attention(features)) + prior
        return level


class PictureHead(nn.Module):
    """What pictures have in place of the last step down the levels, and of the level, of films."""

    def __init__(self, finer: Finer, level: Level) -> None:
        """Take step and level of films, and start from copies."""
        super().__init__()
        self.finer, self.level = deepcopy(finer), deepcopy(level)

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        """Return the level [B, 1, h, w] on the grid of the shallow features."""
        level: Tensor = self.level(self.finer(deep, shallow))
        return level


class LightAppearance(nn.Module):
    """MobileNetV2 and the multi-level information of its features."""

    def __init__(self, layers: int, channels: tuple[int, ...], picture_head: bool) -> None:
        """Take the number of the trunk's layers and the channels from the deepest to stride 8.

        With `picture_head`, pictures have a PictureHead.

        Raises:
            ValueError: The trunk does not end at one of its levels, or the numbers do not fit.
        """
        super().__init__()
        kept = [level for level in LEVELS if level < layers]
        if layers - 1 not in LEVELS[1:] or len(channels) != len(kept):
            raise ValueError(
                f"layers: expected {' or '.join(str(level + 1) for level in LEVELS[1:])}, with 2 "
                f"or 3 channels; got {layers} with {len(channels)}"
            )
        self.levels = kept
        trunk = MobileNetTrunk()
        trunk.features = trunk.features[:layers]
        self.trunk = trunk
        *finer, deepest = (trunk.features[level].out_channels for level in kept)
        self.spatial_attention = SpatialAttention(deepest)
        self.deepest = convolution(deepest, channels[0])
        steps = zip(channels[:-1], reversed(finer), channels[1:], strict=True)
        self.finer = nn.ModuleList(Finer(*step) for step in steps)
        self.level = Level(channels[-1])
        self.picture = PictureHead(self.last, self.level) if picture_head else None

    @property
    def last(self) -> Finer:
        """The last step down the levels, to those at stride 8."""
        last: Finer = self.finer[-1]  # type: ignore[assignment]
        return last

    def start_picture(self) -> None:
        """Start the head of pictures, where there is one, from that of films."""
        if self.picture is not None:
            self.picture.load_state_dict(PictureHead(self.last, self.level).state_dict())

    def train(self, mode: bool = True) -> "LightAppearance":
        """Switch to training or evaluation; the trunk's normalisation always evaluates."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, image: Tensor, picture: bool = False) -> Tensor:
        """Return the level [B, 1, H/8, W/8] of images [B, 3, H, W].

        Each is a frame of a film, or with `picture` none.
        """
        taken = []
        for index, layer in enumerate(self.trunk.features):
            image = layer(image)
            if index in self.levels:
                taken.append(image)
        deepest = taken.pop()
        features = self.deepest(deepest * self.spatial_attention(deepest))
        *steps, last = self.finer
        for finer in steps:
            features = finer(features, taken.pop())
        if picture and self.picture is not None:
            found: Tensor = self.picture(features, taken.pop())
            return found
        level: Tensor = self.level(last(features, taken.pop()))
        return level


class LightMotion(nn.Module):
    """A few convolutions over flow, with and without the camera's share."""

    def __init__(self, channels: tuple[int, int, int], spread: float) -> None:
        """Take the channels at stride 8, 16 and 32, and the unit of flow."""
        super().__init__()
        first, second, third = channels
        self.spread = spread
        self.first = nn.Sequential(convolution(SEEN, first, 3, 2), separable(first))
        self.second = nn.Sequential(convolution(first, second, 3, 2), separable(second))
        self.third = nn.Sequential(convolution(second, third, 3, 2), separable(third))
        self.spatial_attention = SpatialAttention(third)
        self.finer = nn.ModuleList([Finer(third, second, second), Finer(second, first, first)])
        self.level = Level(first)

    def forward(self, flow: Tensor, contrast: Tensor) -> Tensor:
        """Return the level [B, 1, H/8, W/8] of flow [B, 2, H/4, W/4].

        Flow is guessed where a frame is plain: `contrast` [B, 1, H/4, W/4] says where it is not.
        """
        flow = flow / self.spread
        # Logarithms of both, so that a walk and a car race fit the same scale.
        alone = flow - camera_motion(flow, 1.0)
        # Not norm(dim=1), which takes sixty times as long on processors.
        speed, own = (f.square().sum(1, keepdim=True).sqrt() for f in (flow, alone))
        seen = torch.cat([flow, alone, speed, own], 1)
        seen = torch.cat([seen.sign() * seen.abs().log1p(), contrast, contrast * own.log1p()], 1)
        first = self.first(seen)
        second = self.second(first)
        third = self.third(second)
        features = self.finer[0](third * self.spatial_attention(third), second)
        level: Tensor = self.level(self.finer[1](features, first))
        return level
