"""The 13 convolutions of VGG-16 (Simonyan, Zisserman, ICLR 2015, configuration D).

The networks that start from them see BGR in 0..255 less a mean, as the released Caffe weights do;
torchvision's weights see RGB in 0..1 normalised by ImageNet's statistics. `VGG.load_backbone`
rewrites the first layer for what a network sees.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

from model.arguments import at_width
from model.backbones import CLASSIFIER, IMAGENET_MEAN, IMAGENET_STD
from model.rivals.parts.view import View

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Filters of the convolutions of each block, at width 1."""

CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Mean of ImageNet's values in 0..255 in the order B, G, R, what the released weights expect."""

CONVOLUTIONS = {
    "block1.conv1": 0,
    "block1.conv2": 2,
    "block2.conv1": 5,
    "block2.conv2": 7,
    "block3.conv1": 10,
    "block3.conv2": 12,
    "block3.conv3": 14,
    "block4.conv1": 17,
    "block4.conv2": 19,
    "block4.conv3": 21,
    "block5.conv1": 24,
    "block5.conv2": 26,
    "block5.conv3": 28,
}
"""Our name of each convolution -> its number in torchvision's ``features``, in order."""


class VGG(nn.Module):
    """Five blocks of 3x3 convolutions with ReLU; max pooling after the first four, none at the end.

    Args:
        width: Factor of the number of filters of every layer; the published one is 1.
        seen: How the network views frames; a random start is for values of that scale.
        dense: Let the pooling after block 4 keep the size (stride 1), as ACLNet does: features of
            an eighth of the sides instead of a sixteenth.
    """

    def __init__(self, *, width: float, seen: View, dense: bool) -> None:
        super().__init__()
        inputs = 3
        for number, block in enumerate(BLOCKS, 1):
            outputs = [at_width(count, width) for count in block]
            layers = convolutions(inputs, outputs)
            if number < len(BLOCKS):
                same = dense and number == len(BLOCKS) - 1
                layers["pool"] = SamePool() if same else nn.MaxPool2d(2)
            self.add_module(f"block{number}", nn.Sequential(layers))
            inputs = outputs[-1]
        self.channels = inputs
        with torch.no_grad():
            # He's start expects inputs of variance 1, which those of 0..255 exceed 60 times.
            first = self.get_submodule("block1.conv1").get_parameter("weight")
            first.div_(seen.gain * torch.tensor(IMAGENET_STD).mean() / seen.std.mean())

    def forward(self, image: Tensor) -> Tensor:
        """Compute the features [B, 512 * width, H/16, W/16] of an image [B, 3, H, W]."""
        for block in self.children():
            image = block(image)
        return image

    def segments(self) -> list[nn.Module]:
        """Return the blocks, in order, whose activations can be recomputed from their input."""
        return list(self.children())

    def load_backbone(self, state_dict: Mapping[str, Tensor], seen: View) -> None:
        """Start from torchvision's ``vgg16``, with or without its classifier.

        The first layer is rewritten to what the network sees and then computes the same values,
        but for the outermost pixels: beyond the border, where torchvision pads with its mean's 0,
        the network pads with its own.

        Raises:
            ValueError: The weights are not those of this trunk; it names them.
        """
        given = {key: value for key, value in state_dict.items() if not key.startswith(CLASSIFIER)}
        own = {
            f"features.{number}.{part}": f"{name}.{part}"
            for name, number in CONVOLUTIONS.items()
            for part in ("weight", "bias")
        }
        shapes = {key: tuple(self.get_parameter(name).shape) for key, name in own.items()}
        odd = [key for key in shapes | given if shapes.get(key) != _shape(given.get(key))]
        if odd:
            raise ValueError(
                "these weights are not those of torchvision's vgg16: "
                f"{odd[0]} is {_shape(given.get(odd[0]))}, expected {shapes.get(odd[0])}"
            )
        weights = {name: given[key].float() for key, name in own.items()}
        first = (weights["block1.conv1.weight"], weights["block1.conv1.bias"])
        weights["block1.conv1.weight"], weights["block1.conv1.bias"] = as_seen(*first, seen)
        self.load_state_dict(weights)


class SamePool(nn.Module):
    """Max pooling over 2x2 pixels of stride 1, "same" as Keras has it: padded right and below."""

    def forward(self, features: Tensor) -> Tensor:
        """Pool features [B, C, H, W] to the same size."""
        return max_pool2d(pad(features, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)


def convolutions(inputs: int, outputs: list[int]) -> OrderedDict[str, nn.Module]:
    """Chain 3x3 convolutions that keep the size, each with a ReLU; He's start."""
    layers = OrderedDict[str, nn.Module]()
    for number, channels in enumerate(outputs, 1):
        conv = nn.Conv2d(inputs, channels, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        layers[f"conv{number}"], layers[f"relu{number}"] = conv, nn.ReLU(inplace=True)
        inputs = channels
    return layers


def as_seen(weight: Tensor, bias: Tensor, seen: View) -> tuple[Tensor, Tensor]:
    """Rewrite a layer that sees RGB normalised by ImageNet's statistics to see as a view does.

    A value v of a view's channel is the value (v std + mean) / gain in 0..1.
    """
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    if seen.colour == "bgr":
        weight, mean, std = weight.flip(1), mean.flip(0), std.flip(0)
    factor = seen.std.flatten().cpu() / seen.gain / std
    offset = (seen.mean.flatten().cpu() / seen.gain - mean) / std
    shift = (weight.sum(dim=(2, 3)) * offset).sum(dim=1)
    return weight * factor[:, None, None], bias + shift


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)
