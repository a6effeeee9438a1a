"""ACLNet: a dense VGG-16, attention that eye tracking supervises, and a convolutional LSTM.

Wang, Shen, Guo, Cheng, Borji, "Revisiting Video Saliency: A Large-scale Benchmark and a New Model",
CVPR 2018, Sec. 4; TPAMI 2019. What the paper leaves open (the colours' means, the pooling after
block 4, the LSTM's gates) is as in the authors' program, for Keras 2.2.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from model.arguments import at_width, pick
from model.classical.gaussian import blurred
from model.released import Released
from model.rivals.parts.keras import Sources, convolution, glorot, letterbox, recurrent
from model.rivals.parts.keras_loss import cc, kl, nss, targets
from model.rivals.parts.recurrent import ConvLSTM
from model.rivals.parts.vgg import CONVOLUTIONS, VGG
from model.sight import Sight, State

STRIDE = 32
"""Input sides must be multiples of this many pixels: the attention's grid is 1/32 of them."""
ATTENTION = {
    "conv1": "time_distributed_3",
    "conv2": "time_distributed_4",
    "conv3": "time_distributed_6",
    "conv4": "time_distributed_7",
    "out": "time_distributed_8",
}
"""Layer of the attention -> its name in the released file."""


class AttentiveMaps(NamedTuple):
    """The saliency map [B, N, 1, H, W] and what the loss is computed on."""

    saliency: Tensor
    """The prediction on the frames' grid, in 0..1."""
    own: Tensor
    """The same on the network's grid, [B, N, 1, h/2, w/2] of its size [h, w], with any bars."""
    attention: Tensor
    """The attention, in 0..1, [B, N, 1, h/4, w/4], with any bars."""


class ACLNet(nn.Module):
    """Features of each frame, weighted by its attention, through a ConvLSTM (Sec. 4).

    The state goes through a whole video, as in the authors' program, which predicts runs of five.

    Args:
        backbone: The trunk; it is the authors'.
        size: Height and width that the network sees, 256 and 320 in the authors' program; frames
            stand in it with black bars.
        width: Factor of the number of channels of every layer; the published one is 1.
        dropout: Share of the ConvLSTM's inputs that training drops, 0.4 in the authors' program.
        blur: Standard deviation of a Gaussian over predictions, but not in training, pixels of the
            frames; the authors' program has one of 7 pixels of the video. 0: none.
    """

    sight = Sight(carries=True)

    def __init__(
        self,
        *,
        backbone: Literal["vgg16"],
        size: tuple[int, int],
        width: float,
        dropout: float,
        blur: float,
    ) -> None:
        super().__init__()
        trunk = pick("backbone", backbone, {"vgg16": VGG})
        if any(side % STRIDE for side in size):
            raise ValueError(f"size: expected multiples of {STRIDE}, got {list(size)}")
        self.view, self.blur = letterbox(size), blur
        self.trunk = trunk(width=width, seen=self.view, dense=True)
        self.attention = attention(self.trunk.channels, width)
        hidden = at_width(256, width)
        self.memory = ConvLSTM(self.trunk.channels, hidden, dropout=dropout)
        self.out = glorot(nn.Conv2d(hidden, 1, 1))

    def forward(
        self, clip: Tensor, flow: Tensor | None, state: State | None
    ) -> tuple[AttentiveMaps, State]:
        """Predict every frame of RGB clips [B, T, 3, H, W] in [0, 1]; flow is ignored.

        Of the returned maps, N = T; the state is the LSTM's.
        """
        frames = clip.shape[:2]
        seen = torch.unflatten(self.view(clip.flatten(0, 1)), 0, frames)
        maps, where, state = self.core(seen, state)
        # The program repeats cells: its targets have half of the sides, and a quarter.
        own = interpolate(maps.flatten(0, 1), scale_factor=4)
        where = interpolate(where.flatten(0, 1), scale_factor=8)
        saliency = self.view.back(own, (clip.shape[-2], clip.shape[-1]))
        if self.blur and not self.training:
            saliency = blurred(saliency, self.blur)
        every = (torch.unflatten(part, 0, frames) for part in (saliency, own, where))
        return AttentiveMaps(*every), state

    def core(self, seen: Tensor, state: State | None) -> tuple[Tensor, Tensor, State]:
        """Return map, attention and state of what the network sees, [B, T, 3, h, w].

        The map is [B, T, 1, h/8, w/8], the attention [B, T, 1, h/32, w/32].
        """
        frames = seen.shape[:2]
        features = self.trunk(seen.flatten(0, 1))
        where = self.attention(features)
        features = features * (1 + interpolate(where, scale_factor=4))
        remembered, state = self.memory(torch.unflatten(features, 0, frames), state)
        maps = self.out(remembered.flatten(0, 1)).sigmoid()
        return torch.unflatten(maps, 0, frames), torch.unflatten(where, 0, frames), state

    def authors_loss(self, maps: AttentiveMaps, density: Tensor, fixated: Tensor) -> Tensor:
        """Return the loss of Sec. 4 with the weights of the authors' program.

        It is 10 KL - 2 CC - NSS of the map and of the attention. The M frames are the first
        dimension of all `maps`; density and fixated are [M, 1, H, W].
        """
        total = density.new_zeros(())
        for predicted in (maps.own, maps.attention):
            S, F = targets(density, fixated, (predicted.shape[-2], predicted.shape[-1]))
            total = total + 10 * kl(predicted, S) + 2 * cc(predicted, S) + nss(predicted, S, F)
        return total

    def segments(self) -> list[nn.Module]:
        """Return the blocks of the trunk, whose activations fill the memory in training."""
        return self.trunk.segments()

    def load_backbone(self, state_dict: Mapping[str, Tensor]) -> None:
        """Start the trunk from torchvision's VGG-16.

        Raises:
            ValueError: The weights are not that network's.
        """
        self.trunk.load_backbone(state_dict, self.view)

    def released(self) -> Released:
        """Return the tensors of the authors' `ACL.h5`, a whole saved model, in its order."""
        tensors: Sources = {}
        for name in CONVOLUTIONS:
            theirs = name.replace(".", "_")
            tensors |= convolution(f"trunk.{name}", f"time_distributed_1/{theirs}")
        for layer, group in ATTENTION.items():
            tensors |= convolution(f"attention.{layer}", f"{group}/{group}")
        tensors |= recurrent("memory", "conv_lst_m2d_1/conv_lst_m2d_1")
        tensors |= convolution("out", "time_distributed_14/time_distributed_14")
        return Released("hdf5", tensors, ordered=True)


def attention(channels: int, width: float) -> nn.Sequential:
    """Chain the attention module: from features [M, C, h, w] to [M, 1, h/4, w/4] in 0..1."""
    narrow, wide = at_width(64, width), at_width(128, width)
    layers = nn.Sequential()
    for number, inputs in ((1, channels), (3, wide)):
        layers.add_module(f"pool{number}", nn.MaxPool2d(2))
        layers.add_module(f"conv{number}", glorot(nn.Conv2d(inputs, narrow, 1)))
        layers.add_module(f"relu{number}", nn.ReLU(inplace=True))
        layers.add_module(f"conv{number + 1}", glorot(nn.Conv2d(narrow, wide, 3, padding=1)))
        layers.add_module(f"relu{number + 1}", nn.ReLU(inplace=True))
    layers.add_module("out", glorot(nn.Conv2d(wide, 1, 1)))
    layers.add_module("sigmoid", nn.Sigmoid())
    return layers
