"""The areas of SALICON's program: thresholds in hundredths of a map's range.

They restate github.com/NUS-VIP/salicon-evaluation, saliconeval/auc and saliconeval/sauc.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.scaling import Map, Points

STEP: Final = 0.01


def area(saliency: Map, points: Points, negatives: NDArray[np.integer[Any]] | None = None) -> float:
    """Area under (fp, tp) whose thresholds are 0, 0.01, ... below the highest value that is met.

    The map is scaled to 0..1 first; a constant one is zero, and has 0.5. `points` are the looks,
    each of which counts; `negatives` are positions in the flattened map, each of which counts as
    often as it is there, and without them all pixels: the expectation over random pixels but for
    the highest of them. NaN without looks or negatives.
    """
    lifted = (saliency - saliency.min()).astype(np.float64)
    if lifted.any():
        lifted /= lifted.max()
    inside = lifted[points]
    others = lifted.ravel() if negatives is None else lifted.ravel()[negatives]
    if inside.size == 0 or others.size == 0:
        return np.nan
    # What is met exactly at its highest value is no threshold: `arange` leaves its end out.
    thresholds = np.arange(0, max(inside.max(), others.max()), STEP)
    true, false = (_reached(values, thresholds) for values in (inside, others))
    return float(np.trapezoid(np.r_[0.0, true, 1.0], np.r_[0.0, false, 1.0]))


def _reached(values: Map, thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the values that reach each threshold, from the highest threshold on."""
    steps = np.searchsorted(thresholds, values, side="right")
    counts = np.bincount(steps, minlength=thresholds.size + 1)[1:]
    found: NDArray[np.float64] = counts[::-1].cumsum() / values.size
    return found
