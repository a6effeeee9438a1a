"""What a protocol draws: the shuffled AUC's negatives of a frame, and the frames of a mean."""

import zlib
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.protocols import Protocol, Reference
from pipeline.preprocessing.fixations import fixated_map

_UNISAL_SEED: Final = 27
"""Seed of rdroste/unisal, unisal/train.py, run_inference."""


def reference_frames(
    wanted: Reference, lengths: Sequence[int], clip: int, frame: int, rng: Generator
) -> list[tuple[int, int]]:
    """Draw the frames whose fixations are the reference set of sAUC for one frame of one clip.

    `lengths` counts the frames of each clip of the dataset. Returned are clip and frame of each, by
    index, as many as the protocol wants or as there are.
    """
    if wanted.origin == "one_per_clip":
        count = min(len(lengths), wanted.frames or len(lengths))
        chosen = rng.choice(len(lengths), count, replace=False)
        return [(int(other), int(rng.integers(lengths[other]))) for other in chosen]
    ends = np.cumsum(lengths)
    here = (int(ends[clip]) - lengths[clip], int(ends[clip]))
    if wanted.origin == "same_clip":
        positions = here[0] + _some(lengths[clip], wanted.frames, rng)
    elif wanted.origin == "clip_others":
        positions = here[0] + np.delete(np.arange(lengths[clip]), frame)
    else:
        gap = {
            "whole_set": (0, 0),
            "other_clips": here,
            "other_frames": (here[0] + frame, here[0] + frame + 1),
        }[wanted.origin]
        positions = _some(int(ends[-1]) - (gap[1] - gap[0]), wanted.frames, rng)
        positions[positions >= gap[0]] += gap[1] - gap[0]
    clips = np.searchsorted(ends, positions, side="right")
    starts = ends - np.asarray(lengths)
    return [(int(other), int(i)) for other, i in zip(clips, positions - starts[clips], strict=True)]


def _some(total: int, wanted: int | None, rng: Generator) -> NDArray[np.intp]:
    """Return `wanted` different numbers below `total`, or all of them."""
    if wanted is None or wanted >= total:
        return np.arange(total)
    return rng.choice(total, wanted, replace=False).astype(np.intp)


def reference_positions(
    wanted: Reference,
    pixels: Sequence[NDArray[np.integer[Any]]],
    shapes: Sequence[tuple[int, int]],
    fixated: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """Return the reference set of sAUC as positions in the flattened map.

    Args:
        wanted: The protocol's reference set.
        pixels: Per frame of the reference [n, (y, x)], a row for each look.
        shapes: Height and width on which each was recorded.
        fixated: Fixated pixels of the scored frame; its size is the one to rescale to.
    """
    here = (fixated.shape[0], fixated.shape[1])
    rescale = _enlarged if wanted.resize == "bilinear" else _rescaled
    found = [rescale(points, shape, here) for points, shape in zip(pixels, shapes, strict=True)]
    if wanted.repeats == "frames":
        found = [np.unique(frame) for frame in found]
    positions = np.concatenate([np.empty(0, np.intp), *found])
    if wanted.repeats == "once":
        positions = np.unique(positions)
    if wanted.without_own:
        positions = positions[~fixated.ravel()[positions]]
    return positions


def _rescaled(
    points: NDArray[np.integer[Any]], shape: tuple[int, int], here: tuple[int, int]
) -> NDArray[np.intp]:
    """Return the position of each point [n, (y, x)] on a picture of another size."""
    if shape == here:
        y, x = points.astype(np.intp).T
    else:  # a pixel's centre lies half a pixel inside it
        y, x = np.floor((points + 0.5) * np.divide(here, shape)).astype(np.intp).T
    positions: NDArray[np.intp] = y * here[1] + x
    return positions


def _enlarged(
    points: NDArray[np.integer[Any]], shape: tuple[int, int], here: tuple[int, int]
) -> NDArray[np.intp]:
    """Return the positions that are fixated after OpenCV's bilinear resizing of the 8-bit picture.

    It rounds to whole fixations.
    """
    import cv2  # a tenth of a second, for one protocol

    picture = fixated_map(points, shape).astype(np.uint8)
    return np.flatnonzero(cv2.resize(picture, here[::-1], interpolation=cv2.INTER_LINEAR))


def half_of(clip: int, rules: Protocol, metric: str) -> NDArray[np.intp]:
    """Return which of a clip's frames enter a metric's mean, ascending; `clip` is its length.

    Of a halved metric these are the frames that UNISAL's program draws: it seeds Python's generator
    with 27 for every video and samples half of the frames, at least one.
    """
    if metric not in rules.half:
        return np.arange(clip)
    return np.sort(Random(_UNISAL_SEED).sample(range(clip), max(1, clip // 2)))


def sampled_frames(rules: Protocol, total: int, metric: str, *, seed: int) -> NDArray[np.intp]:
    """Return which of a dataset's frames enter a metric's mean, ascending.

    The same seed gives the same frames, and each metric others. `replace(rules, sample=None)`
    turns sampling off.
    """
    if rules.sample is None or total <= rules.sample:
        return np.arange(total)
    rng = np.random.default_rng([seed, zlib.crc32(metric.encode())])
    return np.sort(rng.choice(total, rules.sample, replace=False, shuffle=False))
