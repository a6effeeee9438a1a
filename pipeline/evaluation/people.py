"""How well the other observers' gaze predicts each look: the gold standard of information gain.

Kuemmerer, Wallis and Bethge (PNAS 2015) measure a model in bits between a baseline and a gold
standard: a density of the other observers' looks at the same picture, whose width and share of the
baseline are those that predict the left-out looks best. Here it is one frame's looks, and both are
fitted to a clip. Frames at which fewer than two looked, or of which nobody knows who did, have
none.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import NOBODY
from pipeline.evaluation.metrics.distributions import centre_bias

Shape = tuple[int, int]
"""Height and width in pixels."""
Pixels = NDArray[np.integer[Any]]
"""[n, (y, x)], a row for each look."""
Bits = NDArray[np.float64]
"""Binary logarithm of a density over pixels, of each look."""

WIDTHS: Final = tuple(1 / side for side in (128, 90, 64, 45, 32, 23, 16, 11, 8))
"""Standard deviations that are tried, in shares of the longer side."""
SHARES: Final = (0.01, 0.03, 0.1, 0.2, 0.4, 0.7)
"""Shares of the centre bias that are tried."""


def gold_standard(
    pixels: Sequence[Pixels], observers: Sequence[NDArray[Any]], shape: Shape
) -> list[Bits]:
    """Return for each frame of a clip how likely each look is by the others' looks, in bits.

    `observers` are who looked, in the order of `pixels`. A frame without two known observers has an
    empty array.
    """
    baseline = centre_bias(shape)
    baseline = baseline / baseline.sum()
    bases = [baseline[frame[:, 0], frame[:, 1]] for frame in pixels]
    usable = [len({*who} - {NOBODY}) > 1 and NOBODY not in who for who in observers]
    best, highest = list[Bits](), -np.inf
    for width in WIDTHS:
        sigma = width * max(shape)
        others = [
            left_out(frame, who, sigma, shape) if use else None
            for frame, who, use in zip(pixels, observers, usable, strict=True)
        ]
        for share in SHARES:
            found = [
                np.empty(0) if one is None else np.log2((1 - share) * one + share * base)
                for one, base in zip(others, bases, strict=True)
            ]
            total = sum(float(bits.sum()) for bits in found)
            if total > highest:
                best, highest = found, total
    return best


def left_out(pixels: Pixels, observers: NDArray[Any], sigma: float, shape: Shape) -> Bits:
    """Return the density at each look of a Gaussian around each look of the other observers.

    Every Gaussian, and so the density, sums to 1 over the frame's pixels.
    """
    near = np.ones((len(pixels), len(pixels)))
    for axis, side in enumerate(shape):
        at, everywhere = pixels[:, axis].astype(np.float64), np.arange(side)
        kernel = np.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2)
        mass = np.exp(-0.5 * ((everywhere[:, None] - at) / sigma) ** 2).sum(0)
        near *= kernel / mass
    other = observers[:, None] != observers
    found: Bits = (near * other).sum(1) / other.sum(1)
    return found
