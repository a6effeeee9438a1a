"""A frame as the metrics of a protocol see it: scaled, smoothed and resized, in float64."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.metrics.scaling import Map, Points
from pipeline.evaluation.protocols import Case, Protocol
from pipeline.preprocessing.fixations import fixated_map


class PreparedFrame(NamedTuple):
    """A prediction, what it is compared with, and by which conventions."""

    rules: Protocol
    saliency: Map
    """Prediction [y, x], on the density's grid, or on half of it."""
    density: Map
    """Ground truth [y, x]."""
    fixated: NDArray[np.bool_]
    """True where somebody looked [y, x]."""
    points: Points
    """Rows and columns of fixations; a pixel comes more than once if the protocol repeats."""
    reference: NDArray[np.integer[Any]] | None
    """Positions in the flattened map that were fixated in other frames; None without sAUC."""
    rng: Generator | None
    """Draws noise and random splits; None: their expectation."""
    cases: frozenset[Case]
    """What is degenerate about the frame."""
    looks: Points = (np.empty(0, np.intp), np.empty(0, np.intp))
    """Rows and columns of all looks, for metrics that ask who looked."""
    gold: NDArray[np.float64] | None = None
    """How likely each look is by the other observers' looks, in bits; None or empty: not known."""


def prepare(
    rules: Protocol,
    saliency: Map,
    density: Map,
    pixels: NDArray[np.integer[Any]],
    reference: NDArray[np.integer[Any]] | None = None,
    rng: Generator | None = None,
) -> PreparedFrame:
    """Bring a frame into the form that a protocol's metrics want.

    The prediction [y, x] may have any size; `pixels` are fixations [n, (y, x)] on the grid of the
    density [y, x], one row for each look; `reference` and `rng` are passed on.

    Raises:
        ValueError: A map holds NaN or infinity.
    """
    for name, field in (("saliency", saliency), ("density", density)):
        if wrong := field.size - np.count_nonzero(np.isfinite(field)):
            raise ValueError(f"{name} holds {wrong} values that are NaN or infinite")
    shape = (density.shape[0], density.shape[1])
    prediction = on_grid(rules, saliency.astype(np.float64), shape)
    truth = _levelled(density.astype(np.float64), rules.levels)
    if rules.scaled == "both":
        truth = _min_max(truth)
    fixated = fixated_map(pixels, shape)
    if rules.halved:
        prediction, truth = (_rounded(_blocks(field).mean(2)) for field in (prediction, truth))
        fixated = np.asarray(_blocks(fixated).any(2))
    y, x = pixels.T if rules.repeats else np.nonzero(fixated)
    cases = _cases(prediction, truth, fixated)
    return PreparedFrame(rules, prediction, truth, fixated, (y, x), reference, rng, cases)


def on_grid(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    """Scale, smooth and resize a prediction as the protocol does, in its order."""
    saliency = _levelled(saliency - saliency.min() if rules.stretched else saliency, rules.levels)
    if saliency.min() == saliency.max():
        # Filters would make a constant map vary in its last bits.
        value = 0.0 if rules.scaled == "both" else float(saliency.flat[0])
        return np.full(shape, value)
    if rules.scaled != "no":
        saliency = _min_max(saliency)
    if not rules.smoothing and saliency.shape == shape:
        return saliency
    if rules.smoothing:
        from scipy.ndimage import gaussian_filter  # a fifth of a job's imports, for one protocol

        saliency = gaussian_filter(saliency, rules.smoothing, mode="reflect", truncate=3.0)
    if saliency.shape != shape:
        saliency = _resize(rules, saliency, shape)
    if rules.halved:
        return _rounded(saliency.round(9))  # halves that are a half but for float64's rounding
    # Interpolated values that are equal but for rounding must stay equal: the areas count ties.
    # 1e-12 of the largest is far above float64's rounding and far below an 8-bit level.
    unit = np.abs(saliency).max() * 1e-12
    snapped: Map = np.round(saliency / unit) * unit
    return snapped


def _resize(rules: Protocol, saliency: Map, shape: tuple[int, int]) -> Map:
    if rules.resize == "matlab_bicubic":
        # Of the 8-bit maps that these scorers read, imresize saturates what overshoots.
        return resized(saliency, shape).clip(saliency.min(), saliency.max())
    if rules.resize == "bilinear":
        return resized(saliency, shape, kernel="bilinear", antialias=False)
    from scipy.ndimage import zoom  # as above

    factors = [new / old for new, old in zip(shape, saliency.shape, strict=True)]
    order: Literal[1, 3] = 1 if rules.resize == "corner_bilinear" else 3
    found: Map = zoom(saliency, factors, order=order, mode="nearest")
    return found


def _levelled(field: Map, levels: int | None) -> Map:
    """`field` rounded to grey levels, its largest value being the highest."""
    highest = field.max()
    if levels is None or highest <= 0:
        return field if levels is None else np.zeros_like(field)
    return _rounded(field.clip(0) * ((levels - 1) / highest))


def _rounded(field: Map) -> Map:
    """`field` in whole levels, halves rounded up as Matlab's and OpenCV's uint8 are."""
    found: Map = np.floor(field + 0.5)  # numpy's round is to even
    return found


def _blocks(field: NDArray[Any]) -> NDArray[Any]:
    """The four pixels of each block of 2x2, [y/2, x/2, 4]; an odd last row or column is left out.

    OpenCV's bilinear resizing to half takes the mean of them.
    """
    height, width = field.shape[0] // 2, field.shape[1] // 2
    blocks = field[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return blocks.swapaxes(1, 2).reshape(height, width, 4)


def _min_max(field: Map) -> Map:
    """`field` scaled to 0..1; zeros where it is constant."""
    lifted: Map = field - field.min()
    return lifted / lifted.max() if lifted.any() else lifted


def _cases(saliency: Map, density: Map, fixated: NDArray[np.bool_]) -> frozenset[Case]:
    lowest, highest = saliency.min(), saliency.max()
    found: dict[Case, bool] = {
        "no_fixation": not fixated.any(),
        "empty_density": not density.any(),
        "constant_prediction": lowest == highest,
        "zero_prediction": lowest == highest == 0,
        "negative_prediction": lowest < 0,
    }
    return frozenset(case for case, holds in found.items() if holds)
