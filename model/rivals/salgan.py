"""SalGAN (Pan et al., arXiv 1701.01081): VGG-16, its mirror image, and a discriminator.

The network sees one frame at 256x192, BGR in 0..255 less ImageNet's mean. Sections are the paper's;
what only the authors' program settles is named so.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    logsigmoid,
    max_pool2d,
    softplus,
)

from model.arguments import at_width, check_sides
from model.losses import mean_of
from model.released import Released, Source
from model.rivals.parts.vgg import BLOCKS, CAFFE_MEAN, CONVOLUTIONS, VGG, convolutions
from model.rivals.parts.view import View

STRIDE = 16
"""Four poolings halve a side each; sides of the network's size are multiples of this."""
POOLED = 4
"""Side of the squares, px, over which both maps are averaged for the content loss (Sec. 5.1)."""


class OwnMaps(NamedTuple):
    """The map on the frame's grid, and as the network has it."""

    saliency: Tensor
    """[B, 1, H, W], in 0..1."""
    logits: Tensor
    """[B, 1, h, w] of the network's size, of which the losses are made: the map's log-odds."""


class SalGAN(nn.Module):
    """The generator with the authors' view of a frame (Sec. 3.1).

    Args:
        size: Height and width that the network sees, px, multiples of 16; the paper's is 192x256.
        width: Factor of the number of filters of every layer; the paper's is 1.
        backbone: The encoder's start, `vgg16`; None: random.
        frozen_blocks: Blocks of the encoder, from the first on, that are not trained; the paper's 3
            leave conv4_1 to conv5_3 and the decoder.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        width: float,
        backbone: Literal["vgg16"] | None,
        frozen_blocks: int,
    ) -> None:
        super().__init__()
        self.size, self.width = size, width
        self.view = caffe_view(size)
        self.core = Generator(width=width, seen=self.view)
        for block in self.core.encoder.segments()[:frozen_blocks]:
            block.requires_grad_(False)

    def forward(self, frame: Tensor, flow: Tensor | None) -> OwnMaps:
        """Predict from RGB frames [B, 3, H, W] in [0, 1]; flow is ignored."""
        logits = self.core(self.view(frame)).float()
        height, width = frame.shape[-2:]
        return OwnMaps(self.view.back(torch.sigmoid(logits), (height, width)), logits)

    def segments(self) -> list[nn.Module]:
        """Return the blocks, whose activations fill the memory in training."""
        return [*self.core.encoder.segments(), *self.core.decoder.rest]

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the encoder from torchvision's ``vgg16``.

        Raises:
            ValueError: The weights are not vgg16's, or the width is not 1.
        """
        self.core.encoder.load_backbone(state_dict, self.view)

    def released(self) -> Released:
        """Return what is known of the authors' ``gen_modelWeights0090.npz``.

        Lasagne's layers are true convolutions unless they are asked not to be. The encoder's are
        asked, so that they can start from Caffe's weights; the decoder's are not.
        """
        tensors = {}
        for number, name in enumerate(LAYERS):
            flipped = name.startswith("decoder.")
            tensors[f"core.{name}.weight"] = Source(
                f"arr_{2 * number}", "flipped" if flipped else "same"
            )
            tensors[f"core.{name}.bias"] = Source(f"arr_{2 * number + 1}")
        return Released("npz", tensors)

    def authors_loss(self, maps: OwnMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the content loss, Eq. (2), of maps averaged over squares of 4x4 pixels (Sec. 5.1).

        Both maps are in 0..1; that of a frame without gaze does not count.
        """
        return content_loss(maps.logits, self.view.framed(density))

    def discriminator(self) -> "Discriminator":
        """Build the discriminator (Sec. 3.2) for its size and width."""
        return Discriminator(size=self.size, width=self.width)

    def generator_loss(
        self,
        discriminator: nn.Module,
        maps: OwnMaps,
        frame: Tensor,
        density: Tensor,
        *,
        content: float,
    ) -> Tensor:
        """Return the generator's loss against a discriminator, Eq. (3).

        Args:
            discriminator: As `discriminator` builds it.
            maps: The generator's maps of the frames.
            frame: RGB frames [B, 3, H, W] in [0, 1].
            density: Densities [B, 1, H, W] in 0..1, all zero where there is no gaze.
            content: Weight of the content loss, alpha; the paper's is 0.05.
        """
        truth = self.view.framed(density)
        answer = discriminator(torch.sigmoid(maps.logits), self.view.framed(frame))
        fooled = softplus(-answer)  # minus the logarithm of the probability
        return content * content_loss(maps.logits, truth) + mean_of(fooled, has_gaze(truth), None)

    def discriminator_loss(
        self, discriminator: nn.Module, maps: OwnMaps, frame: Tensor, density: Tensor
    ) -> Tensor:
        """Return the cross-entropy of a discriminator's answers, people's being true (Sec. 4.2).

        Arguments are those of `generator_loss`; no gradient reaches the generator.
        """
        picture, truth = self.view.framed(frame), self.view.framed(density)
        of_people = discriminator(truth, picture)
        of_network = discriminator(torch.sigmoid(maps.logits.detach()), picture)
        errors = (softplus(-of_people) + softplus(of_network)) / 2
        return mean_of(errors, has_gaze(truth), None)


class Generator(nn.Module):
    """Encoder and decoder, from what the network sees [B, 3, h, w] to logits [B, 1, h, w]."""

    def __init__(self, *, width: float, seen: View) -> None:
        super().__init__()
        self.encoder = VGG(width=width, seen=seen, dense=False)
        self.decoder = Decoder(self.encoder.channels, width)

    def forward(self, image: Tensor) -> Tensor:
        """Compute the logits of the map.

        Raises:
            ValueError: A side is not a multiple of 16.
        """
        check_sides(image, STRIDE, "choose another `size`")
        logits: Tensor = self.decoder.rest(self.decoder.first(self.encoder(image)))
        return logits


class Decoder(nn.Module):
    """VGG-16's blocks in reverse: 3x3 convolutions with ReLU, each block enlarged by repetition.

    The first convolution stands alone, because SalEMA averages what it returns before the ReLU.
    Glorot's start (authors' program).
    """

    def __init__(self, inputs: int, width: float) -> None:
        super().__init__()
        blocks = OrderedDict[str, nn.Module]()
        for number in range(len(BLOCKS), 0, -1):
            outputs = [at_width(count, width) for count in BLOCKS[number - 1]]
            layers = convolutions(inputs, outputs)
            if number > 1:
                layers["enlarge"] = nn.Upsample(scale_factor=2)
            blocks[f"block{number}"] = nn.Sequential(layers)
            inputs = outputs[-1]
        last = nn.Conv2d(inputs, 1, 1)
        blocks["last"] = last
        first = blocks["block5"].conv1
        assert isinstance(first, nn.Conv2d)
        self.first = first
        del blocks["block5"].conv1
        # Not in place: the first convolution's output is SalEMA's state.
        blocks["block5"].relu1 = nn.ReLU()
        self.rest = nn.Sequential(blocks)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]


class Discriminator(nn.Module):
    """Answers whether a map is people's, from the map and its frame (Sec. 3.2, Table 1).

    The first layer's three filters, the first pooling by 4 and the normalised weights of two layers
    are the authors' program's; Table 1 has one filter, a pooling by 2 and no normalisation.
    """

    def __init__(self, *, size: tuple[int, int], width: float) -> None:
        super().__init__()
        few, more = at_width(32, width), at_width(64, width)
        self.merge = nn.Conv2d(4, 3, 1)
        self.conv1 = nn.Conv2d(3, few, 3, padding=1)
        self.conv2_1, self.conv2_2 = (
            nn.Conv2d(inputs, more, 3, padding=1) for inputs in (few, more)
        )
        self.conv3_1, self.conv3_2 = NormedConvolution(more), NormedConvolution(more)
        cells = (size[0] // STRIDE) * (size[1] // STRIDE)
        hidden = at_width(100, width)
        self.dense = nn.Sequential(
            nn.Linear(more * cells, hidden), nn.Tanh(), nn.Linear(hidden, 2), nn.Tanh()
        )
        self.answer = nn.Linear(2, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor, picture: Tensor) -> Tensor:
        """Return logits [B] of maps [B, 1, h, w] in 0..1 and RGB pictures [B, 3, h, w] in [0, 1].

        The first layer sees the picture in 0..255 beside the map in 0..1 (authors' program).
        """
        seen = self.merge(torch.cat([maps, 255 * picture], dim=1)).relu()
        seen = max_pool2d(self.conv1(seen).relu(), 4)
        seen = max_pool2d(self.conv2_2(self.conv2_1(seen).relu()).relu(), 2)
        seen = max_pool2d(self.conv3_2(self.conv3_1(seen).relu()).relu(), 2)
        answer: Tensor = self.answer(self.dense(seen.flatten(1)))
        return answer.flatten()


class NormedConvolution(nn.Module):
    """A 3x3 convolution, each filter of length `scale` (Salimans, Kingma, NIPS 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, 3, 3))
        nn.init.xavier_uniform_(self.weight)
        self.scale = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Convolve features [B, C, H, W] without changing their shape."""
        squared = self.weight.square().sum(dim=(1, 2, 3))
        # 1e-6 is the authors' program's.
        weight = self.weight * (self.scale * torch.rsqrt(1e-6 + squared))[:, None, None, None]
        return nn.functional.conv2d(features, weight, self.bias, padding=1)


LAYERS = (
    *(f"encoder.{name}" for name in CONVOLUTIONS),
    "decoder.first",
    *(
        f"decoder.rest.block{number}.conv{layer}"
        for number in range(len(BLOCKS), 0, -1)
        for layer in range(1, len(BLOCKS[number - 1]) + 1)
        if (number, layer) != (len(BLOCKS), 1)
    ),
    "decoder.rest.last",
)
"""Names of the 27 convolutions of a `Generator`, in order."""


def caffe_view(size: tuple[int, int]) -> View:
    """Return how SalGAN and SalEMA see frames: shrunk by areas, BGR in 0..255 less the mean."""
    return View(size=size, resizing="area", colour="bgr", gain=255.0, mean=CAFFE_MEAN)


def content_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean cross-entropy of maps [B, 1, h, w] averaged over squares of 4x4 pixels.

    From log-odds, so that a map of zeros, in float32, can still learn.
    """
    # Bilinear filters leave 0..1 by rounding.
    target = avg_pool2d(truth.float(), POOLED).clamp(0, 1)
    there, not_there = log_mean(logsigmoid(logits)), log_mean(logsigmoid(-logits))
    entropy = -(target * there + (1 - target) * not_there)
    return mean_of(entropy.mean(dim=(1, 2, 3)), has_gaze(truth), None)


def log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the mean, over squares of 4x4, of what has these logarithms."""
    batch, channels, height, width = logarithms.shape
    rows, columns = height // POOLED, width // POOLED
    squares = logarithms.reshape(batch, channels, rows, POOLED, columns, POOLED)
    return squares.logsumexp(dim=(3, 5)) - math.log(POOLED**2)


def has_gaze(density: Tensor) -> Tensor:
    """Return which densities [B, 1, H, W] are not zero everywhere, [B] boolean."""
    return (density > 0).flatten(1).any(dim=1)
