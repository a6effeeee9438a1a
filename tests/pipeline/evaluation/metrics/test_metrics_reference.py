"""The metrics against the values that the MIT benchmark's Matlab code gave under Octave."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.metrics.auc import auc_borji, auc_judd, auc_shuffled
from pipeline.evaluation.metrics.distributions import cc, emd, info_gain, kldiv, nss, sim
from pipeline.evaluation.metrics.engine import Engine
from tests.builders import ROOT
from tests.pipeline.evaluation.frames import FIVE, scored, values

FOLDER = ROOT.parent / "shared" / "reference"
FILE = FOLDER / "metric_reference_small.npz"
DOWNSIZE = 4  # the file's maps are an eighth of 480x640
CASES = [
    *("00_cont_n5", "01_cont_n7", "02_cont_n10", "03_cont_n12", "04_cont_n14"),
    *("05_cont_n17", "06_cont_n19", "07_cont_n22", "08_u8_n24", "09_u8_n26", "10_u8_n29"),
    *("11_u8_n31", "12_u8_n33", "13_u8_n36", "14_zeros60_n38", "15_zeros60_n41"),
    *("16_zeros60_n43", "17_8levels_n45", "18_f32_n48", "19_negative_values_n50"),
    *("20_constant_map", "21_no_fixations", "22_one_fixation", "23_zero_map"),
    "24_pred_equals_density",
]
NEGATIVE = CASES.index("19_negative_values_n50")
ONE_FIXATION = CASES.index("22_one_fixation")

pytestmark = pytest.mark.shared
every_case = pytest.mark.parametrize("case", range(25), ids=CASES)


@pytest.fixture(scope="module")
def reference():
    if not FILE.exists():
        pytest.skip(f"no {FILE}: values of the MIT benchmark's Matlab code")
    with np.load(FILE) as file:
        return dict(file)


def inputs(reference, case):
    fixated = reference["fixation"][case].astype(bool)
    return reference["saliency"][case], reference["density"][case], fixated


def drawn(reference, kind, case):
    """Octave's draws, in its order of pixels (by column), as positions in our order (by row)."""
    height, width = reference["fixation"].shape[1:]
    stored = reference.get(f"{kind}_idx_{case:02d}", np.zeros(0, int))
    return stored % height * width + stored // height


def test_the_cases_are_those_of_the_file(reference):
    assert [str(name) for name in reference["name"]] == CASES


@every_case
def test_auc_judd_without_jitter(reference, case):
    saliency, _, fixated = inputs(reference, case)
    got = auc_judd(saliency, fixated, jitter=False)
    assert got == pytest.approx(reference["ref_AUC_Judd_nojitter"][case], abs=1e-9, nan_ok=True)


@every_case
def test_auc_judd_is_the_expectation_of_the_jitter(reference, case):
    saliency, _, fixated = inputs(reference, case)
    error = np.nan_to_num(reference["ref_AUC_Judd_jitter_std"][case]) / np.sqrt(10)
    mean = reference["ref_AUC_Judd_jitter_mean"][case]
    got = auc_judd(saliency, fixated)
    # 1e-6: MIT's noise also swaps values of a continuous map that are closer than it.
    assert got == pytest.approx(mean, abs=max(4 * error, 1e-6), nan_ok=True)


@every_case
def test_auc_judd_drawn_is_as_the_ten_draws(reference, case):
    saliency, _, fixated = inputs(reference, case)
    rng = np.random.default_rng(case)
    got = np.array([auc_judd(saliency, fixated, jitter=rng) for _ in range(10)])
    deviation = np.nan_to_num(reference["ref_AUC_Judd_jitter_std"][case])
    mean = reference["ref_AUC_Judd_jitter_mean"][case]
    tolerance = max(4 * deviation * np.sqrt(2 / 10), 1e-5)
    assert got.mean() == pytest.approx(mean, abs=tolerance, nan_ok=True)


@every_case
def test_auc_borji(reference, case):
    saliency, _, fixated = inputs(reference, case)
    expected = reference["ref_AUC_Borji"][case]
    got = auc_borji(saliency, fixated, drawn(reference, "borji", case))
    assert got == pytest.approx(expected, abs=1e-9, nan_ok=True)
    if case == ONE_FIXATION:
        # One draw a split turns Octave's column of values into a row, and its code stops.
        assert np.isnan(expected)
        assert 0.5 < auc_borji(saliency, fixated) < 1


@every_case
def test_auc_shuffled(reference, case):
    saliency, _, fixated = inputs(reference, case)
    places = np.flatnonzero(reference["other"][case])
    got = auc_shuffled(saliency, fixated, places, drawn(reference, "shuf", case))
    assert got == pytest.approx(reference["ref_AUC_shuffled"][case], abs=1e-9, nan_ok=True)


@every_case
@pytest.mark.parametrize("kind", ["Borji", "shuffled"])
def test_expectation_of_the_splits_is_within_five_runs_of_octave(reference, case, kind):
    saliency, _, fixated = inputs(reference, case)
    runs = reference[f"ref_AUC_{kind}_5seeds"][case]
    places = np.flatnonzero(reference["other"][case])
    got = (
        auc_borji(saliency, fixated) if kind == "Borji" else auc_shuffled(saliency, fixated, places)
    )
    if np.isnan(runs).any():
        assert np.isnan(got) or (case, kind) == (ONE_FIXATION, "Borji")
        return
    assert got == pytest.approx(runs.mean(), abs=5 * runs.std(ddof=1) / np.sqrt(5) + 1e-9)


@every_case
def test_nss(reference, case):
    saliency, _, fixated = inputs(reference, case)
    expected = reference["ref_NSS"][case]
    assert nss(saliency, fixated) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@every_case
def test_cc(reference, case):
    saliency, density, _ = inputs(reference, case)
    expected = reference["ref_CC"][case]
    assert cc(saliency, density) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@every_case
def test_sim(reference, case):
    saliency, density, _ = inputs(reference, case)
    expected = reference["ref_similarity"][case]
    assert sim(saliency, density) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@every_case
def test_kldiv(reference, case):
    saliency, density, _ = inputs(reference, case)
    is_complex = bool(np.nan_to_num(reference["ref_KLdiv_imag"][case]))
    assert is_complex == (case == NEGATIVE)
    expected = np.nan if is_complex else reference["ref_KLdiv"][case]
    assert kldiv(saliency, density) == pytest.approx(expected, abs=1e-6, nan_ok=True)


@every_case
def test_info_gain(reference, case):
    saliency, _, fixated = inputs(reference, case)
    got = info_gain(saliency, fixated, reference["density"][0])
    assert got == pytest.approx(reference["ref_InfoGain"][case], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("case", range(20), ids=CASES[:20])
def test_emd(reference, case):
    pytest.importorskip("ot")
    saliency, density, _ = inputs(reference, case)
    got = emd(saliency, density, downsize=DOWNSIZE)
    assert got == pytest.approx(reference["ref_EMD"][case], rel=0.03)


@every_case
def test_the_engine_is_the_float64_functions(reference, case):
    saliency, density, fixated = inputs(reference, case)
    saliency, density = saliency.astype(np.float32), density.astype(np.float32)
    fast = scored(saliency, density, fixated, engine=Engine(saliency.shape))
    exact = scored(saliency, density, fixated)
    for name in FIVE:
        assert fast[name].status == exact[name].status
        assert fast[name].value == pytest.approx(exact[name].value, abs=1e-5, nan_ok=True)
    assert fast["AUC-J"].value == pytest.approx(exact["AUC-J"].value, abs=1e-12, nan_ok=True)


@every_case
def test_protocol_mit_is_the_functions(reference, case):
    saliency, density, fixated = inputs(reference, case)
    p, s = saliency.astype(np.float64), density.astype(np.float64)
    got = values(saliency, density, fixated, metrics=None)
    expected = (auc_judd(p, fixated), cc(p, s), nss(p, fixated), sim(p, s), kldiv(p, s))
    found = [got[name] for name in FIVE]
    assert found == pytest.approx(expected, nan_ok=True)
    assert {*got} == {*FIVE, "chi-square"}


def test_statuses(reference):
    statuses = [scored(*inputs(reference, case))["AUC-J"].status for case in range(25)]
    odd = {CASES[i]: status for i, status in enumerate(statuses) if status != "ok"}
    assert odd == {
        "20_constant_map": "constant_prediction",
        "21_no_fixations": "no_fixation",
        "23_zero_map": "constant_prediction",
    }
