"""Twenty thousand frames scored, and what Hollywood-2's test set would take.

A clip of drawn maps at 640x480, whose store is scored again and again by the code of stage `score`
(protocol mit, with sAUC against ten frames of other clips), until so many frames are done. Reports
frames per second on the wall, processor time of a frame, and memory after a tenth and after all.
Writes bench/results/scoring.md.

    python bench/scoring.py [--frames 20000] [--threads 2] [--scheduler threads]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from pages import publish, today

from pipeline.config.data import GaussianDensity
from pipeline.evaluation.scoring import (
    GroundTruth,
    Request,
    ScoredFrame,
    StoredMaps,
    ground_truth,
    tasks,
    write_scores,
)
from pipeline.preprocessing.density import density_map
from pipeline.runtime.workers import computed
from pipeline.stores.kinds import DENSITY, GAZE, SALIENCY
from pipeline.stores.reading import open_store, read_in_rust
from pipeline.stores.writing import write_store

ROOT = Path(__file__).resolve().parents[1]
SHAPE, CLIPS, LENGTH, LOOKS = (480, 640), 8, 64, 20
HOLLYWOOD_2 = 244_860
"""Test frames, Sec. IV-A."""


def draw(folder: Path) -> None:
    """Write stores of maps, densities and gaze; a map is the density of other looks."""
    drawn = np.random.default_rng(0)
    recipe = GaussianDensity(recipe="gaussian", sigma=20.0, repeats="each")
    kinds = {"gaze": GAZE, "density": DENSITY, "saliency": SALIENCY}
    with ExitStack() as stack:
        stores = {
            name: stack.enter_context(
                write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {})
            )
            for name, kind in kinds.items()
        }
        for clip in map(str, range(CLIPS)):
            looks = drawn.normal((320, 240), 80, (2, LENGTH, LOOKS, 2)).clip(0, (639, 479))
            rows = [[t, x, y, o] for t in range(LENGTH) for o, (x, y) in enumerate(looks[0, t])]
            stores["gaze"].add(clip, [np.array(rows, np.float32)], frames=LENGTH)
            for name, points in (("density", looks[0]), ("saliency", looks[1])):
                pixels = np.floor(points[..., ::-1] + 0.5).astype(np.int32)
                maps = np.stack([density_map(one, SHAPE, recipe) for one in pixels])
                stores[name].add(clip, [maps], **({"frames": None} if name == "saliency" else {}))


def resident() -> float:
    """Return the MiB of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(one.ru_utime + one.ru_stime for one in used)


def score_all(
    maps: StoredMaps, truth: GroundTruth, frames: int, scheduler: str, threads: int, sheet: Path
) -> dict[str, float]:
    """Score the clips again and again; return times in seconds and memory in MiB."""
    rounds = -(-frames // (CLIPS * LENGTH))
    found = {"frames": float(rounds * CLIPS * LENGTH), "early": 0.0}
    clips = [clip for _ in range(rounds) for clip in maps.store.clips]
    start, used = time.perf_counter(), cpu_seconds()
    request = Request("mit", (), 0)
    blocks = computed(tasks(maps, truth, clips, request), scheduler, threads)

    def frames_scored() -> Iterator[ScoredFrame]:
        for number, block in enumerate(blocks):
            if number == len(clips) * (LENGTH // 32) // 10:
                found["early"] = resident()
            yield from block

    write_scores(sheet, request, frames_scored())
    return {
        **found,
        "wall": time.perf_counter() - start,
        "cpu": cpu_seconds() - used,
        "late": resident(),
    }


def main() -> None:
    """Measure, and write bench/results/scoring.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scheduler", default="threads")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        draw(folder)
        read_in_rust()  # as the stage does
        truth = ground_truth([folder / "density.json"], [folder / "gaze.json"])
        maps = StoredMaps(open_store(SALIENCY, folder / "saliency.json"))
        found = score_all(
            maps, truth, given.frames, given.scheduler, given.threads, folder / "scores.csv"
        )
    rate = found["frames"] / found["wall"]
    page = [
        "# Scoring at scale",
        "",
        f"{today()}; load of other",
        f"work: {max(0.0, os.getloadavg()[0] - given.threads):.1f}. `python bench/scoring.py`.",
        "",
        f"- {found['frames']:,.0f} frames of {SHAPE[1]}x{SHAPE[0]}, {LOOKS} looks each, read from",
        f"  stores, six metrics, written as a sheet: {found['wall']:.0f} s,",
        f"  {rate:.0f} frames/s by {given.threads} {given.scheduler},",
        f"  {1e3 * found['cpu'] / found['frames']:.1f} ms of processor time a frame.",
        f"- Memory: {found['early']:.0f} MiB after a tenth, {found['late']:.0f} MiB after all.",
        f"- At this rate the {HOLLYWOOD_2:,} test frames of Hollywood-2 would take",
        f"  {HOLLYWOOD_2 / rate / 60:.0f} minutes.",
    ]
    publish("scoring", "\n".join(page))


if __name__ == "__main__":
    main()
