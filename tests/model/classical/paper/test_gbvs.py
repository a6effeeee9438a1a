"""GBVS: the odd one out in pictures and in films, and the chains against their eigenvectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from model.classical.paper.gbvs import DIRECTIONS, GBVS, moving
from model.classical.random_walk import activation, closeness, concentration

SETTINGS: dict[str, Any] = {
    "longer_side": 320,
    "levels": [1, 2, 3],
    "nodes": 32,
    "dissimilarity": "difference",
    "floor": 0.01,
    "sigma_activation": 0.15,
    "sigma_concentration": 0.06,
    "blur": 0.02,
    "dark": 0.1,
    "wavelength": 7.0,
    "sigma": 2.333,
}
STEP = 32
"""Pixels from item to item."""
ODD = (2, 4)
STILL, FILM = GBVS(**SETTINGS, motion=False), GBVS(**SETTINGS, motion=True)


def items(shift: dict[tuple[int, int], tuple[int, int]] | None = None) -> torch.Tensor:
    """4x6 grey squares on light grey, some of them shifted by rows and columns: [1, 3, H, W]."""
    frame = torch.full((1, 3, 4 * STEP, 6 * STEP), 0.7)
    for row in range(4):
        for column in range(6):
            down, right = (shift or {}).get((row, column), (0, 0))
            y, x = row * STEP + 11 + down, column * STEP + 11 + right
            frame[..., y : y + 10, x : x + 10] = 0.3
    return frame


def found(saliency: torch.Tensor) -> tuple[int, int]:
    """Row and column of the item at the maximum."""
    y, x = divmod(int(saliency[0, 0].argmax()), saliency.shape[-1])
    return y // STEP, x // STEP


def odd_tile(frame: torch.Tensor) -> torch.Tensor:
    row, column = ODD
    return frame[0, :, row * STEP :, column * STEP :][:, :STEP, :STEP]


@pytest.mark.parametrize("dissimilarity", ["difference", "log"])
def test_the_odd_colour_is_found(dissimilarity: str) -> None:
    frame = items()
    odd_tile(frame)[:, 11:21, 11:21] = torch.tensor([0.6, 0.1, 0.2])[:, None, None]
    network = GBVS(**(SETTINGS | {"dissimilarity": dissimilarity}), motion=False)
    assert found(network(frame, None).saliency) == ODD


def test_the_odd_orientation_is_found() -> None:
    frame = torch.full((1, 3, 4 * STEP, 6 * STEP), 0.7)
    offset = torch.arange(STEP) - (STEP - 1) / 2
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    for row in range(4):
        for column in range(6):
            turn = math.radians(90.0 if (row, column) == ODD else 0.0)
            along = x * math.cos(turn) - y * math.sin(turn)
            across = x * math.sin(turn) + y * math.cos(turn)
            tile = frame[0, :, row * STEP :, column * STEP :][:, :STEP, :STEP]
            tile[:, (along.abs() < 10) & (across.abs() < 3)] = 0.2
    assert found(STILL(frame, None).saliency) == ODD


def test_what_moves_alone_is_found_by_the_film_only() -> None:
    before = items({ODD: (0, -3)})
    assert found(FILM(items(), None, before[:, None]).saliency) == ODD
    still = STILL(items(), None).saliency
    assert found(still) != ODD
    torch.testing.assert_close(still, STILL(items(), None, before[:, None]).saliency)


def test_detectors_of_the_left_find_what_alone_moves_left() -> None:
    """All others move right. Of the finest level: coarse ones see several items at once."""
    shift = {(row, column): (0, -3) for row in range(4) for column in range(6)}
    left = DIRECTIONS.index((0, -1))
    for before, expected in ((items(shift | {ODD: (0, 3)}), True), (items(shift), False)):
        motion = FILM.channels(items(), before)[-1]
        saliency = FILM.channel_map(motion[:, left : left + 1])
        large = torch.nn.functional.interpolate(saliency, size=(4 * STEP, 6 * STEP))
        assert (found(large) == ODD) is expected


def test_what_flickers_is_found() -> None:
    before = items()
    odd_tile(before)[:, 11:21, 11:21] = 0.5
    assert found(FILM(items(), None, before[:, None]).saliency) == ODD


@pytest.mark.parametrize("way", range(4))
def test_a_detector_answers_to_its_direction(way: int) -> None:
    down, right = DIRECTIONS[way]
    then, now = torch.zeros(2, 1, 1, 9, 9)
    then[..., 4, 4] = 1
    now[..., 4 + down, 4 + right] = 1
    answers = moving(now, then)[0].sum(dim=(1, 2))
    assert answers.argmax() == way
    assert answers[way ^ 1] == 0
    assert moving(now, now).max() == 0


def stationary(weights: np.ndarray) -> np.ndarray:
    """Left eigenvector of eigenvalue 1 of the chain with these weights, summing to 1."""
    chain = weights / weights.sum(axis=1, keepdims=True)
    values, vectors = np.linalg.eig(chain.T)
    chosen = vectors[:, np.abs(values - 1).argmin()].real
    return chosen / chosen.sum()


def test_both_chains_are_at_rest() -> None:
    maps = torch.rand(2, 6 * 8, generator=torch.Generator().manual_seed(1))
    near, nearer = closeness(6, 8, 1.2), closeness(6, 8, 0.5)
    active = activation(maps, near)
    massed = concentration(active, nearer)
    for m, a, c in zip(maps.numpy(), active.numpy(), massed.numpy(), strict=True):
        unlike = np.abs(m[:, None] - m[None, :]) * near.numpy()
        np.testing.assert_allclose(a, stationary(unlike.astype(float)), rtol=1e-4)
        np.testing.assert_allclose(c, stationary(a[None, :] * nearer.double().numpy()), rtol=1e-4)


def test_closeness_is_of_places() -> None:
    near = closeness(3, 4, 2.0)
    # From node (0, 1) to node (2, 2): 4 + 1 squared nodes apart.
    assert near[1, 2 * 4 + 2] == pytest.approx(math.exp(-5 / 8))


def test_log_is_the_papers_dissimilarity() -> None:
    values = torch.tensor([[1.0, 2.0, 4.0, 4.0]])
    everywhere = torch.ones(4, 4)
    by_hand = np.array([[abs(math.log(a / b)) for b in (1, 2, 4, 4)] for a in (1, 2, 4, 4)])
    expected = by_hand.sum(axis=1) / by_hand.sum()
    np.testing.assert_allclose(activation(values.log(), everywhere)[0], expected, rtol=1e-5)


def test_concentration_draws_mass_together() -> None:
    active = torch.full((1, 100), 1.0)
    active[0, 45] = 3
    active /= active.sum()
    massed = concentration(active, closeness(10, 10, 0.6))
    assert massed[0, 45] > 1.5 * active[0, 45]
    assert massed.sum() == pytest.approx(1)


def test_a_film_needs_the_frame_before() -> None:
    with pytest.raises(ValueError, match="need the frame before"):
        FILM(items(), None)
    with pytest.raises(ValueError, match="expected log or difference"):
        GBVS(**(SETTINGS | {"dissimilarity": "ratio"}), motion=False)


@pytest.mark.parametrize(
    "network", [STILL, FILM, GBVS(**SETTINGS | {"dissimilarity": "log"}, motion=True)]
)
def test_an_even_frame_gives_an_even_map(network: GBVS) -> None:
    frame = torch.full((2, 3, 40, 60), 0.37)
    saliency = network(frame, None, frame[:, None]).saliency
    assert torch.equal(saliency, torch.zeros(2, 1, 40, 60))


@pytest.mark.parametrize("size", [(32, 32), (43, 97), (32, 300)])
def test_any_size_is_fit(size: tuple[int, int]) -> None:
    frames = torch.rand(2, 2, 3, *size, generator=torch.Generator().manual_seed(0))
    saliency = FILM(frames[0], None, frames[1][:, None]).saliency
    assert saliency.shape == (2, 1, *size)
    assert saliency.isfinite().all() and saliency.min() >= 0 and saliency.std() > 0
    alone = FILM(frames[0, 1:], None, frames[1, 1:, None]).saliency
    torch.testing.assert_close(saliency[1:], alone)
