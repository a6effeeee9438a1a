"""What protocol salema measures from maps on the frame grid, against maps as SalEMA writes them.

A real clip of DHF1K (90 frames, the gaze of 17 observers; `run: real` describes it, it is not
distributed) and four kinds of drawn maps of 256x192 in 8 bits. Each is scored at 256x192 against a
truth of 640x360, as SalEMA's authors do; then from a map on the frame grid, against a truth of
another grid, and with OpenCV's own rounding of 8-bit resizing. Writes bench/results/half_size.md.

    python bench/half_size.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pages import publish, today
from scipy.ndimage import gaussian_filter

from pipeline.config.data import Dhf1kDensity
from pipeline.datasets import dhf1k
from pipeline.datasets.records import Clip
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.protocols import protocol
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.fixations import video_pixels

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT.parent / "shared/data/dhf1k/exportdata_train"
CLIP: Final = Clip("002", 90, 640, 360, 30.0)
RULES: Final = protocol("salema")
RECIPE: Final = Dhf1kDensity(recipe="dhf1k", fwhm=30.0, shift=0.0, repeats="once")
MAP, VIDEO, GRID = (192, 256), (360, 640), (480, 640)
KINDS: Final = {"usual": (6, 0.1), "sharp": (3, 0.1), "wide": (14, 0.1), "central": (6, 0.6)}
"""Kind of a map -> sigma of its looks in pixels, and weight of its centre bias."""
METRICS: Final = RULES.reports

Array = NDArray[np.floating]


class Truth(NamedTuple):
    """Fixated pixels [n, (y, x)] and density of each frame, on one grid."""

    pixels: list[NDArray[np.int32]]
    density: list[Array]


def looks() -> NDArray[np.float32]:
    """The clip's gaze [point, (frame, x, y)] in pixels of the video."""
    gaze = dhf1k.read(sorted(RAW.glob("*/*_Trail002.txt")), CLIP)
    return np.stack([gaze.frame, gaze.x, gaze.y], 1).astype(np.float32)


def truth(points: NDArray[np.float32], grid: tuple[int, int]) -> Truth:
    """The clip's ground truth on a grid, its density made on the video and stored as float16."""
    pixels = video_pixels(points, CLIP.frames, VIDEO, grid)
    of_video = video_pixels(points, CLIP.frames, VIDEO, VIDEO)
    density = [density_map(frame, VIDEO, RECIPE, grid).astype(np.float16) for frame in of_video]
    return Truth(pixels, density)


def drawn(pixels: list[NDArray[np.int32]], frame: int, kind: str) -> Array:
    """A map in 8 bits: where people looked some frames before, noise, and the centre."""
    sigma, weight = KINDS[kind]
    found = np.zeros(MAP)
    for before in pixels[max(0, frame - 6) : max(1, frame - 1)]:
        np.add.at(found, tuple((before * np.divide(MAP, VIDEO)).astype(int).T), 1)
    found = gaussian_filter(found, sigma)
    noise = gaussian_filter(np.random.default_rng(frame).random(MAP), 4)
    y, x = np.mgrid[: MAP[0], : MAP[1]]
    found /= found.max() or 1
    found += 0.08 * (noise - noise.min()) / (noise.max() - noise.min())
    found += weight * np.exp(-(((y - 96) / 60) ** 2) - ((x - 128) / 80) ** 2)
    found = 1 / (1 + np.exp(-8 * (found - 0.6)))  # as a network's sigmoid
    found -= found.min()
    found /= found.max()
    return np.asarray(np.floor(found * 255 + 0.5))


def predicted(grid: tuple[int, int]) -> Callable[[Array], Array]:
    """Bring a map to the frame grid, as a network here does and a store holds it."""
    return lambda png: resized(png / 255, grid, kernel="bilinear", antialias=False).astype(
        np.float16
    )


def in_8_bits(png: Array) -> Array:
    """Resize a map to the video as OpenCV does it."""
    return cv2.resize(png.astype(np.uint8), VIDEO[::-1]).astype(float)


CASES: Final[dict[str, tuple[Callable[[Array], Array], tuple[int, int]]]] = {
    "levels on 640x360": (predicted(VIDEO), VIDEO),
    "truth on 640x480": (lambda png: png, GRID),
    "levels and truth on 640x480": (predicted(GRID), GRID),
    "OpenCV's rounding": (in_8_bits, VIDEO),
}
"""Case -> what is done to a map, and the grid of the truth."""


def score(saliency: Array, of: Truth, frame: int) -> list[float]:
    """The four metrics of a frame."""
    given = Frame(saliency, of.density[frame], of.pixels[frame])
    found = score_frame(RULES, given, rng=np.random.default_rng(0))
    return [found[metric].value for metric in METRICS]


def main() -> None:
    """Measure, and write bench/results/half_size.md."""
    points = looks()
    truths = {grid: truth(points, grid) for grid in (VIDEO, GRID)}
    there = [frame for frame, pixels in enumerate(truths[VIDEO].pixels) if len(pixels)]
    apart: dict[str, list[Array]] = {case: [] for case in CASES}
    authors = {}
    for kind in KINDS:
        maps = {frame: drawn(truths[VIDEO].pixels, frame, kind) for frame in there}
        right = np.array([score(maps[frame], truths[VIDEO], frame) for frame in there])
        authors[kind] = right.mean(0)
        for case, (change, grid) in CASES.items():
            found = [score(change(maps[frame]), truths[grid], frame) for frame in there]
            apart[case].append(np.array(found) - right)
    page = [
        "# Protocol salema from maps on the frame grid",
        "",
        f"{today()}. `python bench/half_size.py`.",
        "",
        f"{len(there)} frames of a real clip, maps of 256x192 in 8 bits, a truth of 640x360:",
        "",
        f"| maps | {' | '.join(METRICS)} |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {' | '.join(f'{value:.3f}' for value in means)} |"
            for kind, means in authors.items()
        ),
        "",
        "What differs from these in other cases: the lowest and the highest of the four means, and",
        "the largest difference of a frame.",
        "",
        f"| case | {' | '.join(METRICS)} |",
        "|---|---|---|---|---|",
    ]
    for case, kinds in apart.items():
        means = np.array([differences.mean(0) for differences in kinds])
        lowest_and_highest = np.array([means.min(0), means.max(0)]).round(4) + 0.0  # no -0
        largest = np.abs(np.concatenate(kinds)).max(0)
        cells = (
            f"{low:+.4f} to {high:+.4f}, {most:.3f}"
            for low, high, most in zip(*lowest_and_highest, largest, strict=True)
        )
        page.append(f"| {case} | {' | '.join(cells)} |")
    publish("half_size", "\n".join(page))


if __name__ == "__main__":
    main()
