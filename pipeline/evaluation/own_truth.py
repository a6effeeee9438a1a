"""Ground truth that a scorer makes of the looks by itself, on pictures of its own size.

Rudoy et al. score on videos five times smaller than DIEM's, and put a Gaussian of 10 of their
pixels around each look (yonidishon/milestones, video_attention/release: v0.2/run_gazeScale.m,
precalc_GazeData.m, points2GaussMap.m). SALICON's program marks a fixated pixel of an image once and
filters with a Gaussian of 19 pixels (NUS-VIP/salicon-evaluation, salicon/salicon.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.protocols import Truth
from pipeline.preprocessing.fixations import fixated_map, points_by_frame

Shape = tuple[int, int]
"""Height and width in pixels."""
Looks = list[NDArray[np.float64]]
"""Per frame [n, (y, x)], a row for each look, not rounded."""


@dataclass(frozen=True)
class OwnTruth:
    """The looks of clips on a scorer's own pictures, and its densities of them."""

    rules: Truth
    sizes: Mapping[str, Shape]
    """Clip -> size of its pictures."""
    looks: Mapping[str, Looks]
    """Clip -> looks."""

    def pixels(self) -> dict[str, list[NDArray[np.int32]]]:
        """Clip -> per frame the pixels [n, (y, x)] of the looks, all inside the picture."""
        return {
            clip: [on_pixels(frame, self.sizes[clip]) for frame in frames]
            for clip, frames in self.looks.items()
        }

    def density(self, clip: str, frame: int) -> NDArray[np.float64]:
        """Return the density [y, x] of a frame, its maximum 1; zero without looks."""
        return density(self.rules, self.looks[clip][frame], self.sizes[clip])


def reduced(video: Shape, rules: Truth) -> Shape:
    """Return the size of a scorer's pictures of a video; no side is shorter than a pixel."""
    height, width = (max(1, round(side / rules.reduced)) for side in video)
    return height, width


def on_picture(points: NDArray[np.float32], frames: int, grid: Shape, picture: Shape) -> Looks:
    """Move a GAZE array from the frame grid to pictures of another size, frame by frame."""
    scale = np.divide(picture, grid)
    return [(looks + 0.5) * scale - 0.5 for looks in points_by_frame(points, frames)]


def on_pixels(looks: NDArray[np.float64], shape: Shape) -> NDArray[np.int32]:
    """Round looks to the pixels that they fall on, those at the border to the last ones."""
    return np.clip(np.floor(looks + 0.5), 0, np.array(shape) - 1).astype(np.int32)


def density(rules: Truth, looks: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    """Return a frame's density [y, x] as the scorer makes it, divided by its maximum.

    `looks` are [n, (y, x)]; without any the density is zero.
    """
    if not len(looks):
        return np.zeros(shape)
    if rules.kind == "each_look":
        down, across = (_profiles(looks[:, axis], shape[axis], rules.sigma) for axis in (0, 1))
        found: NDArray[np.float64] = down.T @ across
        found /= found.max()
        return found
    from scipy.ndimage import gaussian_filter  # a fifth of a job's imports, for one protocol

    marked = fixated_map(on_pixels(looks, shape), shape).astype(np.float64)
    filtered: NDArray[np.float64] = gaussian_filter(marked, rules.sigma)
    filtered -= filtered.min()
    # Where every pixel was looked at, nothing is left.
    return filtered / filtered.max() if filtered.any() else filtered


def _profiles(centres: NDArray[np.float64], size: int, sigma: float) -> NDArray[np.float64]:
    """Gaussians along a side [n, size], each divided by its highest pixel."""
    away = (np.arange(size) - centres[:, None]) / sigma
    found: NDArray[np.float64] = np.exp(-0.5 * (away**2 - (away**2).min(1, keepdims=True)))
    return found
