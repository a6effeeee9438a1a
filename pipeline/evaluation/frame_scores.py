"""Frame scores."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from pipeline.evaluation.metrics import auc, distributions
from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.metrics.scaling import Map, Points
from pipeline.evaluation.protocols import (
    UNDEFINED,
    Case,
    Metric,
    MetricScore,
    MetricStatus,
    Protocol,
)

_NEEDS_FIXATION: Final = ("AUC-J", "sAUC", "NSS")
_NOT_NEGATIVE: Final = ("KLDiv", "chi-square")


def score_by(
    rules: Protocol,
    saliency: Map,
    density: Map,
    pixels: NDArray[np.integer[Any]],
    *,
    reference: NDArray[np.integer[Any]] | None = None,
    rng: Generator | None = None,
) -> dict[Metric, MetricScore]:
    """Score one frame by a protocol, in float64.

    Args:
        rules: The protocol.
        saliency: Prediction [y, x], of any size.
        density: Ground-truth density [y, x].
        pixels: [n, (y, x)] fixations on the density's grid, one row for each look.
        reference: See `reference_positions`. Without it there is no sAUC.
        rng: Noise of `mit_jitter`, and random splits of sAUC. Without it sAUC is its expectation.

    Returns:
        Per metric of the protocol its value and status.

    Raises:
        ValueError: A map holds NaN or infinity, or `mit_jitter` has no generator.
    """
    if rules.auc == "jitter" and rng is None:
        raise ValueError(f"protocol {rules.name} needs a generator for its noise")
    frame = _prepared(rules, saliency, density, pixels, reference, rng)
    names = [name for name in rules.reports if name != "sAUC" or reference is not None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: _score_metric(rules, name, frame) for name in names}


class _Frame(NamedTuple):
    saliency: Map
    density: Map
    fixated: NDArray[np.bool_]
    points: Points
    """Rows and columns of fixations, repeated or not as the protocol has it."""
    reference: NDArray[np.integer[Any]] | None
    rng: Generator | None
    cases: frozenset[Case]


def _prepared(
    rules: Protocol,
    saliency: Map,
    density: Map,
    pixels: NDArray[np.integer[Any]],
    reference: NDArray[np.integer[Any]] | None,
    rng: Generator | None,
) -> _Frame:
    for name, given in (("saliency", saliency), ("density", density)):
        if wrong := given.size - np.count_nonzero(np.isfinite(given)):
            raise ValueError(f"{name} holds {wrong} values that are NaN or infinite")
    shape = (density.shape[0], density.shape[1])
    prediction = _on_grid(rules, saliency.astype(np.float64), shape)
    truth = _levelled(density.astype(np.float64), rules.levels)
    if rules.scaled == "both":
        truth = _min_max(truth)
    fixated = np.zeros(shape, bool)
    fixated[pixels[:, 0], pixels[:, 1]] = True
    y, x = pixels.T if rules.repeats else np.nonzero(fixated)
    cases = _cases(prediction, truth, fixated)
    return _Frame(prediction, truth, fixated, (y, x), reference, rng, cases)


def _on_grid(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    """The prediction as the protocol's metrics see it."""
    saliency = _levelled(saliency, rules.levels)
    if saliency.min() == saliency.max():
        # Filters would make a constant map vary in its last bits.
        value = 0.0 if rules.scaled == "both" else float(saliency.flat[0])
        return np.full(shape, value)
    if rules.scaled != "no":
        saliency = _min_max(saliency)
    if not rules.smoothing and saliency.shape == shape:
        return saliency
    if rules.smoothing:
        saliency = gaussian_filter(saliency, rules.smoothing, mode="reflect", truncate=3.0)
    if saliency.shape != shape:
        saliency = _resize(rules, saliency, shape)
    # Interpolated values that are equal but for rounding must stay equal: the areas count ties.
    unit = np.abs(saliency).max() * 1e-12
    snapped: Map = np.round(saliency / unit) * unit
    return snapped


def _resize(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    if rules.resize == "matlab_bicubic":
        # Of the 8-bit maps that these scorers read, imresize saturates what overshoots.
        return resized(saliency, shape).clip(saliency.min(), saliency.max())
    if rules.resize == "bilinear":
        return resized(saliency, shape, kernel="bilinear", antialias=False)
    factors = [new / old for new, old in zip(shape, saliency.shape, strict=True)]
    found: Map = zoom(saliency, factors, order=1, mode="nearest")
    return found


def _levelled(given: Map, levels: int | None) -> Map:
    highest = given.max()
    if levels is None or highest <= 0:
        return given if levels is None else np.zeros_like(given)
    found: Map = np.floor(given.clip(0) * ((levels - 1) / highest) + 0.5)
    return found


def _min_max(given: Map) -> Map:
    """Scaled to 0..1; zeros where constant."""
    lifted: Map = given - given.min()
    return lifted / lifted.max() if lifted.any() else lifted


def _cases(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> frozenset[Case]:
    lowest, highest = saliency.min(), saliency.max()
    found: dict[Case, bool] = {
        "no_fixation": not fixated.any(),
        "empty_density": not density.any(),
        "constant_prediction": lowest == highest,
        "zero_prediction": lowest == highest == 0,
        "negative_prediction": lowest < 0,
    }
    return frozenset(case for case, holds in found.items() if holds)


def _score_metric(rules: Protocol, name: Metric, frame: _Frame) -> MetricScore:
    status = _status(name, frame)
    for case in ("no_fixation", "empty_density", "zero_prediction", "constant_prediction"):
        if case in frame.cases and (case, name) in rules.degenerate:
            return MetricScore(rules.degenerate[case, name], status)
    value = _VALUES[name](rules, frame)
    if name in _NOT_NEGATIVE and "negative_prediction" in frame.cases and np.isnan(value):
        status = "negative_prediction" if status == "ok" else status
    return MetricScore(value, status)


def _status(name: Metric, frame: _Frame) -> MetricStatus:
    """What the ground truth lacks comes before what the prediction lacks."""
    unreferenced = name == "sAUC" and frame.reference is not None and not frame.reference.size
    if name in _NEEDS_FIXATION and ("no_fixation" in frame.cases or unreferenced):
        return "no_fixation"
    if name not in _NEEDS_FIXATION and "empty_density" in frame.cases:
        return "empty_density"
    return "constant_prediction" if "constant_prediction" in frame.cases else "ok"


def _auc(rules: Protocol, frame: _Frame) -> float:
    if rules.auc == "distinct":
        return auc.auc_distinct(frame.saliency, frame.fixated, decimals=4)
    if rules.auc == "repeated":
        return auc.auc_repeated(frame.saliency, frame.points)
    if rules.auc == "mann_whitney":
        return auc.auc(frame.saliency[frame.points], frame.saliency)
    jitter = frame.rng if rules.auc == "jitter" and frame.rng is not None else True
    return auc.auc_judd(frame.saliency, frame.fixated, jitter=jitter)


def _sauc(rules: Protocol, frame: _Frame) -> float:
    assert frame.reference is not None
    if rules.sauc == "mann_whitney":
        negatives = frame.saliency.ravel()[frame.reference]
        return auc.auc(frame.saliency[frame.points], negatives)
    return auc.auc_shuffled(
        frame.saliency,
        frame.fixated,
        frame.reference,
        frame.rng,
        top=rules.sauc == "stepped",
    )


def _cc(rules: Protocol, frame: _Frame) -> float:
    return distributions.cc(frame.saliency, frame.density, epsilon=rules.epsilon)


def _nss(rules: Protocol, frame: _Frame) -> float:
    return distributions.nss(frame.saliency, frame.points, ddof=rules.ddof, epsilon=rules.epsilon)


def _sim(rules: Protocol, frame: _Frame) -> float:
    p, s = _distributions(rules, frame)
    return distributions.sim(p, s, min_max=rules.min_max, epsilon=rules.epsilon)


def _kldiv(rules: Protocol, frame: _Frame) -> float:
    p, s = _distributions(rules, frame)
    return distributions.kldiv(p, s, epsilon=rules.kldiv_epsilon, floor=rules.kldiv_floor)


def _chi_square(_rules: Protocol, frame: _Frame) -> float:
    if "negative_prediction" in frame.cases:
        return UNDEFINED
    return distributions.chi_square(frame.saliency, frame.density)


def _distributions(rules: Protocol, frame: _Frame) -> tuple[Map, Map]:
    """Prediction and density, made fit to be distributions where the protocol does so."""
    if not rules.proper:
        return frame.saliency, frame.density
    return _proper(frame.saliency), _proper(frame.density)


def _proper(given: Map) -> Map:
    lifted: Map = given - given.min() if given.min() < 0 else given
    return lifted if lifted.any() else np.ones_like(lifted)


_VALUES: Final = {
    "AUC-J": _auc,
    "sAUC": _sauc,
    "CC": _cc,
    "NSS": _nss,
    "SIM": _sim,
    "KLDiv": _kldiv,
    "chi-square": _chi_square,
}
