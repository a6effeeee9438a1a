"""The layout in which taught clips lie: that of released maps (`pipeline.datasets.released`).

In `<split>/<clip>/`, `images/0001.jpg` is a frame, `density/0001.png` the density of where people
look over its peak, and `fixation/0001.png` points drawn from it, 255 on 0.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

FIXATIONS = 40
"""Points drawn from each frame's density: about as many as people look at a frame of DIEM."""

Density = NDArray[np.float32] | NDArray[np.float64]


def generator(seed: int, clip: str) -> np.random.Generator:
    """Return the generator of a clip, which follows from the seed and the name."""
    digest = hashlib.sha256(clip.encode()).digest()[:8]
    return np.random.default_rng([seed, int.from_bytes(digest)])


def draw_fixations(rng: np.random.Generator, density: Density) -> NDArray[np.uint8]:
    """Return points drawn from a density [y, x] of any sum, 255 on 0."""
    shares = np.cumsum(density.ravel(), dtype=np.float64)
    chosen = np.searchsorted(shares, rng.random(FIXATIONS) * shares[-1], side="right")
    points = np.zeros(density.shape, np.uint8)
    points.ravel()[np.minimum(chosen, density.size - 1)] = 255
    return points


def write_clip(
    folder: Path,
    frames: Iterable[tuple[NDArray[np.uint8], Density]],
    rng: np.random.Generator,
    quality: int,
) -> None:
    """Write frames [y, x, 3], RGB, each with its density on the same grid, into a folder.

    `quality` is that of the JPEG files, of 100.
    """
    for name in ("images", "density", "fixation"):
        (folder / name).mkdir(parents=True)
    for number, (frame, density) in enumerate(frames, start=1):
        grey = np.round(255 * (density / density.max())).astype(np.uint8)
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        _write(folder / f"images/{number:04d}.jpg", frame[..., ::-1], options)
        _write(folder / f"density/{number:04d}.png", grey, [])
        _write(folder / f"fixation/{number:04d}.png", draw_fixations(rng, density), [])


def _write(path: Path, picture: NDArray[np.uint8], options: list[int]) -> None:
    """Encode a picture, BGR or grey."""
    _, data = cv2.imencode(path.suffix, picture, options)
    path.write_bytes(data.tobytes())
