"""Trunks of torchvision's classifiers: four feature maps, at 1/4, 1/8, 1/16, 1/32 of the input."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

BackboneName = Literal["resnet50", "resnet18", "mobilenet_v2"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's RGB values in [0, 1], what torchvision's weights were trained with."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's RGB values in [0, 1]."""

STRIDE = 32
"""Input sides must be multiples of this many pixels, so that the levels align."""

CLASSIFIER = ("fc.", "classifier.")
"""Beginnings of the keys of torchvision's classification layers, which a trunk does not have."""


class Levels(NamedTuple):
    """Features of the four levels, [B, C, H/stride, W/stride]; the paper's ResBlock1..4."""

    first: Tensor
    """Stride 4."""
    second: Tensor
    """Stride 8."""
    third: Tensor
    """Stride 16."""
    fourth: Tensor
    """Stride 32."""


class Trunk(nn.Module, ABC):
    """A classifier without its pooling and classification layers."""

    channels: tuple[int, int, int, int]
    """Channels of the four levels."""

    @abstractmethod
    def forward(self, image: Tensor) -> Levels:
        """Compute the four levels of an image [B, 3, H, W] normalised by ImageNet's statistics."""

    @abstractmethod
    def segments(self) -> list[nn.Module]:
        """Return the blocks, in order, whose activations can be recomputed from their input."""


class ResNetTrunk(Trunk):
    """Conv-BN-ReLU-MaxPool-ResBlock1..4 (Fig. 2a), with torchvision's state-dict keys."""

    def __init__(self, name: str, channels: tuple[int, int, int, int]) -> None:
        """Take the name that torchvision has for the network."""
        super().__init__()
        resnet = getattr(torchvision_models(), name)(weights=None)
        self.channels = channels
        self.conv1, self.bn1 = resnet.conv1, resnet.bn1
        self.relu, self.maxpool = resnet.relu, resnet.maxpool
        self.layer1, self.layer2 = resnet.layer1, resnet.layer2
        self.layer3, self.layer4 = resnet.layer3, resnet.layer4

    def forward(self, image: Tensor) -> Levels:
        """Compute ResBlock1..4 of an image [B, 3, H, W]."""
        first = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(image)))))
        second = self.layer2(first)
        third = self.layer3(second)
        return Levels(first, second, third, self.layer4(third))

    def segments(self) -> list[nn.Module]:
        """Return the residual blocks."""
        return [*self.layer1, *self.layer2, *self.layer3, *self.layer4]


class MobileNetTrunk(Trunk):
    """MobileNetV2's features, read where the resolution is about to halve."""

    LAST = (3, 6, 13, 18)
    """Index of each level's last layer in torchvision's ``features``."""

    def __init__(self, width: float = 1.0) -> None:
        """Take the factor of the widths of Sandler et al. (CVPR 2018), Table 2."""
        super().__init__()
        models = torchvision_models()
        self.features = models.mobilenet_v2(weights=None, width_mult=width).features
        first, second, third, fourth = (self.features[last].out_channels for last in self.LAST)
        self.channels = (first, second, third, fourth)

    def forward(self, image: Tensor) -> Levels:
        """Compute the four levels of an image [B, 3, H, W]."""
        levels = []
        for index, layer in enumerate(self.features):
            image = layer(image)
            if index in self.LAST:
                levels.append(image)
        return Levels(*levels)

    def segments(self) -> list[nn.Module]:
        """Return the inverted residuals and the convolutions before and after them."""
        return list(self.features)


def torchvision_models() -> Any:
    """Import torchvision's classifiers, ``torchvision.models``.

    The import is deferred because it takes as long as torch's own (torchvision imports
    torch._dynamo), and only a network with a backbone needs it.
    """
    import model.torchvision_cpu  # noqa: F401

    # isort: split
    from torchvision import models

    return models


BACKBONES: dict[str, Callable[[], Trunk]] = {
    "resnet50": partial(ResNetTrunk, "resnet50", (256, 512, 1024, 2048)),
    "resnet18": partial(ResNetTrunk, "resnet18", (64, 128, 256, 512)),
    "mobilenet_v2": MobileNetTrunk,
}
"""Trunks, randomly initialised: the papers' (Sec. III), a smaller one, and one for CPUs."""


def load_imagenet(trunk: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Load torchvision's weights of the matching classifier, with or without its last layers.

    Raises:
        ValueError: The keys or shapes are not this trunk's.
    """
    given = {key: value for key, value in state_dict.items() if not key.startswith(CLASSIFIER)}
    own = trunk.state_dict()
    # Weights saved before torch 0.4.1 have no batch counters, which play no part in the features.
    missing = [key for key in own if key not in given and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in given if key not in own]
    reshaped = [key for key in given if key in own and given[key].shape != own[key].shape]
    problems = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    if any(problems.values()):
        found = "; ".join(f"{len(v)} {k} ({', '.join(v[:3])})" for k, v in problems.items() if v)
        raise ValueError(f"these weights are not those of torchvision's backbone: {found}")
    trunk.load_state_dict(given, strict=False)


class ImageNetNormalise(nn.Module):
    """Shifts and scales RGB values in [0, 1] as the backbone's weights expect them."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        """Keep the statistics out of the state dict: they are constants, not weights."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise an RGB image [B, 3, H, W] in [0, 1]."""
        return (image - self.mean) / self.std
