"""Frames that the tests of the metrics start from, and slow definitions to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pipeline.evaluation.frame_scores import Frame, Scores, score_frame
from pipeline.evaluation.protocols import protocol

FIVE = ("AUC-J", "CC", "NSS", "SIM", "KLDiv")
"""The metrics of the paper's tables."""
SHAPE = (24, 32)


def truth(
    seed: int, shape: tuple[int, int] = SHAPE, fixations: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a density and where somebody looked."""
    rng = np.random.default_rng(seed)
    fixated = np.zeros(shape, dtype=bool)
    fixated.ravel()[rng.choice(fixated.size, fixations, replace=False)] = True
    return gaussian_filter(fixated.astype(float), 2), fixated


def prediction(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """Return blurred noise."""
    return gaussian_filter(np.random.default_rng(seed).random(shape), 1)


def point(y: int, x: int, shape: tuple[int, int] = (6, 9)) -> NDArray[np.float64]:
    """Return a map that is 1 at one pixel."""
    found = np.zeros(shape)
    found[y, x] = 1
    return found


def scored(saliency: Any, density: Any, fixated: Any, **options: Any) -> Scores:
    """Score a frame by the five metrics of protocol `mit`, or by those of the options."""
    frame = Frame(saliency, density, np.argwhere(fixated))
    return score_frame(protocol(), frame, **{"metrics": FIVE, **options})


def values(saliency: Any, density: Any, fixated: Any, **options: Any) -> dict[str, float]:
    """Return the values of `scored`."""
    return {name: one.value for name, one in scored(saliency, density, fixated, **options).items()}


def looks(
    seed: int, shape: tuple[int, int] = SHAPE, count: int = 15
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return a prediction, a density and looks [n, (y, x)], some of them on one pixel."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, shape, (count, 2))
    pixels = np.concatenate([pixels, pixels[:4]])
    fixated = np.zeros(shape)
    fixated[tuple(pixels.T)] = 1
    saliency = gaussian_filter(rng.random(shape), 1)
    return saliency - saliency.min() + 0.01, gaussian_filter(fixated, 2), pixels


def references(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.int64]:
    """Return positions in the flattened map that were fixated in other frames."""
    return np.unique(np.random.default_rng(seed).integers(0, shape[0] * shape[1], 50))


def by_protocol(
    name: str, saliency: Any, density: Any, pixels: Any, *, reference: Any = None, seed: Any = None
) -> dict[str, float]:
    """Return the values of a frame by a protocol, with draws from a seed where one is given."""
    rules = protocol(name)
    rng = np.random.default_rng(0 if seed is None and rules.draws else seed)
    drawn = rng if rules.draws or seed is not None else None
    frame = Frame(saliency, density, pixels)
    got = score_frame(rules, frame, reference=reference, rng=drawn)
    return {metric: score.value for metric, score in got.items()}


def slow_auc_judd(saliency: NDArray[Any], fixated: NDArray[np.bool_]) -> float:
    """Return the area of AUC_Judd.m, line by line, without its jitter."""
    thresholds = sorted(saliency[fixated], reverse=True)
    n, pixels = len(thresholds), saliency.size
    true, false = [0.0], [0.0]
    for i, threshold in enumerate(thresholds, start=1):
        true.append(i / n)
        false.append(((saliency >= threshold).sum() - i) / (pixels - n))
    return float(np.trapezoid([*true, 1.0], [*false, 1.0]))
