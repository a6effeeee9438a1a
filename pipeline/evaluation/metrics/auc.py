"""Areas under the ROC curve (Sec. IV-C), by the conventions of the MIT saliency benchmark.

The paper reports "the scores obtained with the implementations provided by MIT benchmark website":
github.com/cvzoya/saliency, folder code_forMetrics. These functions restate that code; keywords give
the conventions of other scorers, which `pipeline.evaluation.protocols` puts together by name. All
maps are arrays [y, x] of one size; each function computes in the dtype it is given, which in
float32 costs a third of the time and at most the fifth decimal.
"""

from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.metrics.scaling import Map, Points

_JITTER: Final = 1e-7
"""Largest value of the noise that AUC_Judd.m adds to break ties."""
_STEPS: Final = np.arange(11) * 0.1
"""Thresholds of AUC_Borji.m and AUC_shuffled.m."""


def auc_judd(
    saliency: Map, fixated: NDArray[np.bool_], *, jitter: bool | Generator = True
) -> float:
    """Area under the ROC curve whose thresholds are the fixated values (AUC_Judd.m).

    MIT adds rand/1e7 to break ties. With `jitter` this is the expectation of that score over the
    noise, in closed form: 1 - mean(gt_i + eq_i/2)/M + (gt_j + eq_j*k/(k+1))/(2NM), with N fixated
    and M other pixels, gt_i and eq_i the others above and equal to fixated value i, j the lowest
    fixated value, k the fixated pixels that share it. Noise here only orders equal values; MIT's
    also swaps values closer than 1e-7. With a generator it is one call of MIT's code, its noise
    drawn from there; float32 loses it above values of about 1. Without `jitter` it is the area that
    MIT's code gives without noise. NaN without fixations, and for a constant map without jitter.
    """
    if isinstance(jitter, Generator):
        noisy = saliency + jitter.random(saliency.shape) * _JITTER
        saliency = noisy.astype(saliency.dtype, copy=False)
    thresholds, others = np.sort(saliency[fixated])[::-1], np.sort(saliency[~fixated])
    if thresholds.size == 0 or others.size == 0:
        return np.nan
    greater, equal = above(others, thresholds)
    expected = jitter is True
    return judd_area(thresholds, greater, equal, others.size, expected=expected)


def above(ascending: Map, thresholds: Map) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many of the `ascending` values are above, and how many equal to, each threshold."""
    greater = ascending.size - np.searchsorted(ascending, thresholds, side="right")
    return greater, ascending.size - np.searchsorted(ascending, thresholds, side="left") - greater


def judd_area(
    thresholds: Map,
    greater: NDArray[np.intp],
    equal: NDArray[np.intp],
    m: int,
    *,
    expected: bool,
) -> float:
    """`auc_judd` of N `thresholds`, descending, and how many of the M others are above and equal.

    Not `expected`: points tp_i = i/N and fp_i = (#{P >= t_i} - i)/M between (0, 0) and (1, 1), by
    trapezoids.
    """
    n = thresholds.size
    if expected:
        k = np.count_nonzero(thresholds == thresholds[-1])
        lowest = greater[-1] + equal[-1] * k / (k + 1)
        return expected_area(n, (greater + equal / 2).sum(), lowest, m)
    if thresholds[0] == thresholds[-1] and equal[0] == m:
        return np.nan
    rank = np.arange(1, n + 1)
    reached = np.searchsorted(-thresholds, -thresholds, side="right")
    return _trapezoids(rank / n, (greater + equal + reached - rank) / m)


def expected_area(n: int, above: float, lowest: float, m: int) -> float:
    """`auc_judd` of N fixated and M other pixels, in expectation over the noise.

    `above` is the sum of gt_i + eq_i/2 over the fixated values, `lowest` is gt_j + eq_j*k/(k+1) of
    the lowest; both count other pixels.
    """
    return float(1 - above / n / m + lowest / (2 * n * m))


def _trapezoids(true: NDArray[np.float64], false: NDArray[np.float64]) -> float:
    """Area under the points (false, true) between (0, 0) and (1, 1)."""
    return float(np.trapezoid(np.r_[0.0, true, 1.0], np.r_[0.0, false, 1.0]))


def auc_distinct(
    saliency: Map, fixated: NDArray[np.bool_], *, decimals: int | None = None
) -> float:
    """Area whose thresholds are the distinct fixated values t, ties in one step (UNISAL).

    tp = #{fixated >= t}/N, fp = #{others >= t}/M, each rounded to `decimals` (UNISAL: 4), by
    trapezoids. Without rounding it is AUC_Judd of pysaliency without noise. NaN without fixations.
    """
    inside, others = np.sort(saliency[fixated]), np.sort(saliency[~fixated])
    if inside.size == 0 or others.size == 0:
        return np.nan
    thresholds = np.unique(inside)[::-1]
    true = 1 - np.searchsorted(inside, thresholds) / inside.size
    false = 1 - np.searchsorted(others, thresholds) / others.size
    if decimals is not None:
        true, false = true.round(decimals), false.round(decimals)
    return _trapezoids(true, false)


def auc_repeated(saliency: Map, points: Points) -> float:
    """Area of `auc_judd` without jitter where a repeated fixation counts each time (MSU, NTIRE).

    Points tp_i = i/N, fp_i = (#{P >= t_i} - i)/(pixels - 2): the scorer means to subtract the
    distinct fixations, but counts distinct columns of an [N, 2] array. NaN without fixations.
    """
    thresholds = np.sort(saliency[points])[::-1]
    if thresholds.size == 0:
        return np.nan
    rank = np.arange(1, thresholds.size + 1)
    reached = saliency.size - np.searchsorted(np.sort(saliency, axis=None), thresholds)
    return _trapezoids(rank / rank.size, (reached - rank) / (saliency.size - 2))


def auc(positives: Map, negatives: Map) -> float:
    """Mann-Whitney area: how often a positive is above a negative, ties half (pysaliency).

    pysaliency's AUC takes all pixels as negatives, its sAUC the fixations of other pictures.
    """
    if positives.size == 0 or negatives.size == 0:
        return np.nan
    greater, equal = above(np.sort(positives, axis=None), negatives.ravel())
    return float((greater + equal / 2).mean() / positives.size)


def auc_borji(
    saliency: Map,
    fixated: NDArray[np.bool_],
    draws: Generator | NDArray[np.integer[Any]] | None = None,
    *,
    splits: int = 100,
) -> float:
    """Area against as many random pixels as fixations, mean over splits (AUC_Borji.m).

    The map is scaled to 0..1 and the thresholds are 0, 0.1, ... 1, so that the area of a split is
    the Mann-Whitney area of the reached steps, and the mean over splits that over all draws. NaN
    without fixations and for a constant map.

    Args:
        saliency: Prediction [y, x].
        fixated: True where somebody looked [y, x].
        draws: Positions in the flattened map, any shape; a generator, to draw `splits` times as
            many as there are fixations; or nothing, for the expectation over all draws.
        splits: Number of draws from a generator.
    """
    flat = saliency.ravel()
    if isinstance(draws, Generator):
        draws = draws.integers(0, flat.size, (splits, np.count_nonzero(fixated)))
    others = flat if draws is None else flat[draws]
    return stepped_area(saliency[fixated], others, _range(saliency))


def auc_shuffled(
    saliency: Map,
    fixated: NDArray[np.bool_],
    reference: NDArray[np.integer[Any]],
    draws: Generator | NDArray[np.integer[Any]] | None = None,
    *,
    splits: int = 100,
    top: bool = True,
) -> float:
    """Area against places fixated in other frames, mean over splits (AUC_shuffled.m), sAUC.

    As `auc_borji`, but each split takes min(N, all) of the `reference`, positions in the flattened
    map fixated in other frames, without replacement. `top` says whether the largest value is a
    threshold too, if it is a step (UNISAL: no). NaN also without fixations in the reference.
    """
    inside = saliency[fixated]
    if isinstance(draws, Generator):
        draws = reference[_subsets(reference.size, inside.size, splits, draws)]
    others = saliency.ravel()[reference if draws is None else draws]
    return stepped_area(inside, others, _range(saliency), top=top)


def _range(saliency: Map) -> tuple[float, float]:
    return float(saliency.min()), float(saliency.max())


def stepped_area(
    inside: Map, others: Map, extremes: tuple[float, float], *, top: bool = True
) -> float:
    """Mann-Whitney area of the tenths of a map's range that values of it reach.

    `extremes` are the least and the largest value of the map. NaN without values on either side,
    and for a constant map; `top` as in `auc_shuffled`.
    """
    lowest, highest = extremes
    if inside.size == 0 or others.size == 0 or lowest == highest:
        return np.nan
    last = _STEPS.size if top else _STEPS.size - 1

    def reached(values: Map) -> NDArray[np.intp]:
        scaled = (values.astype(np.float64) - lowest) / (highest - lowest)
        return np.searchsorted(_STEPS[:last], scaled, side="right") - 1

    counts = np.bincount(reached(inside), minlength=last)
    above = (counts[::-1].cumsum()[::-1] - counts / 2) / inside.size
    return float(above[reached(others)].mean())


def _subsets(size: int, count: int, splits: int, rng: Generator) -> NDArray[np.intp]:
    """For each split min(count, size) different indices below `size`, by Floyd's algorithm.

    A permutation per split, as in AUC_shuffled.m, takes time by the size of the reference set.
    """
    count = min(count, size)
    last = np.arange(size - count, size)
    chosen = (rng.random((count, splits)) * (last[:, None] + 1)).astype(np.intp)
    taken = np.zeros(splits * size, bool)
    start = np.arange(splits) * size
    for highest, row in zip(last, chosen, strict=True):
        row[taken[start + row]] = highest
        taken[start + row] = True
    return chosen
