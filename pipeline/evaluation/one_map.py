"""One map against one frame's gaze, from arrays or tensors that nothing has stored."""

from typing import Any

import numpy as np
from numpy.random import default_rng
from numpy.typing import ArrayLike, NDArray

from pipeline.evaluation.draws import reference_positions
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.protocols import protocol as rules_of
from pipeline.runtime.errors import InputError


def score(
    saliency: ArrayLike,
    fixations: ArrayLike,
    density: ArrayLike,
    protocol: str = "mit",
    *,
    others: ArrayLike | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Score a saliency map by the rules of a protocol, and return each metric's value.

    Args:
        saliency: The map [y, x] that is scored, of any size and scale.
        fixations: Where people looked: positions [n, (x, y)] in pixels of the density, to the right
            and down, the centre of the first pixel being (0, 0), a row for each look; or a map
            [y, x] of the density's size that is not zero where somebody did.
        density: Ground-truth density [y, x], of any scale.
        protocol: Whose rules: `mit`, `dhf1k`, `unisal`, ... (docs/evaluation.md). Numbers of
            different protocols do not compare. Those that make their densities themselves are given
            this one, and `calibrated`, which learns from other clips, is `mit`.
        others: Fixations on other pictures, in the same form as `fixations`: the negatives of the
            shuffled AUC, which is left out without them.
        seed: Of the noise that some protocols add.

    Raises:
        InputError: There is no such protocol, an array has another shape than these, holds NaN or
            infinity, or a fixation lies outside of the density.
    """
    rules = rules_of(protocol)
    maps = {"saliency": _map("saliency", saliency), "density": _map("density", density)}
    height, width = maps["density"].shape
    pixels = _pixels("fixations", fixations, (height, width))
    frame = Frame(maps["saliency"], maps["density"], pixels)
    reference = None
    if others is not None and rules.reference is not None:
        shown = _pixels("others", others, (height, width))
        reference = reference_positions(rules.reference, [shown], [(height, width)], frame.fixated)
    rng = default_rng(seed) if rules.draws else None
    found = score_frame(rules, frame, reference=reference, rng=rng)
    return {name: float(one.value) for name, one in found.items()}


def _array(name: str, values: ArrayLike) -> NDArray[Any]:
    """An array or a tensor of any device as an array."""
    detach = getattr(values, "detach", None)
    array = np.asarray(values if detach is None else detach().cpu())
    if array.dtype.kind not in "buif":
        raise InputError(f"{name}: expected numbers, found {array.dtype}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: holds NaN or infinity")
    return array


def _map(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = _array(name, values)
    if array.ndim != 2 or not array.size:
        raise InputError(f"{name}: expected a map [y, x], found the shape {list(array.shape)}")
    return array.astype(np.float64)


def _pixels(name: str, values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Fixations as pixels [n, (y, x)]."""
    array = _array(name, values)
    if array.shape == shape and (array.dtype == bool or shape[1] != 2):
        return np.argwhere(array != 0)
    if not array.size:
        return np.empty((0, 2), np.intp)
    if array.ndim != 2 or array.shape[1] != 2:
        raise InputError(
            f"{name}: expected positions [n, (x, y)] or a map {list(shape)} like the density, "
            f"found the shape {list(array.shape)}"
        )
    pixels = np.floor(array[:, ::-1] + 0.5).astype(np.intp)
    if outside := np.count_nonzero(((pixels < 0) | (pixels >= shape)).any(axis=1)):
        raise InputError(
            f"{name}: {outside} of {len(pixels)} positions lie outside of the density, which has "
            f"{shape[1]}x{shape[0]} pixels"
        )
    return pixels
