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
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Blosc, Zstd, blosc
from pages import publish, with_python
from pydantic import TypeAdapter
from scipy.ndimage import gaussian_filter

from pipeline.preprocessing.density_recipes import PointDensity, density_map, released_map
from pipeline.stores.kinds import DENSITY
from pipeline.stores.writing import write_store

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


def stored_maps(count: int) -> list[np.ndarray]:
    """Densities of 20 looks around the middle, as `gaussian` makes them."""
    drawn = np.random.default_rng(0)
    recipe = TypeAdapter(PointDensity).validate_python(RECIPES[0])
    last = (GRID[0] - 1, GRID[1] - 1)
    looks = drawn.normal((240, 320), 80, (count, 20, 2)).clip(0, last).astype(np.int32)
    return [density_map(pixels, GRID, recipe) for pixels in looks]


def fastest(work: Callable[[], Any]) -> float:
    """Fewest milliseconds of processor time of five."""
    found = []
    for _ in range(5):
        start = time.process_time()
        work()
        found.append(1e3 * (time.process_time() - start))
    return min(found)


def each(function: Callable[[Any], object], given: Sequence[Any]) -> None:
    """Call a function with one after another."""
    for one in given:
        function(one)


def codecs() -> list[str]:
    """A table of what compresses the float16 of a density, a thread each."""
    maps = [field.astype(np.float16) for field in stored_maps(8)]
    blosc.use_threads = False
    tried: dict[str, Any] = {f"zstd {level}": Zstd(level, checksum=True) for level in (3, 1)}
    for name, level in (("zstd", 1), ("zstd", 5), ("lz4", 1), ("lz4", 5)):
        for by, shuffle in (("bytes", Blosc.SHUFFLE), ("bits", Blosc.BITSHUFFLE)):
            tried[f"{name} {level}, shuffled by {by}"] = Blosc(name, level, shuffle, typesize=2)
    rows = ["| codec | ms to write | ms to read | bytes |", "|---|---|---|---|"]
    for name, codec in tried.items():
        packed = [codec.encode(field) for field in maps]
        write = fastest(partial(each, codec.encode, maps))
        read = fastest(partial(each, codec.decode, packed))
        size = sum(map(len, packed)) / len(maps)
        rows.append(f"| {name} | {write / 8:.2f} | {read / 8:.2f} | {size:,.0f} |")
    return rows


def writing() -> str:
    """Densities a second and core that are written as a store, and made and written."""
    maps = stored_maps(64)

    def store(made: Iterable[np.ndarray]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            paths = Path(folder) / "1.zarr", Path(folder) / "1.json"
            with write_store(DENSITY, *paths, {}) as writer:
                writer.add("clip", (field[None] for field in made))

    seconds = fastest(lambda: store(maps)) / 1e3
    both = fastest(lambda: store(stored_maps(64))) / 1e3
    return f"{64 / seconds:.0f} densities a second and core are written, {64 / both:.0f} made and"


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
    written = [
        "",
        "## Writing",
        "",
        "Of densities of 20 looks; processor time, the fastest of five.",
        f"{writing()}",
        "written.",
        "",
        *codecs(),
    ]
    return "\n".join([*lines, *written, ""])


def main() -> None:
    """Measures and writes bench/results/density.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    page = report(medians(rows(), rounds), rounds)
    publish("density", page)


if __name__ == "__main__":
    main()
