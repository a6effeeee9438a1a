"""Gaze points of a clip as pixels of its frames."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pixels_by_frame(points: NDArray[np.float32], frames: int) -> list[NDArray[np.int32]]:
    """For each frame, the pixels [n, (y, x)] of the points of a GAZE array, in their order."""
    frame = points[:, 0].astype(np.int64)
    order = np.argsort(frame, kind="stable")
    yx = np.floor(points[order][:, [2, 1]] + 0.5).astype(np.int32)
    return np.split(yx, np.searchsorted(frame[order], np.arange(1, frames)))


def points_by_frame(points: NDArray[np.float32], frames: int) -> list[NDArray[np.float64]]:
    """For each frame, the points [n, (y, x)] of a GAZE array, in their order, not rounded."""
    frame = points[:, 0].astype(np.int64)
    order = np.argsort(frame, kind="stable")
    yx = points[order][:, [2, 1]].astype(np.float64)
    return np.split(yx, np.searchsorted(frame[order], np.arange(1, frames)))


def video_pixels(
    points: NDArray[np.float32], frames: int, grid: tuple[int, int], video: tuple[int, int]
) -> list[NDArray[np.int32]]:
    """Move a GAZE array from the frame grid to the pixels of a video of another size.

    Both sizes are (height, width). Returns for each frame the pixels [n, (y, x)], clipped to the
    video.
    """
    size = np.array(video[::-1])
    xy = (points[:, 1:3].astype(np.float64) + 0.5) * size / np.array(grid[::-1]) - 0.5
    moved = points.copy()
    moved[:, 1:3] = np.clip(np.floor(xy + 0.5), 0, size - 1)
    return pixels_by_frame(moved, frames)


def fixated_map(pixels: NDArray[np.integer[Any]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Boolean map [y, x] that is true where at least one gaze point lies (F of Eq. 5)."""
    fixated: NDArray[np.bool_] = np.zeros(shape, bool)
    fixated[pixels[:, 0], pixels[:, 1]] = True
    return fixated


def inside(x: NDArray[Any], y: NDArray[Any], width: int, height: int) -> NDArray[np.bool_]:
    """Whether each point falls on a pixel of the frame grid; a pixel reaches half a unit around."""
    within = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    return np.asarray(within, bool)
