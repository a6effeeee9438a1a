"""The metrics that compare distributions against slow definitions."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from model.baselines import CentreBias
from pipeline.evaluation.metrics.distributions import (
    cc,
    centre_bias,
    chi_square,
    emd,
    info_gain,
    kldiv,
    nss,
    sim,
)
from pipeline.runtime.errors import InputError
from tests.pipeline.evaluation.frames import point, prediction, truth


@pytest.mark.parametrize("seed", range(3))
def test_definitions_of_the_other_metrics(seed):
    saliency, (density, fixated) = prediction(seed), truth(seed + 100)
    assert cc(saliency, density) == pytest.approx(
        np.corrcoef(saliency.ravel(), density.ravel())[0, 1], abs=1e-12
    )
    standard = (saliency - saliency.mean()) / saliency.std(ddof=1)
    assert nss(saliency, fixated) == pytest.approx(standard[fixated].mean(), abs=1e-12)
    p, s = ((m - m.min()) / (m.max() - m.min()) for m in (saliency, density))
    assert sim(saliency, density) == pytest.approx(
        np.minimum(p / p.sum(), s / s.sum()).sum(), abs=1e-12
    )
    p, s = saliency / saliency.sum(), density / density.sum()
    eps = np.finfo(float).eps
    assert kldiv(saliency, density) == pytest.approx(
        (s * np.log(eps + s / (p + eps))).sum(), abs=1e-12
    )


def test_nss_counts_repeated_looks_when_given_points():
    saliency = np.arange(12.0).reshape(3, 4)
    y, x = np.array([2, 2, 0]), np.array([1, 1, 3])
    standard = (saliency - 5.5) / saliency.std()
    assert nss(saliency, (y, x), ddof=0) == pytest.approx((2 * standard[2, 1] + standard[0, 3]) / 3)


def test_epsilon_makes_constant_maps_count_zero():
    density, fixated = truth(1)
    constant = np.full(density.shape, 0.25)
    assert nss(constant, fixated, ddof=0, epsilon=1e-7) == 0
    assert cc(constant, density, epsilon=1e-7) == 0
    saliency = prediction(2)
    assert cc(saliency, density, epsilon=1e-7) == pytest.approx(cc(saliency, density), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_plain_sim_and_kldiv_and_chi_square_pixel_by_pixel(seed):
    saliency, (density, _) = prediction(seed, (6, 8)) + 0.3, truth(seed + 100, (6, 8), 4)
    density[density < density.mean()] = 0
    p, s = (saliency / saliency.sum()).ravel(), (density / density.sum()).ravel()
    pairs = [*zip(p.tolist(), s.tolist(), strict=True)]
    assert sim(saliency, density, min_max=False) == pytest.approx(sum(min(pair) for pair in pairs))
    divergence = sum(b * np.log(b / a) for a, b in pairs if b)
    assert kldiv(saliency, density, epsilon=0) == pytest.approx(divergence)
    assert kldiv(saliency, density, epsilon=0, floor=1e-20) == pytest.approx(divergence)
    distance = 0.5 * sum((a - b) ** 2 / (a + b) for a, b in pairs)
    assert chi_square(saliency, density) == pytest.approx(distance)


def test_plain_kldiv_of_a_zero_where_somebody_looked_is_infinite():
    assert kldiv(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]]), epsilon=0) == np.inf
    assert kldiv(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]), epsilon=0) == 0


def test_chi_square_is_zero_for_the_same_map_and_one_for_disjoint_ones():
    left, right = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 2.0, 0.0]])
    assert chi_square(left, 5 * left) == 0
    assert chi_square(left, right) == 1


def test_info_gain_is_in_bits_over_the_baseline():
    saliency = np.array([[0.0, 1.0, 3.0]])
    baseline = np.array([[0.0, 1.0, 1.0]])
    fixated = np.array([[False, False, True]])
    assert info_gain(saliency, fixated, baseline) == pytest.approx(np.log2(0.75 / 0.5))
    assert info_gain(baseline, fixated, baseline) == 0
    assert np.isnan(info_gain(saliency, np.zeros_like(fixated), baseline))
    assert np.isnan(info_gain(np.ones_like(saliency), fixated, baseline))
    assert np.isnan(info_gain(saliency, fixated, np.ones_like(saliency)))


def test_emd_is_the_way_that_the_mass_goes():
    pytest.importorskip("ot")
    assert emd(point(1, 2), point(4, 6), downsize=1) == pytest.approx(5)
    half = (point(1, 2) + point(4, 6)) * 10
    assert emd(half, point(4, 6), downsize=1) == pytest.approx(2.5)
    assert emd(half, half, downsize=1) == 0
    assert np.isnan(emd(np.ones((6, 9)), half, downsize=1))
    assert np.isnan(emd(half, np.zeros((6, 9)), downsize=1))


def test_emd_is_the_linear_programme():
    pytest.importorskip("ot")
    shape = (3, 4)
    p, s = (np.random.default_rng(seed).random(shape) for seed in (0, 1))
    y, x = np.indices(shape).reshape(2, -1)
    cost = np.hypot(y[:, None] - y, x[:, None] - x)
    n = cost.shape[0]
    sums = np.concatenate([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    masses = np.concatenate([p.ravel() / p.sum(), s.ravel() / s.sum()])
    expected = linprog(cost.ravel(), A_eq=sums, b_eq=masses).fun
    assert emd(p, s, downsize=1) == pytest.approx(expected, abs=1e-9)


def test_emd_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(InputError, match="pip install pot"):
        emd(point(1, 2), point(4, 6), downsize=1)


@pytest.mark.parametrize("shape", [(24, 32), (31, 17)])
def test_the_baseline_of_the_information_gain_is_the_centre_bias(shape):
    network = CentreBias(sigma=0.2).double()
    with torch.inference_mode():
        expected = network(torch.zeros(1, 3, *shape, dtype=torch.float64), None).saliency[0, 0]
    np.testing.assert_allclose(centre_bias(shape), expected.numpy(), atol=1e-12)
