"""Maps of frames that lie in an array or a tensor, whatever its layout."""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pipeline.config.data import ImageFlowEstimator
from pipeline.evaluation.watching import found
from pipeline.runtime.errors import InputError
from pipeline.viewing.network.fitting import Fitted
from pipeline.viewing.network.flows import Flows

_ROUNDING = 1e-3
"""By which floats may leave 0..1: less than a level of 8 bits."""


class Pictures:
    """RGB frames of an array in its own size, or in another one; each is shrunk when it is read."""

    def __init__(self, frames: NDArray[Any], size: tuple[int, int]) -> None:
        """Take frames [t, y, x, 3], uint8 or float in 0..1, and the height and width to give."""
        self._frames = frames
        self.shape = (len(frames), *size, 3)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return a frame, uint8 [y, x, 3]."""
        frame = self._frames[index]
        if frame.dtype != np.uint8:
            frame = (255 * frame.astype(np.float32).clip(0, 1) + 0.5).astype(np.uint8)
        size = (self.shape[2], self.shape[1])
        if frame.shape[:2] == self.shape[1:3]:
            return np.ascontiguousarray(frame)
        return np.asarray(
            cv2.resize(np.ascontiguousarray(frame), size, interpolation=cv2.INTER_AREA)
        )


def frames_of(given: ArrayLike | Tensor) -> tuple[NDArray[Any], bool]:
    """Return frames [t, y, x, 3], uint8 or float in 0..1, and whether a single picture was given.

    Raises:
        InputError: It is neither an array [t, y, x, 3] or [y, x, 3] nor a tensor [t, 3, y, x] or
            [3, y, x], holds no frame, or values of another kind or beyond 0..1.
    """
    if isinstance(given, Tensor):
        array = given.detach().cpu().float().numpy() if given.is_floating_point() else None
        array = given.detach().cpu().numpy() if array is None else array
        array = np.moveaxis(array, -3, -1) if array.ndim in (3, 4) else array
        expected = "a tensor [t, 3, y, x] or [3, y, x]"
    else:
        array = np.asarray(given)
        expected = "an array [t, y, x, 3] or [y, x, 3]"
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or not array.size:
        shape = list(given.shape) if isinstance(given, Tensor) else list(array.shape)
        raise InputError(f"frames: expected {expected} of RGB, found the shape {shape}")
    if array.dtype != np.uint8:
        if array.dtype.kind != "f":
            raise InputError(f"frames: expected uint8, or floats in 0..1, found {array.dtype}")
        low, high = float(array.min()), float(array.max())
        if not (-_ROUNDING <= low <= high <= 1 + _ROUNDING):
            raise InputError(
                f"frames: expected floats in 0..1, found {low:g} to {high:g}; divide them by the "
                "white level, or give uint8"
            )
    return (array[None], True) if array.ndim == 3 else (array, False)


def predicted(
    fit: Callable[[int, int, float, bool], Fitted],
    given: ArrayLike | Tensor,
    *,
    rate: float,
    every: int,
    still: bool | None,
) -> NDArray[np.float32]:
    """Return the maps of frames; see `pipeline.viewing.network.load.Model.predict`."""
    frames, single = frames_of(given)
    if not isinstance(every, int | np.integer) or every < 1 or not 0 < rate < math.inf:
        raise InputError(
            f"expected every >= 1, a whole number, and a rate above 0, got {every} and {rate:g}"
        )
    still = single if still is None else still
    count, height, width = frames.shape[:3]
    fitted = fit(height, width, rate / every, still)
    chosen = list(range(0, count, every))
    pictures = Pictures(frames, fitted.size)
    motion = None
    if fitted.flow is not None and (not still or isinstance(fitted.flow, ImageFlowEstimator)):
        motion = Flows(fitted.flow, rate)
        motion.source, motion.place = pictures, range(0, count, every)
    seen = Pictures(frames[::every], fitted.size)
    out = np.empty((count, height, width), np.float32)
    place = 0
    try:
        for part in found(fitted.network, seen, motion, range(len(chosen)), sight=fitted.sight):
            for saliency in part.maps["saliency"].numpy():
                out[chosen[place]] = _to_peak(saliency, (height, width))
                place += 1
    except FloatingPointError as error:
        raise InputError(f"{error}; its weights are damaged, fetch them again") from error
    for index in range(count):  # between two maps, both of them; behind the last one, that one
        begin = index - index % every
        end = min(begin + every, chosen[-1])
        if index != begin:
            share = (index - begin) / every if end > begin else 0.0
            mixed = (1 - share) * out[begin] + share * out[end]
            out[index] = _to_peak(mixed, (height, width))
    return out


def _to_peak(saliency: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A map on a grid of this height and width, its largest value 1; a map of zeros stays."""
    if saliency.shape != size:
        saliency = np.asarray(
            cv2.resize(saliency, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        )
    peak = float(saliency.max())
    return saliency / peak if peak > 0 else saliency
