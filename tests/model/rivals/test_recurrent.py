"""Keras's recurrent cells: drawn values of one pixel, what a gate sees, runs of a video."""

from __future__ import annotations

from math import tanh

import pytest
import torch
from torch import Tensor

from model.rivals.parts.recurrent import ConvGRU, ConvLSTM, hard_sigmoid

CELLS = {"lstm": lambda c, h: ConvLSTM(c, h, dropout=0.0), "gru": ConvGRU}


def gate(value: float) -> float:
    """The hard sigmoid of Keras 2."""
    return min(1.0, max(0.0, 0.2 * value + 0.5))


def of_one_pixel(cell: ConvLSTM | ConvGRU, inputs: Tensor, recurrent: Tensor, bias: Tensor) -> None:
    """Set the kernels' middle; beside one pixel there are zeros only."""
    with torch.no_grad():
        cell.input.weight.zero_()[:, 0, 1, 1] = inputs
        cell.recurrent.weight.zero_()[:, 0, 1, 1] = recurrent
        assert cell.input.bias is not None
        cell.input.bias.copy_(bias)


W, U, b = torch.tensor(((0.9, -1.3, 1.7, 0.4), (-0.6, 1.1, 0.8, -2.0), (0.3, 0.7, -0.2, 0.5)))
SEQUENCE = (0.8, -1.5, 2.0)


def test_lstm_of_one_pixel_by_hand() -> None:
    cell = ConvLSTM(1, 1, dropout=0.0)
    of_one_pixel(cell, W, U, b)
    h, c, expected = 0.0, 0.0, []
    for x in SEQUENCE:
        i, f, new, o = (float(W[k]) * x + float(U[k]) * h + float(b[k]) for k in range(4))
        c = gate(f) * c + gate(i) * tanh(new)
        h = gate(o) * tanh(c)
        expected.append(h)
    outputs, state = cell(torch.tensor(SEQUENCE).view(1, 3, 1, 1, 1), None)
    torch.testing.assert_close(outputs.flatten(), torch.tensor(expected))
    torch.testing.assert_close(torch.stack(state).flatten(), torch.tensor([h, c]))


def test_gru_of_one_pixel_by_hand() -> None:
    cell = ConvGRU(1, 1)
    of_one_pixel(cell, W[:3], U[:3], b[:3])
    h, expected = 0.0, []
    for x in SEQUENCE:
        z, r = (gate(float(W[k]) * x + float(U[k]) * h + float(b[k])) for k in range(2))
        h = (1 - z) * h + z * tanh(float(W[2]) * x + float(b[2]) + float(U[2]) * (r * h))
        expected.append(h)
    outputs, state = cell(torch.tensor(SEQUENCE).view(1, 3, 1, 1, 1), None)
    torch.testing.assert_close(outputs.flatten(), torch.tensor(expected))
    torch.testing.assert_close(state[0].flatten(), torch.tensor([h]))


def test_hard_sigmoid_is_keras_not_torchs() -> None:
    x = torch.tensor([-2.6, -2.5, -1.0, 0.0, 1.0, 2.5, 2.6])
    torch.testing.assert_close(hard_sigmoid(x), torch.tensor([0, 0, 0.3, 0.5, 0.7, 1, 1]))


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_in_pieces_is_the_whole(name: str) -> None:
    cell, sequence = CELLS[name](3, 4), torch.randn(2, 5, 3, 6, 7)
    whole, last = cell(sequence, None)
    first, state = cell(sequence[:, :3], None)
    second, state = cell(sequence[:, 3:], state)
    torch.testing.assert_close(torch.cat((first, second), dim=1), whole)
    torch.testing.assert_close(state, last)
    assert all(part.shape[0] == 2 for part in state)


@pytest.mark.parametrize("name", CELLS)
def test_a_clip_of_a_batch_is_alone(name: str) -> None:
    cell, sequence = CELLS[name](3, 4), torch.randn(2, 3, 3, 6, 7)
    torch.testing.assert_close(cell(sequence, None)[0][1:], cell(sequence[1:], None)[0])


def test_each_gate_drops_its_own_inputs_the_same_in_every_frame() -> None:
    cell = ConvLSTM(1, 1, dropout=0.4)
    of_one_pixel(cell, torch.ones(4), torch.zeros(4), torch.zeros(4))
    seen = cell._inputs(torch.ones(1, 3, 1, 60, 50))
    torch.testing.assert_close(seen[:, :1].expand_as(seen), seen)
    kept = seen[0, 0] > 0
    torch.testing.assert_close(seen[0, 0][kept], torch.full_like(seen[0, 0][kept], 1 / 0.6))
    assert kept.float().mean().item() == pytest.approx(0.6, abs=0.02)
    for one, other in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)):
        assert (kept[one] == kept[other]).float().mean().item() == pytest.approx(0.52, abs=0.05)
    assert torch.equal(cell.eval()._inputs(torch.ones(1, 1, 1, 4, 4)), torch.ones(1, 1, 4, 4, 4))


def test_start_is_kerass() -> None:
    cell = ConvLSTM(2, 3, dropout=0.0)
    assert cell.input.get_parameter("bias").tolist() == [0] * 3 + [1] * 3 + [0] * 6
    assert ConvGRU(2, 3).input.get_parameter("bias").tolist() == [0] * 9
    rows = cell.recurrent.weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(12))
