"""The five metrics of Sec. IV-C, by the conventions of the MIT saliency benchmark.

The paper reports "the scores obtained with the implementations provided by MIT benchmark website":
github.com/cvzoya/saliency, folder code_forMetrics. These functions restate that code. All maps are
arrays [y, x] of one size; each function computes in the dtype it is given, which in float32 costs a
third of the time and at most the fifth decimal.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.floating[Any]]
Status = Literal["ok", "no_fixation", "empty_density", "constant_prediction"]

METRICS: Final[dict[str, Literal["higher", "lower"]]] = {
    "AUC-J": "higher",
    "CC": "higher",
    "NSS": "higher",
    "SIM": "higher",
    "KLDiv": "lower",
}
"""Each metric, in the order of the paper's columns, and which of two values is the better one."""

EPSILON: Final = 2.0**-52
"""Matlab's eps, which KLdiv.m adds to the prediction and inside the logarithm."""


class FrameScore(NamedTuple):
    """What one frame scored: a value per metric (NaN where undefined) and why it may be odd."""

    values: dict[str, float]
    status: Status


def score_frame(
    saliency: Map, density: Map, fixated: NDArray[np.bool_], *, jitter: bool = True
) -> FrameScore:
    """Score one frame with every metric of `METRICS`.

    Args:
        saliency: Prediction [y, x], any scale. float16 and float32 are scored in float32, anything
            else in float64.
        density: Ground-truth density [y, x], any scale.
        fixated: True where somebody looked [y, x].
        jitter: See `auc_judd`.

    Raises:
        ValueError: The maps differ in size, or one holds NaN or infinity.
    """
    _check(saliency, density, fixated)
    working = np.promote_types(saliency.dtype, np.float32)
    saliency, density = saliency.astype(working, copy=False), density.astype(working, copy=False)
    values = {
        "AUC-J": auc_judd(saliency, fixated, jitter=jitter),
        "CC": cc(saliency, density),
        "NSS": nss(saliency, fixated),
        "SIM": sim(saliency, density),
        "KLDiv": kldiv(saliency, density),
    }
    return FrameScore(values, _status(saliency, density, fixated))


def auc_judd(saliency: Map, fixated: NDArray[np.bool_], *, jitter: bool = True) -> float:
    """Area under the ROC curve whose thresholds are the fixated values (AUC_Judd.m).

    MIT adds rand/1e7 to break ties. With `jitter` this is the expectation of that score over the
    noise, in closed form: 1 - mean(gt_i + eq_i/2)/M + (gt_j + eq_j*k/(k+1))/(2NM), with N fixated
    and M other pixels, gt_i and eq_i the others above and equal to fixated value i, j the lowest
    fixated value, k the fixated pixels that share it. Noise here only orders equal values; MIT's
    also swaps values closer than 1e-7. Without `jitter` it is the area that MIT's code gives
    without noise. NaN without fixations, and for a constant map without jitter.
    """
    thresholds, others = np.sort(saliency[fixated])[::-1], np.sort(saliency[~fixated])
    n, m = thresholds.size, others.size
    if n == 0 or m == 0:
        return np.nan
    if not jitter:
        return _area_without_jitter(thresholds, others)
    greater = m - np.searchsorted(others, thresholds, side="right")
    equal = m - np.searchsorted(others, thresholds, side="left") - greater
    k = np.count_nonzero(thresholds == thresholds[-1])
    lowest = greater[-1] + equal[-1] * k / (k + 1)
    return float(1 - (greater + equal / 2).mean() / m + lowest / (2 * n * m))


def _area_without_jitter(thresholds: Map, others: Map) -> float:
    """Area of AUC_Judd.m for N `thresholds`, descending, and M `others`, ascending.

    Points tp_i = i/N and fp_i = (#{P >= t_i} - i)/M between (0, 0) and (1, 1), by trapezoids.
    """
    n, m = thresholds.size, others.size
    if thresholds[0] == thresholds[-1] == others[0] == others[-1]:
        return np.nan
    rank = np.arange(1, n + 1)
    reached = np.searchsorted(-thresholds, -thresholds, side="right")
    false = (m - np.searchsorted(others, thresholds, side="left") + reached - rank) / m
    return float(np.trapezoid(np.r_[0, rank / n, 1], np.r_[0, false, 1]))


def cc(saliency: Map, density: Map) -> float:
    """Pearson's correlation, cov(P, S)/(std(P) std(S)) (CC.m; Eq. 7). NaN if a map is constant."""
    if _is_constant(saliency) or _is_constant(density):
        return np.nan
    p, s = saliency - saliency.mean(), density - density.mean()
    return float((p * s).sum() / np.sqrt((p * p).sum() * (s * s).sum()))


def nss(saliency: Map, fixated: NDArray[np.bool_]) -> float:
    """Mean of (P - mean(P))/std(P) at the fixated pixels, std with N-1 (NSS.m; Eq. 5).

    NaN without fixations and for a constant prediction.
    """
    if not fixated.any() or _is_constant(saliency):
        return np.nan
    return float((saliency[fixated].mean() - saliency.mean()) / saliency.std(ddof=1))


def sim(saliency: Map, density: Map) -> float:
    """Sum of min(P, S), each scaled to 0..1 and then to sum 1 (similarity.m; Eq. 8).

    An all-zero map gives 0, any other constant map NaN. Eq. 8 does not mention the scaling to
    0..1, MIT's code does it: it removes whatever offset a map has.
    """
    return float(np.minimum(_without_offset(saliency), _without_offset(density)).sum())


def kldiv(saliency: Map, density: Map) -> float:
    """Sum of S log(eps + S/(P + eps)), natural logarithm, maps scaled to sum 1 (KLdiv.m).

    An all-zero map stays as it is: 0 for an empty density, about 30 for a zero prediction. NaN
    where MIT's result is a complex number: a negative prediction where the density is not zero.
    """
    s = density / density.sum() if density.any() else density
    p = saliency / saliency.sum() if saliency.any() else saliency
    ratio = s / (p + EPSILON)
    ratio += EPSILON
    return float((s * np.log(ratio)).sum()) if ratio.min() > 0 else np.nan


def _without_offset(field: Map) -> Map:
    """`field` scaled to 0..1, then to sum 1; zeros stay zeros, other constants become NaN."""
    if not field.any():
        return field
    if _is_constant(field):
        return np.full_like(field, np.nan)
    lifted: Map = field - field.min()
    lifted /= lifted.sum()
    return lifted


def _is_constant(field: Map) -> bool:
    return bool(field.min() == field.max())


def _status(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> Status:
    """The first that holds: what the ground truth lacks comes before what the prediction lacks."""
    if not fixated.any():
        return "no_fixation"
    if not density.any():
        return "empty_density"
    return "constant_prediction" if _is_constant(saliency) else "ok"


def _check(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> None:
    if not saliency.shape == density.shape == fixated.shape:
        raise ValueError(
            "saliency, density and fixated must be of one size, found "
            f"{saliency.shape}, {density.shape} and {fixated.shape}"
        )
    for name, field in (("saliency", saliency), ("density", density)):
        if wrong := field.size - np.count_nonzero(np.isfinite(field)):
            raise ValueError(f"{name} holds {wrong} values that are NaN or infinite")
