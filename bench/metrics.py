"""How fast a frame is scored, beside other ways to do it, and whether memory stays flat.

One thread. Each round takes every row some times in a row, as a stage takes a clip's frames; a
row's time is its fastest, in processor time of the thread. The peer is a straightforward NumPy port
of the MIT formulas, in this file; pysaliency joins if it can be imported. Run from anywhere:

    python bench/metrics.py [--rounds 30] [--frames 10000]
"""

from __future__ import annotations

import argparse
import importlib
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pages import publish, with_python
from scipy.ndimage import gaussian_filter

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.auc import auc_shuffled
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.protocols import MIT

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (480, 640)
FIXATIONS = 60
REFERENCE = 600
"""Positions fixated in ten other frames."""
SPLITS = 100
SIGMA = 20.0
IN_A_ROW = 5
EPS = np.finfo(float).eps
METRICS = ("AUC-J", "CC", "NSS", "SIM", "KLDiv")
Work = Callable[[], Any]


def frame(seed: int) -> Frame:
    """Draw fixations around three places, and a prediction of two of them and of a fourth."""
    rng = np.random.default_rng(seed)
    places = rng.uniform((80, 100), (400, 540), (4, 2))
    points = places[rng.integers(0, 3, 2 * FIXATIONS)] + rng.normal(0, 25, (2 * FIXATIONS, 2))
    pixels = np.unique(points.astype(int), axis=0)
    pixels = rng.permutation(pixels)[:FIXATIONS]
    fixated = np.zeros(SHAPE, bool)
    fixated[tuple(pixels.T)] = True
    density = gaussian_filter(fixated.astype(float), SIGMA)
    y, x = np.indices(SHAPE)
    saliency = gaussian_filter(rng.random(SHAPE), 8) * 0.5
    for place in places[1:]:
        saliency += np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / (2 * 40**2))
    return Frame(
        (saliency / saliency.max()).astype(np.float32),
        (density / density.max()).astype(np.float32),
        pixels,
    )


def peer(saliency: np.ndarray, density: np.ndarray, fixated: np.ndarray) -> dict[str, float]:
    """The MIT formulas as they are written down, one threshold of AUC-J after the other."""
    noisy = saliency + np.random.default_rng(0).random(saliency.shape) / 1e7
    noisy = (noisy - noisy.min()) / (noisy.max() - noisy.min())
    thresholds = np.sort(noisy[fixated])[::-1]
    n, pixels = thresholds.size, noisy.size
    true, false = np.zeros(n + 2), np.zeros(n + 2)
    for i, threshold in enumerate(thresholds, start=1):
        true[i], false[i] = i / n, (np.sum(noisy >= threshold) - i) / (pixels - n)
    true[-1] = false[-1] = 1
    p, s = (m - m.min() for m in (saliency, density))
    p, s = (m / m.max() for m in (p, s))
    similarity = np.minimum(p / p.sum(), s / s.sum()).sum()
    p, s = saliency / saliency.sum(), density / density.sum()
    return {
        "AUC-J": float(np.trapezoid(true, false)),
        "CC": float(np.corrcoef(saliency.ravel(), density.ravel())[0, 1]),
        "NSS": float(((saliency - saliency.mean()) / saliency.std(ddof=1))[fixated].mean()),
        "SIM": float(similarity),
        "KLDiv": float((s * np.log(EPS + s / (p + EPS))).sum()),
    }


def peer_shuffled(saliency: np.ndarray, fixated: np.ndarray, places: np.ndarray) -> float:
    """AUC_shuffled.m: a permutation and a loop over thresholds for each split."""
    rng = np.random.default_rng(0)
    scaled = (saliency - saliency.min()) / (saliency.max() - saliency.min())
    inside, areas = scaled[fixated], []
    for _ in range(SPLITS):
        outside = scaled.ravel()[rng.permutation(places)[: inside.size]]
        steps = np.arange(0, max(inside.max(), outside.max()) + EPS, 0.1)[::-1]
        true = [0.0, *(np.mean(inside >= step) for step in steps), 1.0]
        false = [0.0, *(np.mean(outside >= step) for step in steps), 1.0]
        areas.append(np.trapezoid(true, false))
    return float(np.mean(areas))


def pysaliency() -> tuple[ModuleType, ModuleType] | None:
    """Return its modules of metrics and areas, if it is installed."""
    try:
        return importlib.import_module("pysaliency.metrics"), importlib.import_module(
            "pysaliency.roc"
        )
    except ImportError:
        return None


def library(
    modules: tuple[ModuleType, ModuleType],
    saliency: np.ndarray,
    density: np.ndarray,
    fixated: np.ndarray,
) -> dict[str, float]:
    """Return the five metrics by pysaliency, whose AUC takes all pixels as negatives."""
    formulas, roc = modules
    y, x = np.nonzero(fixated)
    return {
        "AUC-J": roc.general_rocs_per_positive(saliency[y, x], saliency.ravel()).mean(),
        "CC": formulas.CC(saliency, density),
        "NSS": formulas.NSS(saliency, x, y).mean(),
        "SIM": formulas.SIM(saliency, density),
        "KLDiv": formulas.MIT_KLDiv(saliency, density),
    }


def few() -> dict[str, Work]:
    """Return what computes sAUC, in expectation, and the information gain of a frame."""
    single, rng = frame(0), np.random.default_rng(0)
    places = rng.choice(single.saliency.size, REFERENCE, replace=False)
    score = partial(score_frame, MIT, single, metrics=("sAUC", "IG"), reference=places)
    return {
        "`score_frame` with an engine, float32": partial(score, engine=Engine(SHAPE)),
        "`score_frame`, float64": score,
    }


def five() -> dict[str, Work]:
    """Return what computes the five metrics of a frame, by name."""
    single = frame(0)
    double = single.saliency.astype(float), single.density.astype(float), single.fixated
    score = partial(score_frame, MIT, single, metrics=METRICS)
    rows: dict[str, Work] = {
        "`score_frame` with an engine, float32": partial(score, engine=Engine(SHAPE)),
        "`score_frame`, float64": score,
        "NumPy port of the MIT formulas, float64": partial(peer, *double),
    }
    if modules := pysaliency():
        rows["pysaliency, float64"] = partial(library, modules, *double)
    return rows


def shuffled() -> dict[str, Work]:
    """Return what computes the shuffled AUC of a frame, by name."""
    saliency, fixated = frame(0).saliency, frame(0).fixated
    rng = np.random.default_rng(0)
    places = rng.choice(saliency.size, REFERENCE, replace=False)
    draws = rng.choice(places, (np.count_nonzero(fixated), SPLITS))
    return {
        f"`auc_shuffled`, {SPLITS} splits drawn": partial(
            auc_shuffled, saliency, fixated, places, rng, splits=SPLITS
        ),
        f"`auc_shuffled`, {SPLITS} splits given": partial(
            auc_shuffled, saliency, fixated, places, draws
        ),
        "`auc_shuffled`, expectation": partial(auc_shuffled, saliency, fixated, places),
        f"NumPy port of AUC_shuffled.m, {SPLITS} splits": partial(
            peer_shuffled, saliency, fixated, places
        ),
    }


def fastest(rows: dict[str, Work], rounds: int) -> dict[str, float]:
    """Return the fastest time of each row in milliseconds."""
    found = dict.fromkeys(rows, np.inf)
    for _ in range(rounds):
        for name, work in rows.items():
            for _ in range(IN_A_ROW):
                start = time.thread_time()
                work()
                found[name] = min(found[name], 1e3 * (time.thread_time() - start))
    return found


def resident() -> float:
    """Return the MiB of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(frames: int) -> tuple[float, float]:
    """Return the MiB in use after a tenth of the frames and after all of them."""
    engine, few = Engine(SHAPE), [frame(seed) for seed in range(4)]
    early = 0.0
    for i in range(frames):
        one = few[i % len(few)]
        score_frame(MIT, one, metrics=METRICS, engine=engine)
        auc_shuffled(one.saliency, one.fixated, np.arange(REFERENCE), np.random.default_rng(i))
        if i == frames // 10:
            early = resident()
    return early, resident()


def variants(one: Frame) -> Iterator[Frame]:
    """Yield a frame, and it with a prediction that is peaked, has an offset, or few levels."""
    p = one.saliency
    for changed in (p, p**6, p + 3, np.floor(8 * p)):
        yield replace(one, saliency=changed)


def worst() -> dict[str, float]:
    """Return the engine's largest difference from float64, per metric, over forty frames."""
    engine, names = Engine(SHAPE), (*METRICS, "chi-square", "IG")
    found = dict.fromkeys(names, 0.0)
    for one in (changed for seed in range(10) for changed in variants(frame(seed))):
        exact = score_frame(MIT, one, metrics=names)
        fast = score_frame(MIT, one, metrics=names, engine=engine)
        found = {
            name: max(worst, abs(fast[name].value - exact[name].value))
            for name, worst in found.items()
        }
    return found


def _load() -> str:
    """Say whether something else was running, which makes every row slower."""
    others = os.getloadavg()[0] - 1
    return f"Other work on the machine: load {others:.1f}." if others > 0.2 else ""


def table(taken: dict[str, float]) -> list[str]:
    """Return a Markdown table of times, and of their ratios to the first."""
    first = next(iter(taken.values()))
    rows = [f"| {name} | {value:.2f} | {value / first:.1f} |" for name, value in taken.items()]
    return ["| what | ms | ratio |", "|---|---|---|", *rows, ""]


def report(rounds: int, frames: int) -> str:
    """Measure, and return the Markdown page."""
    scores, others = fastest(five(), rounds), fastest(few(), rounds)
    areas = fastest(shuffled(), rounds)
    early, late = memory(frames)
    errors = ", ".join(f"{name} {value:.0e}" for name, value in worst().items())
    lines = [
        "# Metrics",
        "",
        f"{with_python()}, NumPy {np.__version__}, one thread, processor time",
        f"of the fastest of {rounds} rounds of {IN_A_ROW} in which the rows take turns. {_load()}",
        f"A frame is {SHAPE[1]}x{SHAPE[0]} with {FIXATIONS} fixated pixels.",
        "`python bench/metrics.py`.",
        "",
        "## The five metrics of a frame",
        *table(scores),
        f"Largest difference of the engine from float64: {errors}",
        "(ten frames as they are, with the prediction to the power of 6, plus 3, in 8 levels).",
        "",
        f"## sAUC against {REFERENCE} places, and information gain",
        *table(others),
        "",
        f"## sAUC against {REFERENCE} places",
        *table(areas),
        f"## Memory over {frames:,} frames",
        f"Engine and sAUC: {early:.1f} MiB after {frames // 10:,} frames, {late:.1f} MiB after",
        f"all: {late - early:+.1f} MiB.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, and write bench/results/metrics.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--frames", type=int, default=10_000)
    arguments = parser.parse_args()
    page = report(arguments.rounds, arguments.frames)
    publish("metrics", page)


if __name__ == "__main__":
    main()
