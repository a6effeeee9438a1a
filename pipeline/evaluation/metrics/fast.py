"""Fast."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.auc import above, auc_judd, judd_area
from pipeline.evaluation.metrics.distributions import cc, kldiv, nss, sim
from pipeline.evaluation.metrics.scaling import EPSILON, Map, is_constant

Status = Literal["ok", "no_fixation", "empty_density", "constant_prediction"]

METRICS: Final[dict[str, Literal["higher", "lower"]]] = {
    "AUC-J": "higher",
    "CC": "higher",
    "NSS": "higher",
    "SIM": "higher",
    "KLDiv": "lower",
}
"""Each metric, in the order of the paper's columns, and which of two values is the better one."""


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


def _status(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> Status:
    """The first that holds: what the ground truth lacks comes before what the prediction lacks."""
    if not fixated.any():
        return "no_fixation"
    if not density.any():
        return "empty_density"
    return "constant_prediction" if is_constant(saliency) else "ok"


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
        greater, equal = above(inside, thresholds)
        return judd_area(
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
