"""Metrics that compare a prediction with a density, or with fixations, as distributions.

They restate github.com/cvzoya/saliency, folder code_forMetrics; keywords give other scorers'
conventions. All maps are arrays [y, x] of one size, and each function computes in their dtype.
"""

from functools import lru_cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.metrics.scaling import (
    EPSILON,
    Map,
    Points,
    is_constant,
    shares,
    without_offset,
)
from pipeline.runtime.errors import InputError


def cc(saliency: Map, density: Map, *, epsilon: float = 0.0) -> float:
    """Pearson's correlation, cov(P, S)/(std(P) std(S)) (CC.m; Eq. 7). NaN if a map is constant.

    With `epsilon` (MSU: 1e-7) it is added to each standard deviation and under the root; a
    constant map then gives 0.
    """
    if not epsilon and (is_constant(saliency) or is_constant(density)):
        return np.nan
    p, s = saliency - saliency.mean(), density - density.mean()
    if epsilon:
        p, s = p / (p.std() + epsilon), s / (s.std() + epsilon)
    return float((p * s).sum() / np.sqrt((p * p).sum() * (s * s).sum() + epsilon))


def nss(
    saliency: Map, fixated: NDArray[np.bool_] | Points, *, ddof: int = 1, epsilon: float = 0.0
) -> float:
    """Mean of (P - mean(P))/(std(P) + epsilon) at the fixated pixels (NSS.m; Eq. 5).

    MIT: std with N-1, no epsilon. pysaliency: std with N. MSU: std with N and 1e-7. Rows and
    columns instead of a boolean map count a repeated fixation each time. NaN without fixations,
    and for a constant prediction without epsilon.
    """
    inside = saliency[fixated]
    if inside.size == 0 or (not epsilon and is_constant(saliency)):
        return np.nan
    return float((inside.mean() - saliency.mean()) / (saliency.std(ddof=ddof) + epsilon))


def sim(saliency: Map, density: Map, *, min_max: bool = True, epsilon: float = 0.0) -> float:
    """Sum of min(P, S), each scaled to 0..1 and then to sum 1 (similarity.m; Eq. 8).

    An all-zero map gives 0, any other constant map NaN. Eq. 8 does not mention the scaling to
    0..1, MIT's code does it: it removes whatever offset a map has. Without `min_max` the maps are
    only divided by their sum plus `epsilon` (pysaliency, UNISAL: 0; MSU: 1e-7).
    """
    if min_max:
        return float(np.minimum(without_offset(saliency), without_offset(density)).sum())
    return float(np.minimum(shares(saliency, epsilon), shares(density, epsilon)).sum())


def kldiv(saliency: Map, density: Map, *, epsilon: float = EPSILON, floor: float = 0.0) -> float:
    """Sum of S log(eps + S/(P + eps)), natural logarithm, maps scaled to sum 1 (KLdiv.m).

    An all-zero map stays as it is: 0 for an empty density, about 30 for a zero prediction. NaN
    where MIT's result is a complex number: a negative prediction where the density is not zero.
    `floor` is added to both maps first (pysaliency: 1e-20, no epsilon); with neither (UNISAL) a
    prediction of zero where the density is not makes it infinite.
    """
    p, s = shares(saliency + floor), shares(density + floor)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(s, p + epsilon, out=np.zeros_like(s), where=s != 0)
    ratio += epsilon
    if ratio.min() < 0:
        return np.nan
    logarithm = np.log(ratio, out=np.zeros_like(ratio), where=s != 0)
    return float((s * logarithm).sum())


def chi_square(saliency: Map, density: Map) -> float:
    """0.5 sum((P - S)^2/(P + S)), both scaled to sum 1 (the predecessor paper): 0 to 1.

    Pixels where both are zero add nothing.
    """
    p, s = shares(saliency), shares(density)
    total = p + s
    return float(np.divide((p - s) ** 2, total, out=np.zeros_like(p), where=total != 0).sum() / 2)


def info_gain(saliency: Map, fixated: NDArray[np.bool_], baseline: Map) -> float:
    """Mean of log2(eps + P) - log2(eps + B) at the fixated pixels, in bits (InfoGain.m).

    The prediction P and the baseline B are each scaled to 0..1 and then to sum 1. NaN without
    fixations and for a constant map.
    """
    if not fixated.any() or is_constant(saliency) or is_constant(baseline):
        return np.nan
    p, b = without_offset(saliency)[fixated], without_offset(baseline)[fixated]
    return float((np.log2(EPSILON + p) - np.log2(EPSILON + b)).mean())


@lru_cache(maxsize=4)
def centre_bias(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the baseline of the information gain [y, x]: a Gaussian in the middle of the frame.

    Its standard deviation is a fifth of each side, and it is 1 at the centre: what
    `model.baselines.CentreBias` predicts with config.yaml's sigma. It is fixed here, so that values
    of different runs compare.
    """
    sigma = 0.2  # of each side
    column, row = (
        np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (sigma * side)) ** 2) for side in shape
    )
    found: NDArray[np.float64] = column[:, None] * row
    return found


@lru_cache(maxsize=4)
def centre_bias_bits(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return log2(eps + B) of the baseline B of `info_gain` [y, x], where it is `centre_bias`."""
    found: NDArray[np.float64] = np.log2(EPSILON + without_offset(centre_bias(shape)))
    return found


def emd(saliency: Map, density: Map, *, downsize: int = 32) -> float:
    """Earth mover's distance in pixels of the maps made `downsize` times smaller (EMD.m).

    Both are shrunk as by imresize and scaled to sum 1; moving a unit by a pixel costs 1. What both
    have in a pixel stays there, so negative values are a debt to be filled. Solved by the package
    POT. NaN for a map that sums to zero and for a constant prediction.

    Raises:
        InputError: POT is not installed.
    """
    transport = _optimal_transport()
    if is_constant(saliency) or not density.sum() or not saliency.sum():
        return np.nan
    height, width = (-(-side // downsize) for side in density.shape)
    p, s = (resized(field, (height, width)) for field in (saliency, density))
    surplus = (p / p.sum() - s / s.sum()).ravel()
    supply, demand = np.maximum(surplus, 0), np.maximum(-surplus, 0)
    mass = supply.sum()
    if mass < EPSILON * surplus.size:
        return 0.0
    # The solver wants equal masses to the last bit.
    cost = transport.emd2(supply / mass, demand / demand.sum(), _distances(height, width))
    return float(mass * cost)


def _optimal_transport() -> ModuleType:
    try:
        return import_module("ot")
    except ModuleNotFoundError as error:
        if error.name != "ot":
            raise
        raise InputError("EMD needs the package POT; install it with: pip install pot") from None


@lru_cache(maxsize=4)
def _distances(height: int, width: int) -> NDArray[np.float64]:
    """Return the distance in pixels of every two pixels [height * width, height * width]."""
    y, x = np.indices((height, width)).reshape(2, -1)
    found: NDArray[np.float64] = np.hypot(y[:, None] - y, x[:, None] - x).astype(np.float64)
    return found
