"""The areas under the ROC curve against slow definitions.

test_metrics_reference.py has the MIT benchmark's own values.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from pipeline.evaluation.metrics.auc import (
    _subsets,
    auc,
    auc_borji,
    auc_distinct,
    auc_judd,
    auc_repeated,
    auc_shuffled,
)
from pipeline.evaluation.metrics.distributions import nss
from tests.pipeline.evaluation.frames import prediction, slow_auc_judd, truth


@pytest.mark.parametrize("levels", [2, 8, 256, None])
@pytest.mark.parametrize("seed", range(5))
def test_auc_without_jitter_is_the_threshold_loop(seed, levels):
    saliency, (_, fixated) = prediction(seed), truth(seed + 100)
    if levels:
        saliency = np.floor(saliency / saliency.max() * (levels - 1))
    expected = slow_auc_judd(saliency, fixated)
    assert auc_judd(saliency, fixated, jitter=False) == pytest.approx(expected, abs=1e-12)


def test_auc_is_the_mean_over_all_orders_of_equal_values():
    saliency = np.array([[0, 0, 1, 1, 1, 2]], dtype=float)
    fixated = np.array([[1, 0, 1, 1, 0, 0]], dtype=bool)
    orders = [
        slow_auc_judd(saliency + 1e-3 * np.array([order]), fixated)
        for order in permutations(range(saliency.size))
    ]
    assert auc_judd(saliency, fixated) == pytest.approx(np.mean(orders), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_mann_whitney_plus_the_last_step(seed):
    saliency, (_, fixated) = prediction(seed), truth(seed + 100)
    inside, outside = saliency[fixated], saliency[~fixated]
    area = mannwhitneyu(inside, outside).statistic / (inside.size * outside.size)
    last = (outside > inside.min()).mean() / (2 * inside.size)
    assert auc_judd(saliency, fixated) == pytest.approx(area + last, abs=1e-12)
    assert auc_judd(saliency, fixated, jitter=False) == pytest.approx(area + last, abs=1e-12)


def test_auc_of_a_perfect_prediction_is_one():
    _, fixated = truth(0)
    assert auc_judd(fixated.astype(float), fixated) == 1


def test_every_pixel_fixated():
    saliency, everywhere = prediction(9), np.ones((24, 32), dtype=bool)
    assert np.isnan(auc_judd(saliency, everywhere))
    assert nss(saliency, everywhere) == pytest.approx(0, abs=1e-12)


def test_one_fixation():
    saliency = prediction(9)
    fixated = saliency == saliency.max()
    assert auc_judd(saliency, fixated) == 1


def test_auc_judd_drawn_is_mits_noise():
    saliency, (_, fixated) = np.floor(4 * prediction(1)), truth(2)
    noise = np.random.default_rng(8).random(saliency.shape) * 1e-7
    expected = slow_auc_judd(saliency + noise, fixated)
    got = auc_judd(saliency, fixated, jitter=np.random.default_rng(8))
    assert got == pytest.approx(expected, abs=1e-12)
    draws = [auc_judd(saliency, fixated, jitter=np.random.default_rng(i)) for i in range(200)]
    expectation = auc_judd(saliency, fixated)
    assert np.mean(draws) == pytest.approx(expectation, abs=4 * np.std(draws) / np.sqrt(200))


def slow_splits(saliency, fixated, draws):
    """AUC_Borji.m and AUC_shuffled.m, line by line; a column of draws is a split."""
    scaled = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    inside, areas = scaled[fixated], []
    for column in draws.T:
        outside = scaled.ravel()[column]
        steps = [k * 0.1 for k in range(11) if k * 0.1 <= max(inside.max(), outside.max())]
        true = [0.0, *((inside >= step).mean() for step in steps[::-1]), 1.0]
        false = [0.0, *((outside >= step).mean() for step in steps[::-1]), 1.0]
        areas.append(np.trapezoid(true, false))
    return np.mean(areas)


@pytest.mark.parametrize("levels", [None, 17])
@pytest.mark.parametrize("seed", range(5))
def test_borji_and_shuffled_are_the_loop_over_splits(seed, levels):
    saliency, (_, fixated) = prediction(seed), truth(seed + 100)
    if levels:
        saliency = np.floor(saliency / saliency.max() * (levels - 1))
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, saliency.size, (12, 30))
    expected = slow_splits(saliency, fixated, draws)
    assert auc_borji(saliency, fixated, draws) == pytest.approx(expected, abs=1e-12)
    places = np.unique(draws)
    draws = np.stack([rng.permutation(places)[:12] for _ in range(30)], axis=1)
    expected = slow_splits(saliency, fixated, draws)
    assert auc_shuffled(saliency, fixated, places, draws) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_random_splits_scatter_around_their_expectation(seed):
    saliency, (_, fixated) = prediction(seed), truth(seed + 100)
    places = np.random.default_rng(seed).choice(saliency.size, 40, replace=False)
    for function, arguments in ((auc_borji, ()), (auc_shuffled, (places,))):
        draw = [
            function(saliency, fixated, *arguments, np.random.default_rng(i)) for i in range(100)
        ]
        expected = function(saliency, fixated, *arguments)
        assert np.std(draw) > 1e-4
        assert np.mean(draw) == pytest.approx(expected, abs=4 * np.std(draw) / 10)


def test_the_same_seed_gives_the_same_splits():
    saliency, (_, fixated) = prediction(1), truth(2)
    first, again, other = (
        auc_borji(saliency, fixated, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert first == again != other


@pytest.mark.parametrize("size, count", [(1, 5), (5, 5), (7, 3), (60, 12)])
def test_a_split_takes_no_place_twice_and_every_place_as_often(size, count):
    found = _subsets(size, count, 4000, np.random.default_rng(0))
    assert found.shape == (min(size, count), 4000)
    assert all(len({*column}) == len(column) for column in found.T)
    often = np.bincount(found.ravel(), minlength=size) / 4000
    share = min(size, count) / size
    assert np.abs(often - share).max() <= 5 * np.sqrt(share * (1 - share) / 4000)


def test_shuffled_uses_the_whole_reference_when_it_is_small():
    saliency, (_, fixated) = prediction(3), truth(4)
    places = np.array([5, 100, 300])
    drawn = auc_shuffled(saliency, fixated, places, np.random.default_rng(0))
    assert drawn == pytest.approx(auc_shuffled(saliency, fixated, places), abs=1e-12)


def test_shuffled_without_the_top_step_merges_it_with_the_one_below():
    saliency = np.array([[0.0, 0.5, 0.95, 1.0]])
    fixated = saliency == 1
    assert auc_shuffled(saliency, fixated, np.array([2])) == 1
    assert auc_shuffled(saliency, fixated, np.array([2]), top=False) == 0.5


@pytest.mark.parametrize("function", [auc_borji, auc_shuffled])
def test_split_areas_of_degenerate_frames(function):
    saliency, (_, fixated) = prediction(5), truth(6)
    places = (np.array([1, 2]),) if function is auc_shuffled else ()
    nowhere = np.zeros_like(fixated)
    assert np.isnan(function(saliency, nowhere, *places))
    assert np.isnan(function(saliency, nowhere, *places, np.random.default_rng(0)))
    assert np.isnan(function(np.full_like(saliency, 0.3), fixated, *places))
    assert np.isnan(auc_shuffled(saliency, fixated, np.array([], int)))


levelled = st.lists(st.integers(0, 5), min_size=4, max_size=12)


@given(levelled, st.data())
@settings(max_examples=60, deadline=None)
def test_areas_are_their_definitions_on_maps_of_few_levels(values, data):
    saliency = np.array([values], dtype=float)
    count = data.draw(st.integers(1, len(values) - 1))
    places = data.draw(st.permutations(range(len(values))))[:count]
    fixated = np.zeros(saliency.shape, dtype=bool)
    fixated[0, places] = True
    inside, outside = saliency[fixated], saliency[~fixated]
    pairs = (inside[:, None] > outside) + (inside[:, None] == outside) / 2
    assert auc(inside, outside) == pytest.approx(pairs.mean(), abs=1e-12)
    steps = sorted({*inside}, reverse=True)
    true = [0.0, *((inside >= step).mean() for step in steps), 1.0]
    false = [0.0, *((outside >= step).mean() for step in steps), 1.0]
    expected = np.trapezoid(true, false)
    assert auc_distinct(saliency, fixated) == pytest.approx(expected, abs=1e-12)
    if np.ptp(saliency):
        expected = slow_auc_judd(saliency, fixated)
        assert auc_judd(saliency, fixated, jitter=False) == pytest.approx(expected, abs=1e-12)
    if len({*values}) == len(values):
        judd = auc_judd(saliency, fixated)
        assert judd == pytest.approx(auc_distinct(saliency, fixated), abs=1e-12)


def test_auc_distinct_rounds_its_points():
    saliency = np.arange(7.0)[None]
    fixated = np.isin(saliency, [2, 4, 5])
    points = [(0, 0), (1 / 3, 1 / 4), (2 / 3, 1 / 4), (1, 2 / 4), (1, 1)]
    rounded = np.round(points, 1)
    assert auc_distinct(saliency, fixated) == pytest.approx(np.trapezoid(*np.transpose(points)))
    expected = np.trapezoid(*np.transpose(rounded))
    assert auc_distinct(saliency, fixated, decimals=1) == pytest.approx(expected)


def test_auc_repeated_counts_each_look():
    saliency = np.arange(12.0).reshape(3, 4)
    y, x = np.array([2, 2, 0]), np.array([1, 1, 3])
    thresholds = [9, 9, 3]
    false = [((saliency >= t).sum() - i) / 10 for i, t in enumerate(thresholds, start=1)]
    expected = np.trapezoid([0, 1 / 3, 2 / 3, 1, 1], [0, *false, 1])
    assert auc_repeated(saliency, (y, x)) == pytest.approx(expected)
    assert np.isnan(auc_repeated(saliency, (y[:0], x[:0])))
