from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from model.classical.paper.pqft import PQFT, phase_energy, quaternion_fft, quaternion_image
from model.registry import build

H, W = 96, 128
CELL = 16


def hamilton(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two quaternions, by the table i j = k, j k = i, k i = j."""
    return np.array(
        [
            a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
            a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
            a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
            a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
        ]
    )


def quaternion_dft(image: np.ndarray, sign: int) -> np.ndarray:
    """Sum over pixels of exp(sign i 2 pi (...)) q, the kernel on the left, [4, h, w]."""
    _, height, width = image.shape
    found = np.zeros_like(image)
    for v, u, y, x in itertools.product(range(height), range(width), range(height), range(width)):
        angle = sign * 2 * np.pi * (v * y / height + u * x / width)
        kernel = np.array([np.cos(angle), np.sin(angle), 0, 0])
        found[:, v, u] += hamilton(kernel, image[:, y, x])
    return found


def bars(odd: tuple[int, int] | None, colour: tuple[float, float, float]) -> Tensor:
    """Grey squares in a grid on darker grey; one has another colour."""
    frame = torch.full((1, 3, H, W), 0.3)
    for row, column in itertools.product(range(H // CELL), range(W // CELL)):
        y, x = row * CELL + 5, column * CELL + 5
        shade = torch.tensor(colour if (row, column) == odd else (0.6, 0.6, 0.6))
        frame[0, :, y : y + 6, x : x + 6] = shade[:, None, None]
    return frame


def cell_of_maximum(saliency: Tensor) -> tuple[int, int]:
    y, x = divmod(int(saliency[0, 0].argmax()), saliency.shape[-1])
    return y // CELL, x // CELL


def still(frame: Tensor) -> Tensor:
    return frame[:, None].repeat(1, 3, 1, 1, 1)


@pytest.mark.parametrize("size", [(3, 4), (4, 5)])
def test_two_complex_transforms_are_the_quaternion_transform(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).standard_normal((4, *size))
    first, second = quaternion_fft(torch.from_numpy(image)[None])
    found = np.stack(
        [part.numpy()[0] for part in (first.real, first.imag, second.real, second.imag)]
    )
    np.testing.assert_allclose(found, quaternion_dft(image, -1), atol=1e-12)


def test_energy_is_that_of_the_phases_alone() -> None:
    image = np.random.default_rng(1).standard_normal((4, 4, 3))
    spectrum = quaternion_dft(image, -1)
    back = quaternion_dft(spectrum / np.linalg.norm(spectrum, axis=0), 1) / 12
    found = phase_energy(torch.from_numpy(image)[None])[0, 0].numpy()
    np.testing.assert_allclose(found, (back**2).sum(axis=0), atol=1e-12)


def test_channels_by_hand() -> None:
    frame = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1)
    before = torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)
    # R = .8 - .3, G = .4 - .5, B = .2 - .6, Y = .6 - .2 - .2, I = 1.4 / 3
    expected = [abs(1.4 / 3 - 0.5), 0.5 + 0.1, -0.4 - 0.2, 1.4 / 3]
    found = quaternion_image(frame, before).flatten().tolist()
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("odd", [(1, 6), (4, 2)])
def test_the_odd_colour_stands_out(odd: tuple[int, int]) -> None:
    frame = bars(odd, (0.9, 0.45, 0.45))
    network = PQFT(motion=False, height=64, sigma=2.0)
    assert cell_of_maximum(network(frame, None).saliency) == odd
    network = PQFT(motion=True, height=64, sigma=2.0)
    assert cell_of_maximum(network(frame, None, still(frame)).saliency) == odd


@pytest.mark.parametrize("odd", [(1, 6), (4, 2), (2, 0)])
def test_the_odd_orientation_stands_out(odd: tuple[int, int]) -> None:
    frame = torch.full((1, 3, H, W), 0.3)
    for row, column in itertools.product(range(H // CELL), range(W // CELL)):
        y, x = row * CELL + 8, column * CELL + 8
        tall, wide = (1, 5) if (row, column) == odd else (5, 1)
        frame[0, :, y - tall : y + tall + 1, x - wide : x + wide + 1] = 0.8
    assert cell_of_maximum(PQFT(motion=False, height=64, sigma=3.0)(frame, None).saliency) == odd


def test_what_moved_stands_out_to_the_moving_version_alone() -> None:
    frame = bars(None, (0, 0, 0))
    before = frame.clone()
    y, x = 3 * CELL, 5 * CELL
    before[..., y : y + CELL, x : x + CELL] = before[..., y : y + CELL, x : x + CELL].roll(4, -1)
    earlier = torch.stack([before, frame, frame], dim=1)
    moving = PQFT(motion=True, height=64, sigma=2.0)
    assert cell_of_maximum(moving(frame, None, earlier).saliency) == (3, 5)
    static = PQFT(motion=False, height=64, sigma=2.0)
    assert (moving.earlier, static.earlier) == (3, 0)
    assert cell_of_maximum(static(frame, None).saliency) != (3, 5)
    with pytest.raises(ValueError, match="needs the 3 frames before"):
        moving(frame, None)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("colour", [(1.0, 1.0, 1.0), (1.0, 0.2, 0.7)])
def test_constant_frames_have_constant_maps(level: float, colour: tuple[float, ...]) -> None:
    frame = (level * torch.tensor(colour)).view(1, 3, 1, 1).expand(2, 3, 45, 77)
    saliency = PQFT(motion=True, height=64, sigma=3.0)(frame, None, still(frame)).saliency
    assert torch.isfinite(saliency).all()
    torch.testing.assert_close(saliency, saliency[:, :, :1, :1].expand_as(saliency))


@pytest.mark.parametrize("size", [(32, 32), (33, 100), (120, 47)])
def test_any_size_and_batches(size: tuple[int, int]) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    network = build("pqft_paper", motion=False, height=64, sigma=3.0)
    saliency = network(frames, None).saliency
    assert saliency.shape == (2, 1, *size)
    assert torch.isfinite(saliency).all() and saliency.min() >= 0
    torch.testing.assert_close(saliency[1:], network(frames[1:], None).saliency)
