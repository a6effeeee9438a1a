"""How far measured scores are from published ones, as means and clip by clip."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.config.evaluation import Tolerance
from pipeline.evaluation.metrics.registry import METRICS
from pipeline.reporting.intervals import Interval, drawn_clips, interval
from pipeline.reporting.means import Measurement


@dataclass(frozen=True)
class Value:
    """A published score of a split or of a clip, and ours."""

    metric: str
    published: float
    measured: float | None
    """None where it was not measured, or has no value."""
    tolerance: float
    """Largest difference with which ours counts as the published one."""
    clip: str = ""
    """The clip; empty of a split."""
    clips: int = 0
    """Number of clips that a mean is over."""
    interval: Interval | None = None
    """Interval of ours, of a mean over clips."""

    @property
    def difference(self) -> float | None:
        """Ours minus the published one."""
        return None if self.measured is None else self.measured - self.published

    @property
    def agrees(self) -> bool | None:
        """Whether ours is the published one within the tolerance; None if there is none."""
        # Six decimals are what sheets hold: a difference of the tolerance itself is within it.
        return None if self.difference is None else abs(self.difference) <= self.tolerance + 5e-7


def against_means(
    published: Mapping[str, float], entry: Measurement, tolerance: Tolerance
) -> list[Value]:
    """Compare means over a split, each averaged as its protocol does."""
    return [
        Value(
            metric,
            published[metric],
            _finite(ours := entry.means.get(metric)),
            _allowed(tolerance, published[metric]),
            clips=0 if _finite(ours) is None else len(entry.clips),
            interval=entry.intervals.get(metric),
        )
        for metric in METRICS
        if metric in published
    ]


def against_clips(
    published: Mapping[str, Mapping[str, float]],
    entry: Measurement,
    tolerance: Tolerance,
    seed: int,
) -> tuple[list[Value], list[Value]]:
    """Compare means over the clips that have a score in both places, and each published clip.

    The intervals' clips are drawn by `seed`. A clip that was not scored has no measured value.
    """
    drawn = drawn_clips(len(entry.clips), seed)
    means, single = list[Value](), list[Value]()
    for metric in METRICS:
        theirs = {clip: scores[metric] for clip, scores in published.items() if metric in scores}
        if not theirs:
            continue
        ours = _by_clip(entry, metric)
        for clip, score in theirs.items():
            allowed = _allowed(tolerance, score)
            single.append(Value(metric, score, ours.get(clip), allowed, clip=clip))
        both = [clip for clip in theirs if clip in ours]
        mean = float(np.mean([theirs[clip] for clip in both or theirs]))
        allowed = _allowed(tolerance, mean)
        if not both:
            means.append(Value(metric, mean, None, allowed))
            continue
        sums = entry.by_clip[metric].of(np.isin(entry.clips, both))
        ends = interval(sums, "clip", drawn)
        measured = sums.mean("clip")
        means.append(Value(metric, mean, measured, allowed, clips=len(both), interval=ends))
    return means, single


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _allowed(tolerance: Tolerance, published: float) -> float:
    return max(tolerance.absolute, tolerance.relative * abs(published))


def _by_clip(entry: Measurement, metric: str) -> dict[str, float]:
    """Clip -> its mean, of those that have one."""
    if metric not in entry.by_clip:
        return {}
    means = entry.by_clip[metric].means.tolist()
    return {
        clip: mean for clip, mean in zip(entry.clips, means, strict=True) if math.isfinite(mean)
    }


def largest(single: Sequence[Value], number: int) -> list[Value]:
    """The clips and metrics that differ most, in units of their tolerance."""
    known = [value for value in single if value.difference is not None]
    known.sort(key=lambda value: -abs(value.difference or 0.0) / (value.tolerance or 1.0))
    return known[:number]
