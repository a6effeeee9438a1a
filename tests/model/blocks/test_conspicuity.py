from __future__ import annotations

import math

import pytest
import torch

from model.blocks.conspicuity import FLOOR, conspicuity, phase_energy
from model.classical.paper.pqft import phase_energy as quaternion_energy


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def test_the_energy_is_that_of_fourier_transforms() -> None:
    channels = torch.rand(2, 3, 36, 47, dtype=torch.float64)
    spectra = torch.fft.fft2(channels)
    amplitude = spectra.abs().square().sum(1, keepdim=True).sqrt()
    expected = torch.fft.ifft2(spectra / amplitude).real.square().sum(1, keepdim=True)
    torch.testing.assert_close(phase_energy(channels), expected)


def test_one_channel_is_pqft_of_a_grey_image() -> None:
    grey = torch.rand(1, 1, 36, 48, dtype=torch.float64)
    quaternions = torch.cat([torch.zeros(1, 3, 36, 48).to(grey), grey], 1)
    torch.testing.assert_close(phase_energy(grey), quaternion_energy(quaternions))


def test_repeated_patterns_count_for_nothing() -> None:
    wave = torch.sin(torch.arange(64) * 2 * math.pi * 8 / 64).expand(1, 1, 48, 64).clone()
    wave[..., 20:23, 30:33] = 0.5
    energy = phase_energy(wave)[0, 0]
    row, column = divmod(int(energy.argmax()), 64)
    assert 19 <= row <= 23 and 29 <= column <= 33
    away = energy.clone()
    away[16:27, 26:37] = 0
    assert away.amax() < 0.2 * energy.amax()


def test_a_red_ball_among_green_ones_stands_out() -> None:
    frame = torch.full((1, 3, 288, 384), 0.5)
    rows, columns = torch.meshgrid(torch.arange(288), torch.arange(384), indexing="ij")
    places = [(y, x) for y in (60, 144, 228) for x in (60, 148, 236, 324)]
    for y, x in places:
        colour = torch.tensor([0.7, 0.2, 0.2] if (y, x) == (144, 236) else [0.2, 0.45, 0.2])
        frame[0][:, (rows - y) ** 2 + (columns - x) ** 2 < 12**2] = colour[:, None]
    found = conspicuity(frame)[0, 0]
    at = {(y, x): float(found[y // 8, x // 8]) for y, x in places}
    assert max(at, key=lambda place: at[place]) == (144, 236)
    assert at[144, 236] > 1 + max(level for place, level in at.items() if place != (144, 236))


def test_a_uniform_frame_has_nothing_that_stands_out() -> None:
    found = conspicuity(torch.full((2, 3, 64, 96), 0.3))
    assert found.shape == (2, 1, 8, 12)
    assert found[:, :, 2:-2, 2:-2].std() < 0.1  # beyond the border there is nothing
    assert found.min() >= math.log(FLOOR) - 1e-6
    dark = conspicuity(torch.zeros(1, 3, 64, 96))
    torch.testing.assert_close(dark, torch.full_like(dark, math.log(FLOOR)))


def test_gain_does_not_matter_but_for_rounding() -> None:
    frame = torch.rand(1, 3, 96, 128)
    torch.testing.assert_close(conspicuity(0.5 * frame), conspicuity(frame), rtol=0, atol=1e-3)


def test_bfloat16_does_not_reach_the_phases() -> None:
    frame = torch.rand(1, 3, 96, 128)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = conspicuity(frame)
    assert found.dtype == torch.float32 and torch.equal(found, conspicuity(frame))
