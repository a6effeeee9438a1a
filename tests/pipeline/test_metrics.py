"""The metrics against the MIT benchmark's own values, slow definitions and degenerate frames."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import mannwhitneyu

from pipeline.metrics import METRICS, auc_judd, cc, kldiv, nss, score_frame, sim

SHARED = Path(__file__).parents[2].parent / "shared"
REFERENCE = SHARED / "reference" / "metric_reference_small.npz"
CASES = range(25)
NEGATIVE = 19  # a prediction below zero where the density is not


@pytest.fixture(scope="module")
def reference():
    if not REFERENCE.exists():
        pytest.skip(f"no {REFERENCE}: values of the MIT benchmark's Matlab code")
    with np.load(REFERENCE) as file:
        return dict(file)


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


@pytest.mark.shared
@pytest.mark.parametrize("case", CASES)
def test_auc_without_jitter_is_mits(reference, case):
    got = auc_judd(*_case(reference, case), jitter=False)
    assert got == pytest.approx(reference["ref_AUC_Judd_nojitter"][case], abs=1e-9, nan_ok=True)


@pytest.mark.shared
@pytest.mark.parametrize("case", CASES)
def test_auc_is_the_expectation_of_mits_jitter(reference, case):
    error = reference["ref_AUC_Judd_jitter_std"][case] / np.sqrt(10)
    tolerance = max(4 * np.nan_to_num(error), 1e-6)
    mean = reference["ref_AUC_Judd_jitter_mean"][case]
    got = auc_judd(*_case(reference, case))
    assert got == pytest.approx(mean, abs=tolerance, nan_ok=True)


@pytest.mark.shared
@pytest.mark.parametrize("case", CASES)
def test_nss_cc_sim_are_mits(reference, case):
    saliency, fixated = _case(reference, case)
    density = reference["density"][case]
    got = [nss(saliency, fixated), cc(saliency, density), sim(saliency, density)]
    expected = [reference[f"ref_{name}"][case] for name in ("NSS", "CC", "similarity")]
    assert got == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.shared
@pytest.mark.parametrize("case", [case for case in CASES if case != NEGATIVE])
def test_kldiv_is_mits(reference, case):
    got = kldiv(reference["saliency"][case], reference["density"][case])
    assert got == pytest.approx(reference["ref_KLdiv"][case], abs=1e-6)


@pytest.mark.shared
def test_kldiv_is_nan_where_mits_is_complex(reference):
    complex_cases = np.flatnonzero(np.nan_to_num(reference["ref_KLdiv_imag"]))
    assert complex_cases.tolist() == [NEGATIVE]
    assert np.isnan(kldiv(reference["saliency"][NEGATIVE], reference["density"][NEGATIVE]))


@pytest.mark.shared
def test_statuses_of_the_reference(reference):
    found = {
        case: score_frame(
            reference["saliency"][case], reference["density"][case], _case(reference, case)[1]
        ).status
        for case in CASES
    }
    odd = {case: status for case, status in found.items() if status != "ok"}
    assert odd == {20: "constant_prediction", 21: "no_fixation", 23: "constant_prediction"}


def _case(reference, case):
    return reference["saliency"][case], reference["fixation"][case].astype(bool)


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
