"""How much faster and how exact the density recipes are, beside scipy.ndimage.gaussian_filter.

Times on one thread; each round takes every row some times in a row, as a stage takes a clip's
frames. The reference is the filter alone (sigma 20, float64, its default truncation), without
counting points before or normalising after. Run from anywhere:

    python bench/density.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pages import publish, with_python
from pydantic import TypeAdapter
from scipy.ndimage import gaussian_filter

from pipeline.preprocessing.density_recipes import PointDensity, density_map, released_map

ROOT = Path(__file__).resolve().parents[1]
GRID, VIDEO = (480, 640), (360, 640)
SIGMA = 20.0
POINTS = (12, 100, 300)
RECIPES: tuple[dict[str, Any], ...] = (
    {"recipe": "gaussian", "sigma": SIGMA, "repeats": "each"},
    {"recipe": "dhf1k", "fwhm": 30.0, "shift": 0.0, "repeats": "each"},
    {"recipe": "mathe_release", "taps": 150, "sigma": 20.0, "anchor": 74},
    {"recipe": "mit", "cutoff": 8.0, "repeats": "each"},
)
IN_A_ROW = 5
Work = Callable[[], np.ndarray]


def points(count: int, shape: tuple[int, int]) -> np.ndarray:
    """[n, (y, x)] evenly drawn."""
    return np.random.default_rng(count).integers(0, shape, (count, 2)).astype(np.int32)


def reference(count: int) -> np.ndarray:
    """Counts of the points on the frame grid, which is what the reference filters."""
    counts = np.zeros(GRID)
    np.add.at(counts, tuple(points(count, GRID).T), 1.0)
    return counts


def work(settings: dict[str, Any], count: int) -> Work:
    """One density of a recipe, on the frame grid."""
    recipe = TypeAdapter(PointDensity).validate_python(settings)
    shape = GRID if settings["recipe"] == "gaussian" else VIDEO
    pixels = points(count, shape)
    return partial(density_map, pixels, shape, recipe, GRID)


def rows() -> dict[tuple[str, int], Work]:
    """(what, points) -> what is timed."""
    found: dict[tuple[str, int], Work] = {}
    for count in POINTS:
        found["gaussian_filter", count] = partial(gaussian_filter, reference(count), SIGMA)
        for settings in RECIPES:
            found[settings["recipe"], count] = work(settings, count)
    picture = np.random.default_rng(0).integers(0, 256, VIDEO, np.uint8)
    found["released", 0] = partial(released_map, picture, GRID)
    return found


def medians(timed: dict[tuple[str, int], Work], rounds: int) -> dict[tuple[str, int], float]:
    """Median milliseconds; the first round, which fills the tables, is not counted."""
    taken: dict[tuple[str, int], list[float]] = {key: [] for key in timed}
    for _ in range(rounds + 1):
        for key, one in timed.items():
            for _ in range(IN_A_ROW):
                start = time.perf_counter()
                one()
                taken[key].append(1e3 * (time.perf_counter() - start))
    return {key: statistics.median(values[IN_A_ROW:]) for key, values in taken.items()}


def error(count: int) -> float:
    """Largest difference of `gaussian` from a sum that is not truncated."""
    pixels = points(count, GRID)
    row, column = np.indices(GRID)
    total = np.zeros(GRID)
    for y, x in pixels:
        total += np.exp(-((row - y) ** 2 + (column - x) ** 2) / (2 * SIGMA**2))
    found = work(RECIPES[0], count)()
    return float(np.abs(found - total / total.max()).max())


def report(taken: dict[tuple[str, int], float], rounds: int) -> str:
    """The Markdown page."""
    errors = ", ".join(f"{error(count):.0e} ({count} points)" for count in POINTS)
    lines = [
        "# Fixation densities",
        "",
        f"{with_python()}, one thread, float64, medians of {IN_A_ROW * rounds}.",
        f"Densities of {GRID[1]}x{GRID[0]}; `gaussian` is made there, the others from a video of",
        f"{VIDEO[1]}x{VIDEO[0]}. Ratio: to `scipy.ndimage.gaussian_filter` of sigma 20 on as many",
        "points (no counting, no normalising, truncated at 4 sigma). `python bench/density.py`.",
        "",
        f"Largest error of `gaussian` against a sum that is not truncated: {errors}.",
        "",
        "| what | points | median ms | ratio |",
        "|---|---|---|---|",
    ]
    for (what, count), value in taken.items():
        ratio = taken["gaussian_filter", count or POINTS[0]] / value
        lines.append(f"| `{what}` | {count or '-'} | {value:.2f} | {ratio:.0f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Measures and writes bench/results/density.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    page = report(medians(rows(), rounds), rounds)
    publish("density", page)


if __name__ == "__main__":
    main()
