"""Layers of UNISAL that each domain normalises by itself, and its recurrent cell made of them.

A domain is a dataset with its own shooting and viewing (Droste et al., ECCV 2020, Sec. 3.1). All
convolutions are shared; statistics, scale and shift of what they compute are each domain's own.
"""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu6

Domain = Literal["DHF1K", "Hollywood", "UCFSports", "SALICON"]
DOMAINS: tuple[Domain, ...] = ("DHF1K", "Hollywood", "UCFSports", "SALICON")
"""The four datasets that UNISAL was trained on, by the names that its weights have for them."""
STILLS: Domain = "SALICON"
"""The domain of still images."""

MOMENTUM, MOMENTUM_OF_STILLS = 0.01, 0.1
"""Share of a new batch in the running statistics: that of videos, in small batches, and that of
images (the authors' program)."""


class DomainNorm(nn.ModuleDict):
    """Batch normalisation of one domain at a time, the one that `enter` chose."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for domain in DOMAINS:
            momentum = MOMENTUM_OF_STILLS if domain == STILLS else MOMENTUM
            self[domain] = nn.BatchNorm2d(channels, momentum=momentum)
        self.domain: Domain = DOMAINS[0]

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [B, C, H, W] as those of the domain."""
        normalised: Tensor = self[self.domain](features)
        return normalised


def enter(network: nn.Module, domain: Domain) -> None:
    """Choose the domain in every `DomainNorm` of a network."""
    for module in network.modules():
        if isinstance(module, DomainNorm):
            module.domain = domain


def pointwise(inputs: int, outputs: int) -> nn.Sequential:
    """Return a 1x1 convolution with normalisation and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 1, bias=False), DomainNorm(outputs), nn.ReLU6(inplace=True)
    )


def depthwise(channels: int) -> nn.Conv2d:
    """Return a 3x3 convolution of each channel by itself."""
    return nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)


def inverted_residual(inputs: int, outputs: int) -> nn.Sequential:
    """Return MobileNetV2's block, which doubles the channels inside; it adds no input."""
    inner = 2 * inputs
    block = nn.Sequential(
        *pointwise(inputs, inner),
        depthwise(inner),
        DomainNorm(inner),
        nn.ReLU6(inplace=True),
        nn.Conv2d(inner, outputs, 1, bias=False),
        DomainNorm(outputs),
    )
    for layer in block:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    return block


def skip(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """Return what finer features pass on their way to the decoder."""
    reduction = nn.Sequential(nn.Conv2d(2 * inputs, outputs, 1), DomainNorm(outputs))
    return nn.Sequential(
        OrderedDict(
            expansion=pointwise(inputs, 2 * inputs),
            dropout=nn.Dropout2d(dropout),
            reduction=reduction,
        )
    )


class _Term(nn.Module):
    """What the features, or the state, add to a gate: a separable 3x3 convolution, scaled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise, self.inner = depthwise(channels), DomainNorm(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.outer = DomainNorm(channels)
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        inner = relu6(self.inner(self.depthwise(features)))
        scaled: Tensor = self.scale * self.outer(self.pointwise(inner))
        return scaled


class ConvGRU(nn.Module):
    """Gated recurrent unit of separable, normalised convolutions (Sec. 3.2).

    Reset gate r, update gate z, new state n; r multiplies what the convolution made of the old
    state, not that state itself.
    """

    GATES = ("r", "z", "n")

    def __init__(self, channels: int, dropout: float) -> None:
        """Take the channels of features and state, and the share of the state that is dropped."""
        super().__init__()
        self.dropout = dropout
        self.features = nn.ModuleDict({gate: _Term(channels) for gate in self.GATES})
        self.state = nn.ModuleDict({gate: _Term(channels) for gate in self.GATES})
        self.bias = nn.ParameterDict(
            {gate: nn.Parameter(torch.zeros(channels, 1, 1)) for gate in self.GATES}
        )

    def kept(self, features: Tensor) -> Tensor:
        """Draw what each gate sees of the state: a factor [3, C, 1, 1], the same for a whole clip.

        A channel is dropped in all clips of a batch alike (the authors' program); in evaluation
        every factor is 1.
        """
        ones = features.new_ones(len(self.GATES), features.shape[1], 1, 1)
        return nn.functional.dropout(ones, self.dropout, self.training)

    def forward(self, features: Tensor, state: Tensor | None, kept: Tensor) -> Tensor:
        """Return the next state [B, C, H, W]; a state of None is zeros."""
        if state is None:
            state = torch.zeros_like(features)
        seen = [self.features[gate](features) for gate in self.GATES]
        held = [self.state[gate](state * kept[i]) for i, gate in enumerate(self.GATES)]
        r = torch.sigmoid(seen[0] + held[0] + self.bias["r"])
        z = torch.sigmoid(seen[1] + held[1] + self.bias["z"])
        n = torch.tanh(seen[2] + r * held[2] + self.bias["n"])
        return (1 - z) * state + z * n
