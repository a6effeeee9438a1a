"""Shallow ConvNet (Pan et al., Shallow and Deep Convolutional Networks, CVPR 2016).

Three convolutions and two layers that see the whole picture turn 96x96 pixels into 48x48 of a map.
The authors' program settles what the paper leaves open, so named below. It is trained here from a
random start: the weights that were released are a Python 2 object that only its classes can read.
"""

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.arguments import at_width
from model.classical.gaussian import blurred
from model.losses import mean_of
from model.rivals.parts.view import View, resized

CONVOLUTIONS = (("conv1", 32, 5), ("conv2", 64, 3), ("conv3", 64, 3))
"""Name, filters at width 1, side of the kernel in px; each is followed by ReLU and pooling."""


class OwnMaps(NamedTuple):
    """The map on the frame's grid, and as the network has it."""

    saliency: Tensor
    """[B, 1, H, W], in 0..1 but for what goes beyond 1."""
    own: Tensor
    """[B, 1, h/2, w/2] of the network's size, linear: -1 is no saliency, 1 the most."""


class ShallowConvNet(nn.Module):
    """The network with the authors' view of a frame: RGB in 0..1, stretched to its size.

    Args:
        size: Height and width that the network sees, px; the paper's is 96x96. The map has half.
        width: Factor of the number of filters of the convolutions; the paper's is 1.
        blur: Standard deviation of a Gaussian over the map, px of its own size; the authors' demo
            has 3, the program for their results computes it but writes the map without. 0: none.
    """

    def __init__(self, *, size: tuple[int, int], width: float, blur: float) -> None:
        """Build the network.

        Raises:
            ValueError: The size is odd, or too small for three convolutions with poolings.
        """
        super().__init__()
        self.view = View(size=size, resizing="antialiased")
        self.core = Core(size=size, width=width)
        self.blur = blur

    def forward(self, frame: Tensor, flow: Tensor | None) -> OwnMaps:
        """Predict from RGB frames [B, 3, H, W] in [0, 1]; flow is ignored."""
        own = self.core(self.view(frame)).float()
        density = ((own + 1) / 2).clamp_min(0)
        if self.blur and not self.training:
            density = blurred(density, self.blur)
        return OwnMaps(resized(density, (frame.shape[-2], frame.shape[-1]), "bilinear"), own)

    def segments(self) -> list[nn.Module]:
        """Return the parts whose activations fill the memory in training: the convolutions."""
        return [*self.core.convolutions]

    def authors_loss(self, maps: OwnMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the mean squared error of the linear maps from densities [B, 1, H, W] >= 0.

        A density is shrunk to the map's size, and its maximum becomes 1 (the authors' program). One
        that is 0 everywhere does not count.
        """
        height, width = maps.own.shape[-2:]
        truth = resized(density.float(), (height, width), "antialiased")
        largest = truth.amax(dim=(1, 2, 3), keepdim=True)
        target = 2 * truth / largest.clamp_min(torch.finfo(truth.dtype).tiny) - 1
        errors = (maps.own - target).square().flatten(1).mean(dim=1)
        return mean_of(errors, density.flatten(1).amax(dim=1) > 0, None)


class Block(nn.Sequential):
    """A convolution that does not pad, ReLU, and pooling of 2x2 that drops an odd last row."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel)
        super().__init__(OrderedDict(conv=conv, relu=nn.ReLU(inplace=True), pool=nn.MaxPool2d(2)))


class Core(nn.Module):
    """From pictures [B, 3, h, w] of one size in 0..1 to linear maps [B, 1, h/2, w/2]."""

    def __init__(self, *, size: tuple[int, int], width: float) -> None:
        super().__init__()
        self.grid = size[0] // 2, size[1] // 2
        blocks = OrderedDict[str, nn.Module]()
        inputs, sides = 3, list(size)
        for name, filters, kernel in CONVOLUTIONS:
            outputs = at_width(filters, width)
            blocks[name] = Block(inputs, outputs, kernel)
            inputs, sides = outputs, [(side - kernel + 1) // 2 for side in sides]
        if size[0] % 2 or size[1] % 2 or min(sides) < 1:
            raise ValueError(f"size: expected even numbers from 24 on, got {[*size]}")
        pixels = self.grid[0] * self.grid[1]
        self.convolutions = nn.Sequential(blocks)
        self.hidden = nn.Linear(inputs * sides[0] * sides[1], 2 * pixels)
        self.output = nn.Linear(pixels, pixels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):  # Lasagne's start
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, picture: Tensor) -> Tensor:
        """Return the linear map; it is no density yet."""
        hidden = self.hidden(self.convolutions(picture).flatten(1)).relu()
        # Maxout (Goodfellow et al., ICML 2013): the larger of two neighbours.
        largest = hidden.unflatten(1, (-1, 2)).amax(dim=2)
        output: Tensor = self.output(largest).unflatten(1, (1, *self.grid))
        return output
