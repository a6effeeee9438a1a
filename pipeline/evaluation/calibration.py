"""Calibrated maps: a brightness curve and a share of the centre that are fitted to other clips.

A model may know where people look and not how often: its map is then too flat, too peaky, or blind
to the centre. The MSU benchmark of video saliency (videoprocessing.ai) therefore changes the maps
before it scores them, by Lyudvichenko et al. (ICCP 2017): a curve of grey levels that never falls
plus a weight of a picture of the centre, together the least squares fit to the densities,

    sum over pixels of (S - curve(P) - weight C)^2, 0 <= curve <= 1, 0 <= weight <= 1.

It fits them to the clips that are scored. Here each clip has the curve and the weight that fit all
other scored clips, so nothing is learned from the clip itself, and maps made elsewhere, of which
only the scored clips exist, are calibrated alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.distributions import centre_bias
from pipeline.evaluation.metrics.scaling import Map

LEVELS: Final = 256
"""Grey levels of a prediction, as in the benchmark's 8-bit maps."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """All that the fit needs of some frames: sums over their pixels."""

    pixels: Floats
    """Pixels of each level."""
    density: Floats
    """Density in the pixels of each level."""
    centre: Floats
    """Centre bias in the pixels of each level."""
    squares: float
    """Squared centre bias."""
    product: float
    """Density times centre bias."""

    def __add__(self, other: Self) -> Self:
        return self._with(other, 1)

    def __sub__(self, other: Self) -> Self:
        return self._with(other, -1)

    def _with(self, other: Self, sign: int) -> Self:
        return replace(
            self,
            pixels=self.pixels + sign * other.pixels,
            density=self.density + sign * other.density,
            centre=self.centre + sign * other.centre,
            squares=self.squares + sign * other.squares,
            product=self.product + sign * other.product,
        )


@dataclass(frozen=True)
class Calibration:
    """What maps are changed by."""

    curve: Floats
    """Brightness of each level, 0 to 1, never falling."""
    weight: float
    """Weight of the centre bias, 0 to 1."""

    def applied(self, saliency: Map) -> Map:
        """Return a calibrated prediction [y, x]."""
        found: Map = self.curve[levels(saliency)] + self.weight * centre_bias(saliency.shape)
        return found


def levels(saliency: Map) -> NDArray[np.intp]:
    """Return the grey level of each pixel, the largest value being the highest level."""
    highest = float(saliency.max())
    scaled = saliency.clip(0) * ((LEVELS - 1) / highest) if highest > 0 else np.zeros_like(saliency)
    return np.floor(scaled + 0.5).astype(np.intp)


def evidence(saliency: Map, density: Map) -> Evidence:
    """Return the sums over a frame whose prediction and density [y, x] are of one size."""
    level = levels(saliency).ravel()
    centre = centre_bias(density.shape).ravel()
    # The benchmark's densities are 8-bit maps, whose largest value is 1.
    truth = density.ravel() / (density.max() or 1)
    sums = (np.bincount(level, of, minlength=LEVELS) for of in (None, truth, centre))
    pixels, inside, around = (np.asarray(one, np.float64) for one in sums)
    return Evidence(pixels, inside, around, float(centre @ centre), float(truth @ centre))


def fitted(found: Evidence) -> Calibration:
    """Return the curve and the weight of the least squares.

    For a given weight the best curve is an isotonic regression, cut off at 0 and 1; what remains is
    a convex function of the weight.
    """
    from scipy.optimize import isotonic_regression, minimize_scalar

    seen = found.pixels > 0
    pixels = found.pixels[seen]

    def curve(weight: float) -> Floats:
        wanted = (found.density[seen] - weight * found.centre[seen]) / pixels
        return np.asarray(isotonic_regression(wanted, weights=pixels).x).clip(0, 1)

    def loss(weight: float) -> float:
        f = curve(weight)
        by_curve = pixels @ f**2 - 2 * f @ found.density[seen]
        by_centre = weight**2 * found.squares - 2 * weight * found.product
        return float(by_curve + by_centre + 2 * weight * (f @ found.centre[seen]))

    found_at = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-6})
    weight = float(found_at.x)
    at = np.flatnonzero(seen)
    return Calibration(np.interp(np.arange(LEVELS), at, curve(weight)), weight)


def by_clip(found: Mapping[str, Evidence], clips: Iterable[str]) -> dict[str, Calibration]:
    """Return the calibration of each clip that has others: what fits all of them."""
    if not found:
        return {}
    total, alone = reduce(add, found.values()), len(found) == 1
    return {
        clip: fitted(total - found[clip] if clip in found else total)
        for clip in clips
        if not (alone and clip in found)
    }
