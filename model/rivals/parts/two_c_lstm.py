"""2C-LSTM (Jiang et al., DeepVS, ECCV 2018): two convolutional LSTMs with dropout on every gate.

Each of the four gates sees the input and the state through masks of its own, which stay the same
for all frames of a clip (Gal & Ghahramani, NIPS 2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from model.sight import State

GATES = ("1", "2", "3", "4")
"""Input gate, candidate, forget gate, output gate, as the authors' program numbers them."""
FORGET = 1.0
"""Added to the forget gate, beside its bias (the authors' program)."""


class Masks(NamedTuple):
    """What the gates of a layer see, 0 or 1, [B or 1, 4, C, H, W]."""

    input: Tensor
    state: Tensor


class TwoCLSTM(nn.Module):
    """Both layers; the second one's input is the first one's output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer1 = MaskedLSTM(channels)
        self.layer2 = MaskedLSTM(channels)

    def forward(
        self,
        sequence: Tensor,
        state: State | None,
        *,
        gain: float,
        masks: tuple[Masks, Masks] | None = None,
    ) -> tuple[Tensor, State]:
        """Return what the frames of a sequence [B, N, C, H, W] become, and the state after them.

        Args:
            sequence: Features of frames that follow one another.
            state: c and h of both layers, [B, C, H, W] each; None: zeros.
            gain: Factor of everything that reaches a gate, biases too; the inverse of the share of
                values that masks keep, or 1 without.
            masks: Those of each layer; None: everything is seen.
        """
        c1, h1, c2, h2 = state or (torch.zeros_like(sequence[:, 0]),) * 4
        first, second = masks or (None, None)
        sequence, one = self.layer1(sequence, (c1, h1), gain, first)
        sequence, two = self.layer2(sequence, (c2, h2), gain, second)
        return sequence, (*one, *two)


class MaskedLSTM(nn.Module):
    """A layer: kernels of 3x3 on the input, with bias, and on the state, a pair for each gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for gate in GATES:
            self.add_module(f"i{gate}", nn.Conv2d(channels, channels, 3))
            self.add_module(f"h{gate}", nn.Conv2d(channels, channels, 3, bias=False))
        for parameter in self.parameters():  # TensorFlow's start
            if parameter.dim() == 1:
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, sequence: Tensor, state: State, gain: float, masks: Masks | None
    ) -> tuple[Tensor, State]:
        """Return h of every frame, [B, N, C, H, W], and (c, h) after the last one."""
        c, h = state
        bias = torch.cat([self.get_parameter(f"i{gate}.bias") for gate in GATES])
        inputs = gain * self._seen("i", sequence, None if masks is None else masks.input, bias)
        outputs = []
        for frame in inputs.unbind(1):
            carried = self._seen("h", h[:, None], None if masks is None else masks.state)[:, 0]
            i, j, f, o = (frame + gain * carried).chunk(4, dim=1)
            c = c * torch.sigmoid(f + FORGET) + torch.sigmoid(i) * j.tanh()
            h = c.tanh() * torch.sigmoid(o)
            outputs.append(h)
        return torch.stack(outputs, dim=1), (c, h)

    def _seen(
        self, side: str, sequence: Tensor, mask: Tensor | None, bias: Tensor | None = None
    ) -> Tensor:
        """What frames [B, N, C, H, W] add to the four gates, [B, N, 4 C, H, W]."""
        kernels = torch.cat([self.get_parameter(f"{side}{gate}.weight") for gate in GATES])
        groups = 1
        if mask is not None:  # each gate has a copy of its own
            groups = len(GATES)
            sequence = (sequence[:, :, None] * mask[:, None]).flatten(2, 3)
        found = conv2d(sequence.flatten(0, 1), kernels, bias, padding=1, groups=groups)
        return torch.unflatten(found, 0, sequence.shape[:2])


def drawn(
    shape: tuple[int, ...], *, keep: float, like: Tensor, generator: torch.Generator | None = None
) -> tuple[Masks, Masks]:
    """Draw masks of both layers that keep a share of the values; shape is [B, C, H, W]."""
    batch, *rest = shape
    one = torch.empty(batch, len(GATES), *rest, device="cpu" if generator else like.device)
    masks = [one.bernoulli(keep, generator=generator).to(like) for _ in range(4)]
    return Masks(*masks[:2]), Masks(*masks[2:])
