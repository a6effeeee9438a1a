"""A float32 engine: most metrics of usual frames, several times as fast as the formulas."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.auc import above, judd_area
from pipeline.evaluation.metrics.scaling import EPSILON, Map


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


class Engine:
    """Scores frames of one size in float32 by the conventions of protocol `mit`.

    Most of a metric's time goes to fresh temporaries. The engine holds its scratch and works in
    blocks that stay in the cache; sorting a block gives its ranks, its least value and any NaN.
    AUC-J is exactly that of the float32 maps in float64, the others agree to about 1e-5. One engine
    serves one thread. `shape` is height and width of the frames.
    """

    # 128 KiB of float32: two blocks and their scratch fit a core's second-level cache.
    BLOCK: Final = 32768

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        size = shape[0] * shape[1]
        self._p, self._s = np.empty((2, size), np.float32)
        self._u, self._v = np.empty((2, min(size, self.BLOCK)), np.float32)

    def score(
        self, saliency: Map, density: Map, fixated: NDArray[np.bool_]
    ) -> dict[str, float] | None:
        """Return the values of the paper's five metrics, or None where float32 is not enough.

        That is so where a frame is degenerate, negative, nearly constant or not finite. Maps [y, x]
        of float64 are rounded to float32.

        Raises:
            ValueError: The maps are not of the engine's size.
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
            return None
        similarity, divergence = self._sim_and_kldiv(p, s, survey)
        return {
            "AUC-J": self._auc(inside, survey),
            "CC": survey.cc(),
            "NSS": survey.nss(inside),
            "SIM": similarity,
            "KLDiv": divergence,
        }

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
        """Return the spread of maps whose offset would eat the decimals of their squares."""
        sums = np.zeros(5)
        for start in range(0, p.size, self.BLOCK):
            a, b = p[start : start + self.BLOCK], s[start : start + self.BLOCK]
            u = np.subtract(a, mean_p, out=self._u[: a.size])
            v = np.subtract(b, mean_s, out=self._v[: a.size])
            sums += _sums(u, v)
        return _spread(p.size, *sums.tolist())

    def _auc(self, inside: NDArray[np.float32], survey: _Survey) -> float:
        thresholds = inside[::-1]
        less, not_above = survey.below[:, ::-1]
        greater, equal = above(inside, thresholds)
        return judd_area(
            thresholds,
            survey.pixels - not_above - greater,
            not_above - less - equal,
            survey.pixels - inside.size,
            expected=True,
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
    """Return the sums of a, b, a*a, b*b and a*b."""
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
    """Return the sums of squares and of products about the means, from sums over n pixels."""
    return aa - a * a / n, bb - b * b / n, ab - a * b / n
