"""Spectral residual: beside OpenCV's, the odd one out, and frames without anything in them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from model.classical.paper.spectral_residual import SpectralResidual, residual_energy
from tests.builders import ROOT

NETWORK = SpectralResidual(longer_side=64, sigma=2.5, border="zero")
GOING_ON = SpectralResidual(longer_side=64, sigma=2.5, border="replicate")
"""OpenCV has no zeros beyond the border."""


def scene(seed: int) -> np.ndarray:
    """Soft light with some discs, uint8 [256, 256, 3]."""
    rng = np.random.default_rng(seed)
    light = cv2.GaussianBlur(rng.random((256, 256, 3)).astype(np.float32), (0, 0), 20)
    light = (light - light.min()) / (light.max() - light.min()) * 0.6
    for _ in range(4):
        x, y = map(int, rng.integers(30, 226, 2))
        cv2.circle(light, (x, y), int(rng.integers(6, 14)), tuple(map(float, rng.random(3))), -1)
    return (light * 255).astype(np.uint8)


def correlation(picture: np.ndarray) -> float:
    """Of our map and OpenCV's, as amplitudes, of a picture of 64x64.

    OpenCV shrinks without averaging and smooths by 5x5 taps: pictures come at the working size, and
    its map is smoothed as ours is.
    """
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
    grey = np.repeat(small.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    ours = GOING_ON(torch.from_numpy(grey).permute(2, 0, 1)[None] / 255.0, None).saliency[0, 0]
    _, theirs = cv2.saliency.StaticSaliencySpectralResidual.create().computeSaliency(grey)
    theirs = cv2.GaussianBlur(np.sqrt(theirs), (0, 0), 2.5)
    return float(np.corrcoef(ours.sqrt().numpy().ravel(), theirs.ravel())[0, 1])


def test_drawn_scenes_are_opencvs() -> None:
    found = [correlation(scene(seed)) for seed in range(10)]
    assert np.mean(found) > 0.9 and min(found) > 0.8


@pytest.mark.shared
def test_pictures_are_opencvs() -> None:
    folder = ROOT.parent / "shared/data/salicon/images"
    files = sorted(folder.glob("*.jpg"))[:20]
    if not files:
        pytest.skip(f"no pictures in {folder}")
    found = [correlation(np.asarray(Image.open(file).convert("RGB"))[:, 80:560]) for file in files]
    assert np.mean(found) > 0.9 and min(found) > 0.8


def test_the_one_gap_in_a_grid_of_bars_is_found() -> None:
    frame = torch.zeros(1, 3, 128, 128)
    frame[..., 4::8, :] = 1
    frame[..., 70:80, 40:50] = 0.5
    y, x = divmod(int(NETWORK(frame, None).saliency.argmax()), 128)
    assert 62 <= y < 88 and 32 <= x < 58


def test_energy_against_the_equations() -> None:
    light = torch.rand(1, 1, 8, 12, generator=torch.Generator().manual_seed(3))
    spectrum = np.fft.fft2(light[0, 0].double().numpy())
    log, phase = np.log(np.abs(spectrum)), np.angle(spectrum)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    mean = np.mean([np.roll(log, step, (0, 1)) for step in steps], axis=0)
    expected = np.abs(np.fft.ifft2(np.exp(log - mean + 1j * phase))) ** 2
    np.testing.assert_allclose(residual_energy(light)[0, 0], expected, rtol=0.02, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_an_even_frame_gives_an_even_map(level: float) -> None:
    saliency = NETWORK(torch.full((2, 3, 50, 70), level), None).saliency
    assert torch.equal(saliency, torch.zeros(2, 1, 50, 70))


def test_only_known_borders() -> None:
    with pytest.raises(ValueError, match="expected zero or replicate"):
        SpectralResidual(longer_side=64, sigma=2.5, border="wrap")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(32, 32), (45, 97), (32, 300)])
def test_any_size_is_fit(size: tuple[int, int]) -> None:
    frame = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    saliency = NETWORK(frame, None).saliency
    assert saliency.shape == (2, 1, *size)
    assert saliency.isfinite().all() and saliency.min() >= 0 and saliency.std() > 0
    torch.testing.assert_close(saliency[1:], NETWORK(frame[1:], None).saliency)
