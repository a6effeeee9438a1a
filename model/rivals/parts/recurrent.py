"""Convolutional recurrent cells as Keras 2 computes them: ACLNet's LSTM and STRA-Net's GRU.

Gates have the hard sigmoid clamp(0.2 x + 0.5, 0, 1), which is not torch's, and one bias. A cell
takes sequences [B, T, C, H, W] and returns its output for every frame, [B, T, hidden, H, W], and
the state after the last one. A sequence in pieces, each with the state that the one before it
returned, gives what the whole gives.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, dropout

from model.rivals.parts.keras import glorot
from model.sight import State


def hard_sigmoid(gate: Tensor) -> Tensor:
    """Return Keras 2's sigmoid of straight lines; torch's has the slope 1/6."""
    return (0.2 * gate + 0.5).clamp(0, 1)


class ConvLSTM(nn.Module):
    """Keras's ConvLSTM2D (Shi et al., NIPS 2015, without peepholes), kernels of 3x3.

    Gates stand in the order i, f, c, o. The start is Keras's: Glorot's for the input, orthogonal
    kernels for the state, a bias of 1 for the forget gate.

    Args:
        channels: Channels of the sequence.
        hidden: Channels of the state.
        dropout: Share of the input's values that training drops, by a mask for each gate that is
            the same for all frames of a call.
    """

    def __init__(self, channels: int, hidden: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.input, self.recurrent = _kernels(channels, hidden, gates=4)
        with torch.no_grad():
            self.input.get_parameter("bias")[hidden : 2 * hidden] = 1

    def forward(self, sequence: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return h of every frame, and the state (h, c); None is a state of zeros."""
        inputs = self._inputs(sequence).unbind(1)
        h, c = state or (torch.zeros_like(inputs[0].chunk(4, dim=1)[0]),) * 2
        outputs = []
        for frame in inputs:
            i, f, g, o = (frame + self.recurrent(h)).chunk(4, dim=1)
            c = hard_sigmoid(f) * c + hard_sigmoid(i) * g.tanh()
            h = hard_sigmoid(o) * c.tanh()
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h, c)

    def _inputs(self, sequence: Tensor) -> Tensor:
        """What the frames add to the gates, [B, T, 4 hidden, H, W]."""
        if not (self.training and self.dropout):
            return _of_frames(self.input, sequence)
        gates = []
        weights, biases = self.input.weight.chunk(4), self.input.get_parameter("bias").chunk(4)
        for weight, bias in zip(weights, biases, strict=True):
            mask = dropout(torch.ones_like(sequence[:, :1]), self.dropout)
            dropped = (sequence * mask).flatten(0, 1)
            gates.append(conv2d(dropped, weight, bias, padding=1))
        return torch.unflatten(torch.cat(gates, dim=1), 0, sequence.shape[:2])


class ConvGRU(nn.Module):
    """STRA-Net's ConvGRU2D, kernels of 3x3: gates in the order z, r, h, reset before the kernel.

    The start is Keras's: Glorot's for the input, orthogonal kernels for the state, biases of 0.

    Args:
        channels: Channels of the sequence.
        hidden: Channels of the state.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input, self.recurrent = _kernels(channels, hidden, gates=3)

    def forward(self, sequence: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return h of every frame, and the state (h,); None is a state of zeros."""
        inputs = _of_frames(self.input, sequence).unbind(1)
        first, weight = 2 * self.hidden, self.recurrent.weight
        (h,) = state or (torch.zeros_like(inputs[0][:, : self.hidden]),)
        outputs = []
        for frame in inputs:
            gates = frame[:, :first] + conv2d(h, weight[:first], padding=1)
            z, r = hard_sigmoid(gates).chunk(2, dim=1)
            new = (frame[:, first:] + conv2d(r * h, weight[first:], padding=1)).tanh()
            h = (1 - z) * h + z * new
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h,)


def _kernels(channels: int, hidden: int, gates: int) -> tuple[nn.Conv2d, nn.Conv2d]:
    """The convolutions of the input, with the bias, and of the state, for all gates at once."""
    of_input = glorot(nn.Conv2d(channels, gates * hidden, 3, padding=1))
    of_state = nn.Conv2d(hidden, gates * hidden, 3, padding=1, bias=False)
    nn.init.orthogonal_(of_state.weight)
    return of_input, of_state


def _of_frames(conv: nn.Conv2d, sequence: Tensor) -> Tensor:
    return torch.unflatten(conv(sequence.flatten(0, 1)), 0, sequence.shape[:2])
