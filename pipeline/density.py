"""Stage density: gaze points to fixation densities (S of Eq. 4, Sec. IV-B)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Density, Frames
from pipeline.fixations import pixels_by_frame
from pipeline.stage import main
from pipeline.stores import DENSITY, GAZE, open_store, write_store


@lru_cache(maxsize=8)
def _gaussians(size: int, sigma: float) -> NDArray[np.float64]:
    """Row i is a Gaussian of peak 1 around pixel i: [size, size], a Toeplitz table."""
    offset = np.arange(size)[:, None] - np.arange(size)[None, :]
    return np.exp(-0.5 * (offset / sigma) ** 2)


def density_map(
    pixels: NDArray[np.int32], shape: tuple[int, int], settings: Density
) -> NDArray[np.float64]:
    """Sum of Gaussians at the fixated pixels, divided by its maximum.

    A Gaussian is the product of two one-dimensional ones, so the sum over points is one matrix
    product of two tables: exact, not truncated.

    Args:
        pixels: [n, (y, x)].
        shape: (height, width) in pixels.
        settings: Width, and whether repeated pixels count each time.

    Returns:
        [y, x] with maximum 1, or zero everywhere without points.
    """
    if not len(pixels):
        return np.zeros(shape)
    if settings.repeats == "once":
        pixels = np.unique(pixels, axis=0)
    rows = _gaussians(shape[0], settings.sigma)[pixels[:, 0]]
    columns = _gaussians(shape[1], settings.sigma)[pixels[:, 1]]
    blurred = rows.T @ columns
    return np.asarray(blurred / blurred.max())


def _clip_density(
    points: NDArray[np.float32], frames: int, grid: Frames, settings: Density
) -> Iterator[NDArray[np.float64]]:
    for pixels in pixels_by_frame(points, frames):
        yield density_map(pixels, (grid.height, grid.width), settings)[None]


def density(*, gaze: Path, settings: Density, grid: Frames, store: Path, manifest: Path) -> None:
    """GAZE store (its manifest is given) to DENSITY store."""
    source = open_store(GAZE, gaze)
    with write_store(DENSITY, store, manifest) as writer:
        for clip, facts in source.clips.items():
            points = np.asarray(source[clip][:])
            empty = facts["frames"] - len(np.unique(points[:, 0]))
            maps = _clip_density(points, facts["frames"], grid, settings)
            writer.add(clip, maps, frames_without_gaze=int(empty))
            print(f"{clip}: {facts['frames']} densities, {empty} without gaze")


if __name__ == "__main__":
    main(density)
