"""How sure a mean is: intervals and paired tests over clips.

Frames of a clip resemble each other, so the bootstrap draws clips. A mean over frames is then a
ratio of two sums that both depend on the draw (clips differ in length), a mean over clips is one
too, of clips' means to their number. Every model of a table is given the same draws, so that the
interval of a difference is that of a paired bootstrap.

Whether two models differ is tested by Wilcoxon's signed-rank test of the clips' means. It is exact
for few clips, where a bootstrap rejects too often: test sets here have as few as 20 clips, and
p values of a bootstrap stop at one in as many draws as were made, which Holm's correction for
dozens of comparisons would drown. Intervals are of the table's own mean, tests weigh clips alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.protocols import Average

DRAWS: Final = 2000
LEVEL: Final = 0.95
FEWEST_CLIPS: Final = 6
"""With five pairs the smallest two-sided p of the test is 1/16: nothing could be significant, and
percentiles of a bootstrap over so few clips are far too short."""
SIGNIFICANT: Final = 0.05
_DECIMALS: Final = 9
"""Differences of clips that agree to these are ties: scores are written with six."""

Interval = tuple[float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClipSums:
    """One metric of one model, per clip."""

    sums: Floats
    """Sum of the values of the frames that count."""
    counts: NDArray[np.int64]
    """Number of frames that count."""

    @property
    def means(self) -> Floats:
        """Mean of each clip; NaN where no frame counts."""
        with np.errstate(invalid="ignore"):
            return self.sums / self.counts

    def of(self, used: NDArray[np.bool_]) -> ClipSums:
        """The same sums, zero for clips that are not used."""
        return ClipSums(np.where(used, self.sums, 0.0), np.where(used, self.counts, 0))

    def terms(self, average: Average) -> tuple[Floats, Floats]:
        """Numerators and denominators per clip, whose sums' quotient is the average."""
        if average == "frame":
            return self.sums, self.counts.astype(np.float64)
        scored = self.counts > 0
        return np.where(scored, self.means, 0.0), scored.astype(np.float64)

    def mean(self, average: Average) -> float:
        """The average over all clips; NaN where no frame counts."""
        above, below = self.terms(average)
        return float(above.sum() / below.sum()) if below.any() else float("nan")


@dataclass(frozen=True, eq=False)
class Quotient(ClipSums):
    """A mean in percent of another metric's mean over the same frames."""

    below: ClipSums
    """The other metric."""

    @property
    def means(self) -> Floats:
        """Quotient of each clip's means; NaN where no frame counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return 100 * super().means / self.below.means

    def of(self, used: NDArray[np.bool_]) -> ClipSums:
        """The same quotients, without clips that are not used."""
        above = super().of(used)
        return Quotient(above.sums, above.counts, self.below.of(used))

    def terms(self, average: Average) -> tuple[Floats, Floats]:
        """The numerators of both means: their denominators are the same."""
        above = ClipSums(self.sums, self.counts)
        return 100 * above.terms(average)[0], self.below.terms(average)[0]


@dataclass(frozen=True)
class Comparison:
    """One metric of two models on the same clips."""

    difference: float
    """Mean of the first less mean of the second; NaN where either is NaN or both are infinite."""
    interval: Interval | None
    p: float | None
    """p of the paired test; None with too few clips, or without a finite difference."""


@lru_cache(maxsize=2)
def drawn_clips(clips: int, seed: int) -> Floats:
    """How often each clip is in each draw: [draws, clips], each row summing to `clips`."""
    chosen = np.random.default_rng(seed).integers(clips, size=(DRAWS, clips))
    cells = chosen + clips * np.arange(DRAWS)[:, None]
    counted = np.bincount(cells.ravel(), minlength=DRAWS * clips)
    found = counted.reshape(DRAWS, clips).astype(np.float64)
    found.flags.writeable = False
    return found


def drawn_means(scores: ClipSums, average: Average, drawn: Floats) -> Floats:
    """The mean in each draw; NaN where no frame of a draw counts."""
    above, below = scores.terms(average)
    with np.errstate(invalid="ignore"):
        means: Floats = (drawn @ above) / (drawn @ below)
    return means


def interval(scores: ClipSums, average: Average, drawn: Floats) -> Interval | None:
    """Percentile interval of a mean.

    None with fewer than `FEWEST_CLIPS` clips that have a value, as no test is made of so few, or
    with an infinite one (KLDiv without eps).
    """
    if np.count_nonzero(scores.counts) < FEWEST_CLIPS or not np.isfinite(scores.sums).all():
        return None
    return _percentiles(drawn_means(scores, average, drawn))


def compare(first: ClipSums, second: ClipSums, average: Average, drawn: Floats) -> Comparison:
    """Difference of two models, its paired interval and its p, not corrected for other tests.

    All three are of the clips in which both models have a value.
    """
    both = (first.counts > 0) & (second.counts > 0)
    first, second = first.of(both), second.of(both)
    difference = first.mean(average) - second.mean(average)
    if np.count_nonzero(both) < FEWEST_CLIPS or not np.isfinite(difference):
        return Comparison(difference, None, None)
    draws = drawn_means(first, average, drawn) - drawn_means(second, average, drawn)
    return Comparison(difference, _percentiles(draws), _p(first.means[both] - second.means[both]))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return p values corrected for multiple tests (Holm 1979); None stays and does not count."""
    known = sorted((p, index) for index, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[index] = largest
    return corrected


def _percentiles(draws: Floats) -> Interval:
    low, high = np.nanpercentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _p(differences: Floats) -> float:
    # Half a second to import, and comparing protocols or drawing pictures tests nothing.
    from scipy.stats import wilcoxon

    rounded = np.round(differences, _DECIMALS)
    unequal = rounded[rounded != 0]
    return float(wilcoxon(unequal).pvalue) if len(unequal) else 1.0
