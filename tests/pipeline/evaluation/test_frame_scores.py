"""A frame's scores by protocol `mit`: what leaves them equal, degenerate frames by name."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluation.metrics.auc import auc_judd
from pipeline.evaluation.metrics.distributions import cc, kldiv, nss, sim
from tests.pipeline.evaluation.frames import FIVE, prediction, scored, truth, values

LOOKED, DENSE = ("AUC-J", "NSS"), ("CC", "SIM", "KLDiv")


def statuses(saliency, density, fixated):
    return {name: one.status for name, one in scored(saliency, density, fixated).items()}


def of(looked, dense):
    """The statuses of a frame, by what the metric needs."""
    return {name: looked if name in LOOKED else dense for name in FIVE}


def test_auc_cc_nss_sim_ignore_scale_and_offset_and_kldiv_scale():
    saliency, (density, fixated) = prediction(1), truth(2)
    before = values(saliency, density, fixated)
    moved = values(3 * saliency + 7, density, fixated)
    for metric in ("AUC-J", "CC", "NSS", "SIM"):
        assert moved[metric] == pytest.approx(before[metric], abs=1e-9)
    assert kldiv(3 * saliency, density) == pytest.approx(before["KLDiv"], abs=1e-9)
    assert kldiv(3 * saliency + 7, density) != pytest.approx(before["KLDiv"], abs=1e-3)


def test_flipping_all_maps_changes_nothing():
    saliency, (density, fixated) = prediction(1), truth(2)
    before = values(saliency, density, fixated)
    flipped = values(saliency[:, ::-1], density[:, ::-1], fixated[:, ::-1])
    assert flipped == pytest.approx(before, abs=1e-9)


def test_the_density_itself_is_the_best_prediction():
    density, fixated = truth(3)
    found = values(density, density, fixated)
    assert found["CC"] == pytest.approx(1)
    assert found["SIM"] == pytest.approx(1)
    assert found["KLDiv"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("power", [1, 8])
def test_float32_is_good_to_the_fifth_decimal(power):
    saliency, (density, fixated) = prediction(4, (480, 640)) ** power, truth(5, (480, 640), 60)
    saliency = saliency.astype(np.float16)
    exact = values(saliency, density, fixated)
    p, s = saliency.astype(np.float32), density.astype(np.float32)
    single = (auc_judd(p, fixated), cc(p, s), nss(p, fixated), sim(p, s), kldiv(p, s))
    assert dict(zip(FIVE, single, strict=True)) == pytest.approx(exact, abs=1e-5)


def test_constant_prediction():
    density, fixated = truth(6)
    frame = np.full(density.shape, 0.1), density, fixated
    found = values(*frame)
    assert statuses(*frame) == dict.fromkeys(FIVE, "constant_prediction")
    assert found["AUC-J"] == pytest.approx(0.5 + 1 / (2 * (12 + 1)))
    assert np.isnan([found["CC"], found["NSS"], found["SIM"]]).all()
    assert 0 < found["KLDiv"] < 10
    assert np.isnan(auc_judd(np.full(density.shape, 0.1), fixated, jitter=False))


def test_zero_prediction():
    density, fixated = truth(6)
    found = values(np.zeros(density.shape), density, fixated)
    assert statuses(np.zeros(density.shape), density, fixated)["SIM"] == "constant_prediction"
    assert found["SIM"] == 0
    assert 25 < found["KLDiv"] < 35


def test_no_fixation_and_empty_density():
    empty = np.zeros((24, 32))
    frame = prediction(7), empty, empty.astype(bool)
    found = values(*frame)
    assert statuses(*frame) == of("no_fixation", "empty_density")
    assert np.isnan([found["AUC-J"], found["CC"], found["NSS"]]).all()
    assert (found["SIM"], found["KLDiv"]) == (0, 0)


def test_empty_density_with_a_fixation():
    _, fixated = truth(8)
    frame = prediction(7), np.zeros(fixated.shape), fixated
    found = values(*frame)
    assert statuses(*frame) == of("ok", "empty_density")
    assert np.isfinite([found["AUC-J"], found["NSS"]]).all()
    assert (found["SIM"], found["KLDiv"]) == (0, 0)


def test_no_fixation_with_a_density():
    density, _ = truth(8)
    frame = prediction(7), density, np.zeros(density.shape, dtype=bool)
    found = values(*frame)
    assert statuses(*frame) == of("no_fixation", "ok")
    assert np.isfinite([found["CC"], found["SIM"], found["KLDiv"]]).all()


def test_values_follow_the_order_that_was_asked_for():
    density, fixated = truth(10)
    asked = ("KLDiv", "CC", "AUC-J")
    assert (*values(prediction(10), density, fixated, metrics=asked),) == asked


def test_nan_is_refused():
    density, fixated = truth(11)
    broken = prediction(11)
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="saliency holds 1 values"):
        values(broken, density, fixated)
