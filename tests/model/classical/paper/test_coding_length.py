from __future__ import annotations

import itertools
import math
from collections.abc import Collection

import numpy as np
import pytest
import torch
from torch import Tensor

from model.classical.paper.coding_length import (
    CodingLength,
    Increment,
    activity,
    coding_increment,
    redistribution,
)

PATCH = 4


def network(*, earlier: int = 0, stride: int = 1, width: int = 64, **changes: str) -> CodingLength:
    """With cosine patterns as features, each on each opponent colour."""
    made = CodingLength(
        features=3 * PATCH**2,
        patch=PATCH,
        stride=stride,
        width=width,
        earlier=earlier,
        increment="normalised" if changes else "paper",
        sigma=1.0,
    )
    position = (torch.arange(PATCH) + 0.5) * math.pi / PATCH
    waves = torch.cos(torch.arange(PATCH)[:, None] * position)
    patterns = torch.einsum("ay,bx->abyx", waves, waves).flatten(0, 1)
    opponents = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]])
    made.filters.copy_(torch.einsum("kyx,oc->okcyx", patterns, opponents).flatten(0, 1))
    made.mean.fill_(0.5)
    return made


def entropy(share: np.ndarray) -> float:
    return float(-np.sum(share * np.log(share)))


@pytest.mark.parametrize("increment", ["paper", "normalised"])
def test_increment_is_the_derivative_of_the_entropy(increment: Increment) -> None:
    share = np.random.default_rng(0).dirichlet(np.ones(6))
    found = coding_increment(torch.from_numpy(share)[None], increment)[0].numpy()
    step = 1e-6

    def moved(k: int, by: float) -> np.ndarray:
        others = share / (1 + by)
        others[k] = share[k] + by if increment == "paper" else (share[k] + by) / (1 + by)
        return others

    for k in range(6):
        numeric = (entropy(moved(k, step)) - entropy(moved(k, -step))) / (2 * step)
        assert found[k] == pytest.approx(numeric, abs=1e-6)


def test_rare_features_earn_and_common_ones_lose() -> None:
    share = torch.tensor([[0.7, 0.2, 0.07, 0.03]])
    found = coding_increment(share, "paper")[0]
    assert (found[:-1] < found[1:]).all()
    assert found[0] < 0 < found[3]
    weights = redistribution(share, "paper")[0]
    assert weights[0] == 0 and weights.sum() == pytest.approx(1)
    positive = found.clamp(min=0)
    torch.testing.assert_close(weights, positive / positive.sum())


def test_a_silent_feature_gets_no_energy() -> None:
    weights = redistribution(torch.tensor([[0.6, 0.0, 0.4]]), "paper")
    assert torch.isfinite(weights).all() and weights[0, 1] == 0


def test_where_nothing_responds_all_are_alike() -> None:
    quiet = activity(torch.zeros(1, 4, 5, 6))
    torch.testing.assert_close(quiet, torch.ones(1, 4))
    weights = redistribution(quiet / 4, "normalised")
    assert weights.sum() == pytest.approx(1) and torch.isfinite(weights).all()


CELLS = list(itertools.product(range(3), range(4)))


def grid(lying: Collection[tuple[int, int]]) -> Tensor:
    """Bars in cells of 16 px, upright but for some."""
    frame = torch.full((1, 3, 48, 64), 0.4)
    for row, column in CELLS:
        y, x = row * 16 + 4, column * 16 + 4
        if (row, column) in lying:
            frame[..., y + 3 : y + 5, x : x + 8] = 0.9
        else:
            frame[..., y : y + 8, x + 3 : x + 5] = 0.9
    return frame


def cell_of_maximum(saliency: Tensor) -> tuple[int, int]:
    y, x = divmod(int(saliency[0, 0].argmax()), saliency.shape[-1])
    return y // 16, x // 16


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("odd", [(1, 2), (2, 0)])
def test_the_odd_orientation_stands_out(odd: tuple[int, int], stride: int) -> None:
    assert cell_of_maximum(network(stride=stride)(grid({odd}), None).saliency) == odd


def test_the_odd_colour_stands_out() -> None:
    frame = grid(set())
    frame[:, 1:, 16:32, 32:48] *= 0.7
    assert cell_of_maximum(network()(frame, None).saliency) == (1, 2)


def test_what_was_seen_before_is_less_salient() -> None:
    """p counts the frames before: features that were common there are not rare any more."""
    frame, lying = grid({(1, 2)}), grid(set(CELLS))
    watching = network(earlier=2)
    calm = watching(frame, None, frame[:, None].repeat(1, 2, 1, 1, 1)).saliency
    torch.testing.assert_close(calm, network()(frame, None).saliency, atol=1e-5, rtol=1e-4)
    used = watching(frame, None, lying[:, None].repeat(1, 2, 1, 1, 1)).saliency

    def lead(saliency: Tensor) -> float:
        """Of the odd bar over another one."""
        return float(saliency[..., 16:32, 32:48].sum() / saliency[..., 16:32, 16:32].sum())

    assert lead(used) < 1 < lead(calm)
    with pytest.raises(ValueError, match="needs the 2 frames before"):
        watching(frame, None)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_frames_have_constant_maps(level: float) -> None:
    frame = torch.full((2, 3, 40, 56), level)
    saliency = network(earlier=2)(frame, None, frame[:, None].repeat(1, 2, 1, 1, 1)).saliency
    assert torch.isfinite(saliency).all()
    torch.testing.assert_close(saliency, saliency[:, :, :1, :1].expand_as(saliency))


@pytest.mark.parametrize("size", [(32, 32), (33, 100), (120, 47)])
@pytest.mark.parametrize("stride", [1, 3])
def test_any_size_and_batches(size: tuple[int, int], stride: int) -> None:
    frames = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    saliency = network(stride=stride)(frames, None).saliency
    assert saliency.shape == (2, 1, *size)
    assert torch.isfinite(saliency).all() and saliency.min() >= 0
    alone = network(stride=stride)(frames[1:], None).saliency
    torch.testing.assert_close(saliency[1:], alone)


def test_features_that_were_never_fitted_are_refused() -> None:
    made = network()
    made.filters.fill_(math.nan)
    with pytest.raises(ValueError, match="no features yet: fit it"):
        made(grid(set()), None)
