"""ResNet-50 of STRA-Net's streams: dilated instead of strided in its last stages, 1/8 of the sides.

He, Zhang, Ren, Sun, CVPR 2016, as Keras 2 has it: convolutions with a bias, a stage's stride in its
first 1x1 convolution (torchvision's has it in the 3x3 one), a first convolution without padding.
"""

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from model.arguments import at_width
from model.backbones import load_imagenet
from model.rivals.parts.keras import glorot
from model.rivals.parts.vgg import as_seen
from model.rivals.parts.view import View

BLOCKS = (3, 4, 6, 3)
"""Residual blocks of the stages that the paper calls conv2 to conv5, torchvision's layer1 to 4."""
DILATIONS = (1, 1, 2, 4)
"""Dilation of the 3x3 convolutions of each stage; only the second stage has a stride, of 2."""
EPS, TORCHVISION_EPS = 1e-3, 1e-5
"""What Keras 2 adds to the variance of a normalisation, and what torchvision adds."""
STRIDE = 8
"""Input sides must be multiples of this many pixels: at others, the grids do not align."""

Names = tuple[str, str, str, str]
"""Our names of a convolution and its normalisation, and Keras 2's names of both."""

Normalisation = partial(nn.BatchNorm2d, eps=EPS, momentum=0.01)
"""Keras 2's batch normalisation."""


class Bottleneck(nn.Module):
    """A residual block of three convolutions; torchvision's names of its layers."""

    def __init__(self, inputs: int, narrow: int, *, stride: int, dilation: int) -> None:
        super().__init__()
        wide = 4 * narrow
        self.conv1 = glorot(nn.Conv2d(inputs, narrow, 1, stride))
        self.bn1 = Normalisation(narrow)
        self.conv2 = glorot(nn.Conv2d(narrow, narrow, 3, padding=dilation, dilation=dilation))
        self.bn2 = Normalisation(narrow)
        self.conv3 = glorot(nn.Conv2d(narrow, wide, 1))
        self.bn3 = Normalisation(wide)
        self.downsample: nn.Sequential | None = None
        if inputs != wide or stride > 1:
            projection = glorot(nn.Conv2d(inputs, wide, 1, stride))
            self.downsample = nn.Sequential(projection, Normalisation(wide))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Compute features [B, 4 narrow, H/stride, W/stride] of features [B, inputs, H, W]."""
        residual = self.relu(self.bn1(self.conv1(features)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        if self.downsample is not None:
            features = self.downsample(features)
        summed: Tensor = self.relu(residual + features)
        return summed


class DilatedResNet(nn.Module):
    """The trunk in parts, since STRA-Net's streams meet between them.

    Args:
        inputs: Channels of the input.
        width: Factor of the number of channels of every layer; the published one is 1.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, *, inputs: int, width: float) -> None:
        super().__init__()
        channels = at_width(64, width)
        self.conv1 = glorot(nn.Conv2d(inputs, channels, 7, stride=2))
        self.bn1 = Normalisation(channels)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)
        self.channels = []
        for stage, (blocks, dilation) in enumerate(zip(BLOCKS, DILATIONS, strict=True)):
            layer, narrow = nn.Sequential(), at_width(64 * 2**stage, width)
            for block in range(blocks):
                stride = 2 if stage == 1 and block == 0 else 1
                layer.append(Bottleneck(channels, narrow, stride=stride, dilation=dilation))
                channels = 4 * narrow
            self.add_module(f"layer{stage + 1}", layer)
            self.channels.append(channels)

    def first(self, image: Tensor) -> Tensor:
        """Compute conv3's features [B, 512 * width, H/8, W/8] of an image [B, inputs, H, W]."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        computed: Tensor = self.layer2(self.layer1(features))
        return computed

    def segments(self) -> list[nn.Module]:
        """Return the residual blocks."""
        return [*self.layer1, *self.layer2, *self.layer3, *self.layer4]

    def load_backbone(self, state_dict: Mapping[str, Tensor], seen: View | None) -> None:
        """Start from torchvision's `resnet50`, of which the strides stand elsewhere.

        The first layer is rewritten for what the trunk sees, the normalisations for the larger
        epsilon; the convolutions' biases are 0.

        Args:
            state_dict: The weights, with or without their classifier.
            seen: How the trunk views frames. None: it sees something else, and each of its inputs
                gets the mean of the kernels of the colours, so scaled that equal inputs add up to
                what a grey picture does. How the authors started their motion stream is unknown.

        Raises:
            ValueError: The weights are not those of this trunk.
        """
        given = dict(state_dict)
        for name, module in self.named_modules():
            weight, variance = f"{name}.weight", f"{name}.running_var"
            if isinstance(module, nn.Conv2d) and weight in given:
                given[f"{name}.bias"] = torch.zeros(len(given[weight]))
            elif isinstance(module, nn.BatchNorm2d) and {weight, variance} <= given.keys():
                ratio = (given[variance] + EPS) / (given[variance] + TORCHVISION_EPS)
                given[weight] = given[weight] * ratio.sqrt()
        kernel, inputs = given.get("conv1.weight"), self.conv1.in_channels
        if kernel is not None and seen is not None:
            given["conv1.weight"], given["conv1.bias"] = as_seen(kernel, given["conv1.bias"], seen)
        elif kernel is not None:
            shared = kernel.sum(dim=1, keepdim=True) / inputs
            given["conv1.weight"] = shared.repeat(1, inputs, 1, 1)
        load_imagenet(self, given)


def layers() -> Iterator[tuple[int, list[Names]]]:
    """Yield the stage, 1 to 5, and the layers of one depth after another."""
    yield 1, [("conv1", "bn1", "conv1", "bn_conv1")]
    for stage, blocks in enumerate(BLOCKS, 2):
        for block in range(blocks):
            ours, theirs = f"layer{stage - 1}.{block}.", f"{stage}{'abcdef'[block]}_branch"
            first, second, third = (
                (f"{ours}conv{number}", f"{ours}bn{number}", f"res{theirs}2{c}", f"bn{theirs}2{c}")
                for number, c in enumerate("abc", 1)
            )
            projection = (
                f"{ours}downsample.0",
                f"{ours}downsample.1",
                f"res{theirs}1",
                f"bn{theirs}1",
            )
            yield stage, [first]
            yield stage, [second]
            yield stage, [third] if block else [third, projection]
