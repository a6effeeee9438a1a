"""The metrics against slow definitions, and degenerate frames by name.

test_metrics_reference.py has the MIT benchmark's own values.
"""

from __future__ import annotations

import sys
import tracemalloc
from itertools import permutations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import linprog
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
from pipeline.evaluation.metrics.distributions import (
    cc,
    chi_square,
    emd,
    info_gain,
    kldiv,
    nss,
    sim,
)
from pipeline.evaluation.metrics.fast import METRICS, Scorer, score_frame
from pipeline.evaluation.metrics.resizing import resized
from pipeline.runtime.errors import InputError


def truth(seed, shape=(24, 32), fixations=12):
    rng = np.random.default_rng(seed)
    fixated = np.zeros(shape, dtype=bool)
    fixated.ravel()[rng.choice(fixated.size, fixations, replace=False)] = True
    return gaussian_filter(fixated.astype(float), 2), fixated


def prediction(seed, shape=(24, 32)):
    return gaussian_filter(np.random.default_rng(seed).random(shape), 1)


def slow_auc_judd(saliency, fixated):
    """AUC_Judd.m, line by line, without its jitter."""
    thresholds = sorted(saliency[fixated], reverse=True)
    n, pixels = len(thresholds), saliency.size
    true, false = [0.0], [0.0]
    for i, threshold in enumerate(thresholds, start=1):
        true.append(i / n)
        false.append(((saliency >= threshold).sum() - i) / (pixels - n))
    return np.trapezoid([*true, 1.0], [*false, 1.0])


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


def test_auc_cc_nss_sim_ignore_scale_and_offset_and_kldiv_scale():
    saliency, (density, fixated) = prediction(1), truth(2)
    before = score_frame(saliency, density, fixated).values
    moved = score_frame(3 * saliency + 7, density, fixated).values
    for metric in ("AUC-J", "CC", "NSS", "SIM"):
        assert moved[metric] == pytest.approx(before[metric], abs=1e-9)
    assert kldiv(3 * saliency, density) == pytest.approx(before["KLDiv"], abs=1e-9)
    assert kldiv(3 * saliency + 7, density) != pytest.approx(before["KLDiv"], abs=1e-3)


def test_flipping_all_maps_changes_nothing():
    saliency, (density, fixated) = prediction(1), truth(2)
    before = score_frame(saliency, density, fixated).values
    flipped = score_frame(saliency[:, ::-1], density[:, ::-1], fixated[:, ::-1]).values
    assert flipped == pytest.approx(before, abs=1e-9)


def test_the_density_itself_is_the_best_prediction():
    density, fixated = truth(3)
    values = score_frame(density, density, fixated).values
    assert values["CC"] == pytest.approx(1)
    assert values["SIM"] == pytest.approx(1)
    assert values["KLDiv"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("power", [1, 8])
def test_float32_is_good_to_the_fifth_decimal(power):
    saliency, (density, fixated) = prediction(4, (480, 640)) ** power, truth(5, (480, 640), 60)
    saliency = saliency.astype(np.float16)
    exact = score_frame(saliency.astype(np.float64), density, fixated).values
    fast = score_frame(saliency, density.astype(np.float32), fixated).values
    assert fast == pytest.approx(exact, abs=1e-5)


def test_constant_prediction():
    density, fixated = truth(6)
    values, status = score_frame(np.full(density.shape, 0.1), density, fixated)
    assert status == "constant_prediction"
    assert values["AUC-J"] == pytest.approx(0.5 + 1 / (2 * (12 + 1)))
    assert np.isnan([values["CC"], values["NSS"], values["SIM"]]).all()
    assert 0 < values["KLDiv"] < 10
    assert np.isnan(auc_judd(np.full(density.shape, 0.1), fixated, jitter=False))


def test_zero_prediction():
    density, fixated = truth(6)
    values, status = score_frame(np.zeros(density.shape), density, fixated)
    assert status == "constant_prediction"
    assert values["SIM"] == 0
    assert 25 < values["KLDiv"] < 35


def test_no_fixation_and_empty_density():
    empty = np.zeros((24, 32))
    values, status = score_frame(prediction(7), empty, empty.astype(bool))
    assert status == "no_fixation"
    assert np.isnan([values["AUC-J"], values["CC"], values["NSS"]]).all()
    assert (values["SIM"], values["KLDiv"]) == (0, 0)


def test_empty_density_with_a_fixation():
    _, fixated = truth(8)
    values, status = score_frame(prediction(7), np.zeros(fixated.shape), fixated)
    assert status == "empty_density"
    assert np.isfinite([values["AUC-J"], values["NSS"]]).all()
    assert (values["SIM"], values["KLDiv"]) == (0, 0)


def test_no_fixation_with_a_density():
    density, _ = truth(8)
    values, status = score_frame(prediction(7), density, np.zeros(density.shape, dtype=bool))
    assert status == "no_fixation"
    assert np.isfinite([values["CC"], values["SIM"], values["KLDiv"]]).all()


def test_every_pixel_fixated():
    saliency, everywhere = prediction(9), np.ones((24, 32), dtype=bool)
    assert np.isnan(auc_judd(saliency, everywhere))
    assert nss(saliency, everywhere) == pytest.approx(0, abs=1e-12)


def test_one_fixation():
    saliency = prediction(9)
    fixated = saliency == saliency.max()
    assert auc_judd(saliency, fixated) == 1


def test_values_follow_the_order_of_the_papers_columns():
    density, fixated = truth(10)
    assert [*score_frame(prediction(10), density, fixated).values] == [*METRICS]
    assert [*METRICS] == ["AUC-J", "CC", "NSS", "SIM", "KLDiv"]


def test_unequal_sizes_and_nan_are_refused():
    density, fixated = truth(11)
    with pytest.raises(ValueError, match="one size"):
        score_frame(prediction(11, (24, 31)), density, fixated)
    broken = prediction(11)
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="saliency holds 1 values"):
        score_frame(broken, density, fixated)


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


def test_auc_judd_drawn_is_mits_noise():
    saliency, (_, fixated) = np.floor(4 * prediction(1)), truth(2)
    noise = np.random.default_rng(8).random(saliency.shape) * 1e-7
    expected = slow_auc_judd(saliency + noise, fixated)
    got = auc_judd(saliency, fixated, jitter=np.random.default_rng(8))
    assert got == pytest.approx(expected, abs=1e-12)
    draws = [auc_judd(saliency, fixated, jitter=np.random.default_rng(i)) for i in range(200)]
    expectation = auc_judd(saliency, fixated)
    assert np.mean(draws) == pytest.approx(expectation, abs=4 * np.std(draws) / np.sqrt(200))


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


def point(y, x, shape=(6, 9)):
    found = np.zeros(shape)
    found[y, x] = 1
    return found


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


@pytest.mark.parametrize("shape", [(60, 90), (15, 17), (30, 40)])
def test_bicubic_is_pillows_away_from_the_border(shape):
    field = gaussian_filter(np.random.default_rng(0).random((30, 40)), 1).astype(np.float32)
    picture = Image.fromarray(field).resize(shape[::-1], Image.Resampling.BICUBIC)
    inner = slice(6, -6)
    got = resized(field, shape)[inner, inner]
    np.testing.assert_allclose(got, np.asarray(picture)[inner, inner], atol=1e-5)


@pytest.mark.parametrize("shape", [(60, 90), (15, 17), (30, 40)])
def test_bilinear_without_antialias_is_opencvs(shape):
    field = np.random.default_rng(0).random((30, 40))
    got = resized(field, shape, kernel="bilinear", antialias=False)
    expected = cv2.resize(field, shape[::-1], interpolation=cv2.INTER_LINEAR)
    # OpenCV repeats the border pixel, which for this kernel is the mirrored one.
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
def test_resizing_keeps_a_constant(kernel):
    np.testing.assert_allclose(resized(np.full((9, 7), 0.3), (4, 20), kernel=kernel), 0.3)


SHAPE = (210, 331)  # more than a block, and no whole number of blocks


def both(scorer, saliency, density, fixated, **options):
    """Scores of the fast path and of float64 functions."""
    exact = (field.astype(np.float64) for field in (saliency, density))
    return scorer.score(saliency, density, fixated, **options), score_frame(
        *exact, fixated, **options
    )


def assert_same(fast, exact):
    assert fast.status == exact.status
    assert [*fast.values] == [*METRICS]
    assert fast.values == pytest.approx(exact.values, abs=1e-5, nan_ok=True)
    assert fast.values["AUC-J"] == pytest.approx(exact.values["AUC-J"], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("jitter", [True, False])
@pytest.mark.parametrize("levels", [None, 6, 256])
@pytest.mark.parametrize("power", [1, 8])
def test_scorer_is_the_float64_functions(power, levels, jitter):
    scorer = Scorer(SHAPE)
    for seed in range(3):
        saliency, (density, fixated) = prediction(seed, SHAPE) ** power, truth(seed, SHAPE, 40)
        if levels:
            saliency = np.floor(saliency / saliency.max() * (levels - 1))
        saliency, density = saliency.astype(np.float32), density.astype(np.float32)
        assert_same(*both(scorer, saliency, density, fixated, jitter=jitter))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 1e3]), st.sampled_from([2, 9, 0]))
@settings(max_examples=40, deadline=None)
def test_scorer_on_any_small_map(seed, offset, levels):
    rng = np.random.default_rng(seed)
    saliency = rng.integers(0, levels, (5, 7)) if levels else rng.random((5, 7))
    saliency = (saliency + offset).astype(np.float32)
    density = (rng.random((5, 7)) ** 3).astype(np.float32)
    fixated = rng.random((5, 7)) < rng.random()
    assert_same(*both(Scorer((5, 7)), saliency, density, fixated))


def test_scorer_takes_float16_float64_and_views():
    saliency, (density, fixated) = prediction(1, SHAPE), truth(2, SHAPE, 40)
    scorer = Scorer(SHAPE)
    half = saliency.astype(np.float16), density.astype(np.float16)
    assert_same(*both(scorer, *half, fixated))
    assert_same(*both(scorer, half[0][::-1, ::-1], half[1][:, ::-1], fixated[::-1]))
    exact = score_frame(saliency, density, fixated).values
    assert scorer.score(saliency, density, fixated).values == pytest.approx(exact, abs=1e-5)


def degenerate_frames():
    density, fixated = truth(6, SHAPE)
    saliency, empty = prediction(7, SHAPE), np.zeros(SHAPE)
    return {
        "constant_prediction": (np.full(SHAPE, 0.1), density, fixated),
        "nearly_constant": (1 + saliency * 1e-4, density, fixated),
        "zero_prediction": (empty, density, fixated),
        "negative_prediction": (saliency - saliency.mean(), density, fixated),
        "no_fixation": (saliency, density, empty.astype(bool)),
        "every_pixel_fixated": (saliency, density, ~empty.astype(bool)),
        "empty_density": (saliency, empty, fixated),
        "constant_density": (saliency, np.ones(SHAPE), fixated),
        "tiny_values": (saliency * 1e-30, density * 1e-30, fixated),
        "zeros_and_a_peak": (point(3, 4, SHAPE), density, fixated),
    }


@pytest.mark.parametrize("name", degenerate_frames())
def test_scorer_of_degenerate_frames(name):
    saliency, density, fixated = degenerate_frames()[name]
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    assert_same(*both(Scorer(SHAPE), saliency, density, fixated))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["saliency", "density"])
def test_scorer_refuses_what_is_not_finite(which, value):
    saliency, (density, fixated) = prediction(1, SHAPE).astype(np.float32), truth(2, SHAPE)
    density = density.astype(np.float32)
    (saliency if which == "saliency" else density)[100, 200] = value
    with pytest.raises(ValueError, match=f"{which} holds 1 values"):
        Scorer(SHAPE).score(saliency, density, fixated)


def test_scorer_refuses_another_size():
    density, fixated = truth(11)
    with pytest.raises(ValueError, match="expected maps of"):
        Scorer(SHAPE).score(prediction(11), density, fixated)


def test_scorer_makes_no_map():
    shape = (480, 640)
    saliency, (density, fixated) = prediction(1, shape), truth(2, shape, 60)
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    scorer = Scorer(shape)
    tracemalloc.start()
    try:
        scorer.score(saliency, density, fixated)
        assert tracemalloc.get_traced_memory()[1] < saliency.nbytes / 10
    finally:
        tracemalloc.stop()
