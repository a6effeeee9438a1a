"""Protocol `calibrated`: its fit against a slow solver, and what it forgives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.optimize import lsq_linear

from pipeline.evaluation.calibrating import EVERY, calibrations
from pipeline.evaluation.calibration import LEVELS, by_clip, evidence, fitted, levels
from pipeline.evaluation.metrics.distributions import centre_bias
from pipeline.evaluation.protocols import protocol
from pipeline.evaluation.scoring import Request, score_frames
from tests.pipeline.evaluation.frames import SHAPE, looks


def clip(seed, change=lambda field: field):
    """A density and a prediction that knows it up to `change` and noise."""
    density = looks(seed)[1]
    noise = gaussian_filter(np.random.default_rng(seed).random(SHAPE), 1) / 20
    return change(density / density.max() + noise), density


def test_the_sums_are_those_of_the_pixels():
    saliency, density = clip(1)
    found, truth, centre = evidence(saliency, density), density / density.max(), centre_bias(SHAPE)
    level = levels(saliency)
    assert level.max() == LEVELS - 1
    for one in range(0, LEVELS, 17):
        at = level == one
        assert found.pixels[one] == at.sum()
        assert found.density[one] == pytest.approx(truth[at].sum())
        assert found.centre[one] == pytest.approx(centre[at].sum())
    assert found.product == pytest.approx((truth * centre).sum())


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fit_is_the_least_squares_under_its_bounds(seed):
    saliency, density = clip(seed, lambda field: field**2)
    density = density + 0.3 * centre_bias(SHAPE) * density.max()
    found = fitted(evidence(saliency, density))
    truth, level = density.ravel() / density.max(), levels(saliency).ravel()
    seen = np.unique(level)
    # Steps of the curve and the weight, none below 0, as one bounded problem of all pixels.
    steps = (level[:, None] >= seen[None]).astype(float)
    matrix = np.column_stack([steps, centre_bias(SHAPE).ravel()])
    bounds = (0, np.r_[np.full(seen.size, np.inf), 1])
    slow = lsq_linear(matrix, truth, bounds=bounds, tol=1e-12)
    mine = found.curve[level] + found.weight * centre_bias(SHAPE).ravel()
    assert ((mine - truth) ** 2).sum() <= 2 * slow.cost * (1 + 1e-4)
    assert found.weight == pytest.approx(slow.x[-1], abs=5e-3)
    assert (np.diff(found.curve) >= 0).all() and found.curve[0] >= 0 and found.curve[-1] <= 1


def test_a_clip_teaches_the_others_and_not_itself():
    found = {name: evidence(*clip(seed)) for seed, name in enumerate("abc")}
    got = by_clip(found, "abcd")
    every = fitted(found["a"] + found["b"] + found["c"])
    np.testing.assert_allclose(got["b"].curve, fitted(found["a"] + found["c"]).curve, atol=1e-9)
    np.testing.assert_allclose(got["d"].curve, every.curve, atol=1e-9)
    assert np.abs(got["b"].curve - every.curve).max() > 1e-3
    # Nothing changes, not even to 256 levels, the maps of a clip that is alone.
    assert by_clip({"a": found["a"]}, "a") == {}


def scores(name, change):
    """Means of three clips of six frames by a protocol, of maps changed alike."""
    frames = {
        name: [clip(10 * seed + i, change) for i in range(6)] for seed, name in enumerate("abc")
    }
    maps = SimpleNamespace(
        frames=lambda clip: list(range(6)),
        read=lambda clip, chosen: (frames[clip][i][0] for i in chosen),
    )
    truth = SimpleNamespace(
        shape=lambda clip: SHAPE,
        densities=lambda clip, chosen: (frames[clip][i][1] for i in chosen),
        pixels={c: [looks(10 * s + i)[2] for i in range(6)] for s, c in enumerate("abc")},
        people={},
        elsewhere=lambda *arguments: None,
    )
    request = Request(name, (), 0)
    changes = calibrations(maps, truth, "abc", request, "threads", 1)
    assert {*changes} == ({*"abc"} if protocol(name).calibrated else set())
    found = [
        frame
        for one in "abc"
        for *_, frame in score_frames(maps, truth, one, range(6), request, changes.get(one))
    ]
    return {m: np.mean([one[m].value for one in found]) for m in ("SIM", "CC", "KLDiv")}


def test_a_flattened_map_is_forgiven_by_calibration_alone():
    assert EVERY > 1
    plain = {name: scores(name, lambda field: field) for name in ("mit", "calibrated")}
    flat = {name: scores(name, lambda field: field**0.2) for name in ("mit", "calibrated")}
    for metric in ("SIM", "CC"):
        assert flat["mit"][metric] < plain["mit"][metric] - 0.05
        assert flat["calibrated"][metric] == pytest.approx(plain["calibrated"][metric], abs=0.03)
