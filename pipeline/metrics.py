"""The metrics of Sec. IV-C and their relatives, by the conventions of the MIT saliency benchmark.

The paper reports "the scores obtained with the implementations provided by MIT benchmark website":
github.com/cvzoya/saliency, folder code_forMetrics. These functions restate that code; keywords give
the conventions of other scorers, which `pipeline.protocols` puts together by name. All maps are
arrays [y, x] of one size; each function computes in the dtype it is given, which in float32 costs a
third of the time and at most the fifth decimal. `Scorer` gives the paper's five faster still.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.errors import InputError

Map = NDArray[np.floating[Any]]
Points = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]
"""Rows and columns of fixations, in which a pixel may come more than once."""
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
"""Matlab's eps, which KLdiv.m and InfoGain.m add to the prediction and inside the logarithm."""
_JITTER: Final = 1e-7
_STEPS: Final = np.arange(11) * 0.1
"""Thresholds of AUC_Borji.m and AUC_shuffled.m."""


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


def auc_judd(
    saliency: Map, fixated: NDArray[np.bool_], *, jitter: bool | Generator = True
) -> float:
    """Area under the ROC curve whose thresholds are the fixated values (AUC_Judd.m).

    MIT adds rand/1e7 to break ties. With `jitter` this is the expectation of that score over the
    noise, in closed form: 1 - mean(gt_i + eq_i/2)/M + (gt_j + eq_j*k/(k+1))/(2NM), with N fixated
    and M other pixels, gt_i and eq_i the others above and equal to fixated value i, j the lowest
    fixated value, k the fixated pixels that share it. Noise here only orders equal values; MIT's
    also swaps values closer than 1e-7. With a generator it is one call of MIT's code, its noise
    drawn from there. Without `jitter` it is the area that MIT's code gives without noise. NaN
    without fixations, and for a constant map without jitter.
    """
    if isinstance(jitter, Generator):
        saliency = saliency + jitter.random(saliency.shape) * _JITTER
    thresholds, others = np.sort(saliency[fixated])[::-1], np.sort(saliency[~fixated])
    if thresholds.size == 0 or others.size == 0:
        return np.nan
    greater, equal = _above(others, thresholds)
    expected = jitter is True
    return _judd_area(thresholds, greater, equal, others.size, expected=expected)


def _above(ascending: Map, thresholds: Map) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """How many of the `ascending` values are above, and how many equal to, each threshold."""
    greater = ascending.size - np.searchsorted(ascending, thresholds, side="right")
    return greater, ascending.size - np.searchsorted(ascending, thresholds, side="left") - greater


def _judd_area(
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
        return float(1 - (greater + equal / 2).mean() / m + lowest / (2 * n * m))
    if thresholds[0] == thresholds[-1] and equal[0] == m:
        return np.nan
    rank = np.arange(1, n + 1)
    reached = np.searchsorted(-thresholds, -thresholds, side="right")
    return _trapezoids(rank / n, (greater + equal + reached - rank) / m)


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
    greater, equal = _above(np.sort(positives, axis=None), negatives.ravel())
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
    the Mann-Whitney area of the reached steps, and the mean over splits that over all draws.

    Args:
        saliency: Prediction [y, x].
        fixated: True where somebody looked [y, x].
        draws: Positions in the flattened map, any shape; a generator, to draw `splits` times as
            many as there are fixations; or nothing, for the expectation over all draws.
        splits: Number of draws from a generator.

    Returns:
        The area; NaN without fixations and for a constant map.
    """
    flat = saliency.ravel()
    if isinstance(draws, Generator):
        draws = draws.integers(0, flat.size, (splits, np.count_nonzero(fixated)))
    return _stepped_area(saliency, saliency[fixated], flat if draws is None else flat[draws])


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

    As `auc_borji`, but each split takes min(N, all) of the reference without replacement.

    Args:
        saliency: Prediction [y, x].
        fixated: True where somebody looked [y, x].
        reference: Positions in the flattened map fixated in other frames.
        draws: Positions out of `reference`, any shape; a generator; or nothing, for the
            expectation over all draws.
        splits: Number of draws from a generator.
        top: Whether the largest value is a threshold too, if it is a step (UNISAL: no).

    Returns:
        The area; NaN without fixations here or in the reference, and for a constant map.
    """
    inside = saliency[fixated]
    if isinstance(draws, Generator):
        draws = reference[_subsets(reference.size, inside.size, splits, draws)]
    others = saliency.ravel()[reference if draws is None else draws]
    return _stepped_area(saliency, inside, others, top=top)


def _stepped_area(saliency: Map, inside: Map, others: Map, *, top: bool = True) -> float:
    """Mann-Whitney area of the tenths of the map's range that values reach."""
    lowest, highest = float(saliency.min()), float(saliency.max())
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


def cc(saliency: Map, density: Map, *, epsilon: float = 0.0) -> float:
    """Pearson's correlation, cov(P, S)/(std(P) std(S)) (CC.m; Eq. 7). NaN if a map is constant.

    With `epsilon` (MSU: 1e-7) it is added to each standard deviation and under the root; a
    constant map then gives 0.
    """
    if not epsilon and (_is_constant(saliency) or _is_constant(density)):
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
    if inside.size == 0 or (not epsilon and _is_constant(saliency)):
        return np.nan
    return float((inside.mean() - saliency.mean()) / (saliency.std(ddof=ddof) + epsilon))


def sim(saliency: Map, density: Map, *, min_max: bool = True, epsilon: float = 0.0) -> float:
    """Sum of min(P, S), each scaled to 0..1 and then to sum 1 (similarity.m; Eq. 8).

    An all-zero map gives 0, any other constant map NaN. Eq. 8 does not mention the scaling to
    0..1, MIT's code does it: it removes whatever offset a map has. Without `min_max` the maps are
    only divided by their sum plus `epsilon` (pysaliency, UNISAL: 0; MSU: 1e-7).
    """
    if min_max:
        return float(np.minimum(_without_offset(saliency), _without_offset(density)).sum())
    return float(np.minimum(_shares(saliency, epsilon), _shares(density, epsilon)).sum())


def kldiv(saliency: Map, density: Map, *, epsilon: float = EPSILON, floor: float = 0.0) -> float:
    """Sum of S log(eps + S/(P + eps)), natural logarithm, maps scaled to sum 1 (KLdiv.m).

    An all-zero map stays as it is: 0 for an empty density, about 30 for a zero prediction. NaN
    where MIT's result is a complex number: a negative prediction where the density is not zero.
    `floor` is added to both maps first (pysaliency: 1e-20, no epsilon); with neither (UNISAL) a
    prediction of zero where the density is not makes it infinite.
    """
    p, s = _shares(saliency + floor), _shares(density + floor)
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
    p, s = _shares(saliency), _shares(density)
    total = p + s
    return float(np.divide((p - s) ** 2, total, out=np.zeros_like(p), where=total != 0).sum() / 2)


def info_gain(saliency: Map, fixated: NDArray[np.bool_], baseline: Map) -> float:
    """Mean of log2(eps + P) - log2(eps + B) at the fixated pixels, in bits (InfoGain.m).

    The prediction P and the baseline B are each scaled to 0..1 and then to sum 1. NaN without
    fixations and for a constant map.
    """
    if not fixated.any() or _is_constant(saliency) or _is_constant(baseline):
        return np.nan
    p, b = _without_offset(saliency)[fixated], _without_offset(baseline)[fixated]
    return float((np.log2(EPSILON + p) - np.log2(EPSILON + b)).mean())


def emd(saliency: Map, density: Map, *, downsize: int = 32) -> float:
    """Earth mover's distance in pixels of the maps made `downsize` times smaller (EMD.m).

    Both are shrunk as by imresize and scaled to sum 1; moving a unit by a pixel costs 1. What both
    have in a pixel stays there, so negative values are a debt to be filled. Solved by the package
    POT. NaN for a map that sums to zero and for a constant prediction.

    Raises:
        InputError: POT is not installed.
    """
    transport = _optimal_transport()
    if _is_constant(saliency) or not density.sum() or not saliency.sum():
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
    y, x = np.indices((height, width)).reshape(2, -1)
    found: NDArray[np.float64] = np.hypot(y[:, None] - y, x[:, None] - x).astype(np.float64)
    return found


Kernel = Literal["bicubic", "bilinear"]


def resized(
    field: Map, shape: tuple[int, int], *, kernel: Kernel = "bicubic", antialias: bool = True
) -> Map:
    """A map in another size, as by Matlab's imresize: with a kernel as wide as the reduction.

    Args:
        field: Map [y, x].
        shape: Height and width to give it.
        kernel: bicubic (a = -0.5) or bilinear.
        antialias: Whether the kernel widens where the map shrinks (OpenCV, torch: no).
    """
    rows = _weights(field.shape[0], shape[0], kernel, antialias)
    columns = _weights(field.shape[1], shape[1], kernel, antialias)
    found: Map = rows @ field @ columns.T
    return found


@lru_cache(maxsize=32)
def _weights(old: int, new: int, kernel: Kernel, antialias: bool) -> NDArray[np.float64]:
    """[new, old]: the share of each old pixel in each new one; borders are mirrored."""
    scale = new / old
    shrink = min(scale, 1.0) if antialias else 1.0
    centre = (np.arange(new)[:, None] + 0.5) / scale - 0.5
    reach = int(np.ceil(2 / shrink)) + 1
    taps = np.floor(centre).astype(np.int64) + np.arange(-reach, reach + 1)
    share = _kernel((centre - taps) * shrink, kernel)
    folded = taps % (2 * old)
    folded = np.where(folded < old, folded, 2 * old - 1 - folded)
    found = np.zeros((new, old))
    np.add.at(found, (np.arange(new)[:, None], folded), share / share.sum(axis=1, keepdims=True))
    return found


def _kernel(distance: NDArray[np.float64], kernel: Kernel) -> NDArray[np.float64]:
    x = np.abs(distance)
    if kernel == "bilinear":
        share: NDArray[np.float64] = np.maximum(1 - x, 0)
        return share
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0))


def _shares(field: Map, epsilon: float = 0.0) -> Map:
    """`field` divided by its sum plus `epsilon`; zeros stay zeros."""
    shares: Map = field / (field.sum() + epsilon) if field.any() else field
    return shares


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


class _Survey(NamedTuple):
    """What one pass over prediction p and density s finds."""

    pixels: int
    lowest_p: float
    lowest_s: float
    below: NDArray[np.intp]
    """[2, fixated values, ascending]: how many pixels of p are below, and how many not above."""
    p: float
    s: float
    spread: tuple[float, float, float]
    """Sums of squared deviations of p and of s from their means, and of their product."""

    def usual(self) -> bool:
        """Whether float32 is enough: neither negative nor nearly constant, tiny or huge."""
        if not (self.lowest_p >= 0 and self.lowest_s >= 0):
            return False
        totals = zip((self.p, self.s), self.spread[:2], strict=True)
        return all(
            1e-15 < total < 1e15 and total**2 < 1e4 * self.pixels * spread
            for total, spread in totals
        )

    def cc(self) -> float:
        return float(self.spread[2] / np.sqrt(self.spread[0] * self.spread[1]))

    def nss(self, inside: NDArray[np.float32]) -> float:
        mean = float(inside.mean(dtype=np.float64))
        return float((mean - self.p / self.pixels) / np.sqrt(self.spread[0] / (self.pixels - 1)))


class Scorer:
    """Scores frames of one size in float32, several times as fast as `score_frame`.

    Most of a metric's time goes to fresh temporaries. This holds its scratch and works in blocks
    that stay in the cache; sorting a block gives its ranks, its least value and any NaN. AUC-J is
    exactly that of the float32 maps in float64, the others agree to about 1e-5. Frames that are
    degenerate, negative or nearly constant go to `score_frame` in float64. One scorer serves one
    thread.

    Args:
        shape: Height and width of the frames.
    """

    BLOCK: Final = 32768

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        size = shape[0] * shape[1]
        self._p, self._s = np.empty((2, size), np.float32)
        self._u, self._v = np.empty((2, min(size, self.BLOCK)), np.float32)

    def score(
        self, saliency: Map, density: Map, fixated: NDArray[np.bool_], *, jitter: bool = True
    ) -> FrameScore:
        """What `score_frame` gives; float64 maps are rounded to float32.

        Raises:
            ValueError: The maps are not of the scorer's size, or one holds NaN or infinity.
        """
        if not saliency.shape == density.shape == fixated.shape == self.shape:
            raise ValueError(
                f"expected maps of {self.shape}, found {saliency.shape}, {density.shape} and "
                f"{fixated.shape}"
            )
        p, s = self._flat(saliency, self._p), self._flat(density, self._s)
        inside = np.sort(p[np.flatnonzero(fixated)])
        with np.errstate(invalid="ignore", over="ignore"):
            survey = self._survey(p, s, inside)
        if not (survey.usual() and 0 < inside.size < p.size):
            exact = np.float64
            return score_frame(
                saliency.astype(exact), density.astype(exact), fixated, jitter=jitter
            )
        similarity, divergence = self._sim_and_kldiv(p, s, survey)
        values = {
            "AUC-J": self._auc(inside, survey, jitter=jitter),
            "CC": survey.cc(),
            "NSS": survey.nss(inside),
            "SIM": similarity,
            "KLDiv": divergence,
        }
        return FrameScore(values, "ok")

    @staticmethod
    def _flat(field: Map, scratch: NDArray[np.float32]) -> NDArray[np.float32]:
        if field.dtype == np.float32 and field.flags.c_contiguous:
            return field.reshape(-1)
        np.copyto(scratch.reshape(field.shape), field, casting="same_kind")
        return scratch

    def _survey(
        self, p: NDArray[np.float32], s: NDArray[np.float32], inside: NDArray[np.float32]
    ) -> _Survey:
        # Ascending keys, and one call for both sides, are what searchsorted is fast with.
        edges = np.concatenate([inside, np.nextafter(inside, np.float32(np.inf))])
        below, lowest = np.zeros(edges.size, np.intp), np.inf
        for start in range(0, p.size, self.BLOCK):
            block = p[start : start + self.BLOCK]
            ascending = self._u[: block.size]
            ascending[:] = block
            ascending.sort()
            below += ascending.searchsorted(edges)
            # NaN sorts to the end and so is not the least; the sums have it.
            lowest = min(lowest, float(ascending[0]))
        total_p, total_s, *squares = _sums(p, s)
        spread = _spread(p.size, total_p, total_s, *squares)
        if total_p**2 > 30 * p.size * spread[0] or total_s**2 > 30 * p.size * spread[1]:
            spread = self._centred_spread(p, s, total_p / p.size, total_s / p.size)
        least = (lowest, float(s.min()))
        return _Survey(p.size, *least, below.reshape(2, -1), total_p, total_s, spread)

    def _centred_spread(
        self, p: NDArray[np.float32], s: NDArray[np.float32], mean_p: float, mean_s: float
    ) -> tuple[float, float, float]:
        """Of maps whose offset would eat the decimals of their squares."""
        sums = np.zeros(5)
        for start in range(0, p.size, self.BLOCK):
            a, b = p[start : start + self.BLOCK], s[start : start + self.BLOCK]
            u = np.subtract(a, mean_p, out=self._u[: a.size])
            v = np.subtract(b, mean_s, out=self._v[: a.size])
            sums += _sums(u, v)
        return _spread(p.size, *sums.tolist())

    def _auc(self, inside: NDArray[np.float32], survey: _Survey, *, jitter: bool) -> float:
        thresholds = inside[::-1]
        less, not_above = survey.below[:, ::-1]
        greater, equal = _above(inside, thresholds)
        return _judd_area(
            thresholds,
            survey.pixels - not_above - greater,
            not_above - less - equal,
            survey.pixels - inside.size,
            expected=jitter,
        )

    def _sim_and_kldiv(
        self, p: NDArray[np.float32], s: NDArray[np.float32], survey: _Survey
    ) -> tuple[float, float]:
        """SIM as 1 - sum|P - S|/2; KLDiv with the maps' sums taken out of the logarithm."""
        lifted = survey.p - survey.pixels * survey.lowest_p
        scale = lifted / (survey.s - survey.pixels * survey.lowest_s)
        offset = survey.lowest_p - scale * survey.lowest_s
        ratio = survey.p / survey.s
        apart = divergence = 0.0
        for start in range(0, p.size, self.BLOCK):
            a, b = p[start : start + self.BLOCK], s[start : start + self.BLOCK]
            u, v = self._u[: a.size], self._v[: a.size]
            np.multiply(b, scale, out=v)
            v += offset
            v -= a
            np.abs(v, out=v)
            apart += float(np.einsum("i->", v))
            np.add(a, EPSILON * survey.p, out=u)
            np.divide(b, u, out=u)
            u += EPSILON / ratio
            np.log(u, out=u)
            divergence += float(np.einsum("i,i->", b, u))
        return 1 - apart / (2 * lifted), divergence / survey.s + float(np.log(ratio))


def _sums(
    a: NDArray[np.float32], b: NDArray[np.float32]
) -> tuple[float, float, float, float, float]:
    """Of both, of their squares and of their product."""
    # einsum, because BLAS would start threads of its own.
    single, double = "i->", "i,i->"
    return (
        float(np.einsum(single, a)),
        float(np.einsum(single, b)),
        float(np.einsum(double, a, a)),
        float(np.einsum(double, b, b)),
        float(np.einsum(double, a, b)),
    )


def _spread(
    n: int, a: float, b: float, aa: float, bb: float, ab: float
) -> tuple[float, float, float]:
    """The squares and the product about the means, from sums over n pixels."""
    return aa - a * a / n, bb - b * b / n, ab - a * b / n
