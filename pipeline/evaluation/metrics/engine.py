"""A float32 engine: most metrics of usual frames, several times as fast as the formulas."""

from collections.abc import Collection
from math import isfinite
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.auc import above, expected_area, stepped_area
from pipeline.evaluation.metrics.distributions import centre_bias_bits
from pipeline.evaluation.metrics.scaling import EPSILON, Map, copy_single

_Single = NDArray[np.float32]
FIVE: Final = ("AUC-J", "CC", "NSS", "SIM", "KLDiv")
"""The metrics of the paper's tables."""
_KNOWN: Final = frozenset({*FIVE, "sAUC", "chi-square", "IG"})
_STEPS: Final = 1 << 16
"""Codes that rank pixels, as many as an index of cv2.LUT can tell apart."""


class _Survey(NamedTuple):
    """What one pass over prediction p and density s finds."""

    pixels: int
    lowest_p: float
    highest_p: float
    lowest_s: float
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

    def nss(self, inside: _Single) -> float:
        mean = float(inside.mean(dtype=np.float64))
        return float((mean - self.p / self.pixels) / np.sqrt(self.spread[0] / (self.pixels - 1)))

    def offset(self) -> bool:
        """Whether a map's mean would eat the decimals of its squares."""
        totals = zip((self.p, self.s), self.spread[:2], strict=True)
        return any(total**2 > 30 * self.pixels * spread for total, spread in totals)


class Engine:
    """Scores frames of one size in float32 by the conventions of protocol `mit`.

    Most of a metric's time goes to fresh temporaries and to memory. The engine holds its scratch
    and works in blocks of rows that stay in the cache. AUC-J is exactly that of the float32 maps in
    float64; so are sums, but for those of products, which are in float64 from row to row. The
    metrics agree to about 1e-6. One engine serves one thread. `shape` is height and width of the
    frames.
    """

    # 192 KiB of float32: two blocks and their scratch fit a core's second-level cache.
    BLOCK: Final = 49152

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        height, width = shape
        rows = max(1, self.BLOCK // width)
        self._blocks = [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
        self._p, self._s = np.empty((2, *shape), np.float32)
        self._u, self._v = np.empty((2, rows, width), np.float32)
        self._codes, self._ranks = np.empty((2, rows, width), np.uint16)
        self._tied = np.empty((rows, width), np.bool_)
        self._products = np.empty((3, height), np.float32)

    def score(
        self,
        saliency: Map,
        density: Map,
        fixated: NDArray[np.bool_],
        wanted: Collection[str] = FIVE,
    ) -> dict[str, float] | None:
        """Return the values of what is `wanted`, or None where float32 is not enough.

        That is so where a frame is degenerate, negative, nearly constant or not finite. The engine
        knows the paper's five metrics, chi-square and IG, and leaves others out. Maps [y, x] of
        float64 are rounded to float32.

        Raises:
            ValueError: The maps are not of the engine's size.
        """
        if fixated.shape != self.shape:
            raise ValueError(f"expected fixations on {self.shape}, found {fixated.shape}")
        return self.score_at(saliency, density, np.flatnonzero(fixated), wanted)

    def score_at(
        self,
        saliency: Map,
        density: Map,
        places: NDArray[np.intp],
        wanted: Collection[str],
        reference: NDArray[np.integer[Any]] | None = None,
    ) -> dict[str, float] | None:
        """Return what `score` does, and sAUC if it is `wanted` and there is a reference set.

        `places` are the positions of the fixated pixels in the flattened map, each once, and
        `reference` those of sAUC's negatives.

        Raises:
            ValueError: The maps are not of the engine's size.
        """
        if not saliency.shape == density.shape == self.shape:
            raise ValueError(
                f"expected maps of {self.shape}, found {saliency.shape} and {density.shape}"
            )
        known = _KNOWN.intersection(wanted) - (set() if reference is not None else {"sAUC"})
        p, s = _single(saliency, self._p), _single(density, self._s)
        # The ranks of so many thresholds would not fit 16 bits.
        if not 0 < places.size < min(p.size, _STEPS - 1):
            return None
        values = p.reshape(-1)[places]
        found = dict[str, float]()
        if known <= {"sAUC", "IG"}:
            # In float64 no sum of float32 overflows, and any NaN or infinity stays.
            total: float = cv2.sumElems(p)[0]
            lowest, highest = float(p.min()), float(p.max())
            if lowest == highest or not isfinite(total) or not isfinite(cv2.sumElems(s)[0]):
                return None
        else:
            with np.errstate(invalid="ignore", over="ignore"):
                survey = self._survey(p, s)
            if not survey.usual():
                return None
            lowest, highest, total = survey.lowest_p, survey.highest_p, survey.p
            found |= {"CC": survey.cc(), "NSS": survey.nss(values)}
            if known & {"SIM", "KLDiv"}:
                found["SIM"], found["KLDiv"] = self._sim_and_kldiv(p, s, survey)
            if "chi-square" in known:
                found["chi-square"] = self._chi_square(p, s, survey)
        if "AUC-J" in known:
            found["AUC-J"] = self._auc(p, np.sort(values), highest)
        if reference is not None and "sAUC" in known:
            others = p.reshape(-1)[reference]
            found["sAUC"] = stepped_area(values, others, (lowest, highest))
        if "IG" in known:
            shares = (values.astype(np.float64) - lowest) / (total - p.size * lowest)
            baseline = centre_bias_bits(self.shape).reshape(-1)[places]
            found["IG"] = float((np.log2(EPSILON + shares) - baseline).mean())
        return {metric: found[metric] for metric in wanted if metric in known}

    def _survey(self, p: _Single, s: _Single) -> _Survey:
        total_p, total_s, lowest_p, lowest_s, highest_p = 0.0, 0.0, np.inf, np.inf, -np.inf
        for rows in self._blocks:
            a, b = p[rows], s[rows]
            self._multiply(a, b, rows)
            total_p += cv2.sumElems(a)[0]
            total_s += cv2.sumElems(b)[0]
            # A comparison with NaN is false: that NaN is there is seen by the sums.
            lowest_p, highest_p = min(lowest_p, float(a.min())), max(highest_p, float(a.max()))
            lowest_s = min(lowest_s, float(b.min()))
        extremes = (lowest_p, highest_p, lowest_s)
        found = _Survey(p.size, *extremes, total_p, total_s, self._spread(p.size, total_p, total_s))
        return self._centred(p, s, found) if found.offset() else found

    def _centred(self, p: _Single, s: _Single, survey: _Survey) -> _Survey:
        mean_p, mean_s = survey.p / survey.pixels, survey.s / survey.pixels
        total_u = total_v = 0.0
        for rows in self._blocks:
            u, v = self._scratch(rows)
            np.subtract(p[rows], mean_p, out=u)
            np.subtract(s[rows], mean_s, out=v)
            self._multiply(u, v, rows)
            total_u += cv2.sumElems(u)[0]
            total_v += cv2.sumElems(v)[0]
        return survey._replace(spread=self._spread(survey.pixels, total_u, total_v))

    def _scratch(self, rows: slice) -> tuple[_Single, _Single]:
        count = rows.stop - rows.start
        return self._u[:count], self._v[:count]

    def _multiply(self, a: _Single, b: _Single, rows: slice) -> None:
        """Keep the sums of a*a, b*b and a*b of each row."""
        # A row is too short for BLAS to start threads.
        for one, other, sums in zip((a, b, a), (a, b, b), self._products, strict=True):
            np.vecdot(one, other, out=sums[rows])

    def _spread(self, n: int, a: float, b: float) -> tuple[float, float, float]:
        """Return the sums of squares and of products about the means, from sums over n pixels."""
        aa, bb, ab = self._products.sum(axis=1, dtype=np.float64).tolist()
        return aa - a * a / n, bb - b * b / n, ab - a * b / n

    def _auc(self, p: _Single, inside: _Single, highest: float) -> float:
        """AUC-J of pixels that are ranked among the fixated values, but not sorted.

        Codes, which are steps of the map's range, order all pixels but those that share a step with
        a fixated value; only these are sorted. A table gives the number of fixated values below
        each other code.
        """
        n, scale = inside.size, np.float32((_STEPS - 1) / highest)
        steps = (inside * scale).astype(np.intp)
        kind = np.uint8 if n < np.iinfo(np.uint8).max else np.uint16
        tied = int(np.iinfo(kind).max)
        lengths = np.diff(np.concatenate([[-1], steps, [_STEPS - 1]]))
        table: NDArray[Any] = np.repeat(np.arange(n + 1, dtype=kind), lengths)[None]
        table[0, steps] = tied
        close, far, beyond = list[_Single](), 0.0, 0
        for rows in self._blocks:
            a = p[rows]
            codes = self._codes[: len(a)]
            # The buffer of 16 bits a pixel holds either kind.
            ranks: NDArray[Any] = self._ranks.reshape(-1).view(kind)[: a.size].reshape(a.shape)
            np.multiply(a, scale, out=codes, dtype=np.float32, casting="unsafe")
            cv2.LUT(codes, table, ranks)
            close.append(a[np.equal(ranks, tied, out=self._tied[: len(a)])])
            far += cv2.sumElems(ranks)[0]
            beyond += int(np.count_nonzero(ranks))
        ascending = np.sort(np.concatenate(close))
        among_close, among_inside = above(ascending, inside), above(inside, inside)
        greater, equal = (x - y for x, y in zip(among_close, among_inside, strict=True))
        k = np.count_nonzero(inside == inside[0])
        lowest = beyond - ascending.size + greater[0] + equal[0] * k / (k + 1)
        total = far - tied * ascending.size + greater.sum() + equal.sum() / 2
        return expected_area(n, total, lowest, p.size - n)

    def _sim_and_kldiv(self, p: _Single, s: _Single, survey: _Survey) -> tuple[float, float]:
        """SIM as 1 - sum|P - S|/2; KLDiv with the maps' sums taken out of the logarithm."""
        lifted = survey.p - survey.pixels * survey.lowest_p
        scale = lifted / (survey.s - survey.pixels * survey.lowest_s)
        offset = survey.lowest_p - scale * survey.lowest_s
        ratio = survey.p / survey.s
        apart, divergence = 0.0, self._products[0]
        for rows in self._blocks:
            a, b = p[rows], s[rows]
            u, v = self._scratch(rows)
            cv2.addWeighted(b, scale, a, -1.0, offset, v)
            apart += cv2.norm(v, cv2.NORM_L1)
            np.add(a, EPSILON * survey.p, out=u)
            np.divide(b, u, out=u)
            u += EPSILON / ratio
            np.log(u, out=u)
            np.vecdot(b, u, out=divergence[rows])
        gained = float(divergence.sum(dtype=np.float64)) / survey.s
        return 1 - apart / (2 * lifted), gained + float(np.log(ratio))

    def _chi_square(self, p: _Single, s: _Single, survey: _Survey) -> float:
        """1 - 2 sum(P*S/(P + S)), which is 0.5 sum((P - S)^2/(P + S)) for sums of 1."""
        scale, shared = survey.s / survey.p, self._products[0]
        # Both maps are 0 where their sum is; then so is the quotient.
        least = np.finfo(np.float32).tiny
        for rows in self._blocks:
            u, v = self._scratch(rows)
            np.multiply(p[rows], scale, out=u)
            np.add(u, s[rows], out=v)
            np.maximum(v, least, out=v)
            np.divide(u, v, out=u)
            np.vecdot(s[rows], u, out=shared[rows])
        return 1 - 2 * float(shared.sum(dtype=np.float64)) / survey.s


def _single(field: Map, scratch: _Single) -> _Single:
    """Return the map itself, or a copy of it in `scratch`."""
    if field.dtype == np.float32 and field.flags.c_contiguous:
        return field
    copy_single(field, scratch)
    return scratch
