"""Does every variant learn four frames by heart, whatever its random start?

Four drawn frames with a blob of density each at another place; the training engine, Adam, the loss
of Eq. (6). A variant passes if its KL falls below 0.05. Writes bench/results/overfit.md.

    python bench/overfit.py [--seeds 10] [--iterations 120]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from pipeline.config.training import Loss, Training
from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.writing import write_store
from pipeline.training.networks import build_network
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from pipeline.training.trainer import Run

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH, COUNT = 64, 96, 4
LIMIT = 0.05
LOSS = Loss(alpha=1.0, beta=0.1, eps=1e-7)
KINDS = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}


class Outcome(NamedTuple):
    """Of one training."""

    kl: float
    """Lowest mean of ten iterations in a row."""
    zeros: float
    """Share of dead pixels in the last ten."""
    reached: int | None
    """First iteration whose KL is below the limit."""


def frames_by_heart(folder: Path) -> TrainingSamples:
    """Four frames of noise, flow of noise, and gaze within a blob."""
    drawn = np.random.default_rng(0)
    centres = np.array([[20, 16], [70, 20], [30, 48], [76, 44]])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    density = np.stack(
        [np.exp(-((x - right) ** 2 + (y - down) ** 2) / 128) for right, down in centres]
    )
    points = [
        [frame, *np.clip(drawn.normal(centre, 8), 1, [WIDTH - 2, HEIGHT - 2]), observer]
        for frame, centre in enumerate(centres)
        for observer in range(40)
    ]
    arrays = {
        "frames": drawn.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3)),
        "flow": drawn.normal(0, 3, (COUNT, 2, HEIGHT // 4, WIDTH // 4)),
        "gaze": np.array(points),
        "density": density,
    }
    for name, kind in KINDS.items():
        with write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {}) as writer:
            facts = {"frames": COUNT} if name == "gaze" else {}
            writer.add("a", [arrays[name].astype(kind.dtype)], **facts)
    return TrainingSamples(*([folder / f"{name}.json"] for name in KINDS))


def settings(iterations: int) -> Training:
    """The demo's pretraining, but with all four frames in every batch and a rate of its own."""
    changes = {"batch": COUNT, "epochs": float(iterations), "learning_rate": 2e-3, "gamma": 0.2}
    changes |= {"step": max(1, iterations // 2), "checkpoint": 10**9}  # no checkpoint on the way
    return configured("demo").pretraining.model_copy(update=changes)


def learn(model: str, seed: int, samples: TrainingSamples, iterations: int) -> Outcome:
    """Trains a variant of the demo's network from a random start."""
    torch.manual_seed(seed)
    network = build_network(network_arguments(configured("demo"), model))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(settings(iterations), LOSS, seed, 1, {}, "bench", Path(folder), None)
        rows = np.array([row[:5] for row in train(network, samples, run)], float)
    kl = np.convolve(rows[:, 2], np.full(10, 0.1), "valid")
    below = np.flatnonzero(rows[:, 2] < LIMIT)
    reached = int(below[0]) + 1 if len(below) else None
    return Outcome(float(kl.min()), float(rows[-10:, 4].mean()), reached)


def main() -> None:
    """Measures and writes bench/results/overfit.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=120)
    given = parser.parse_args()
    models = [m for m, entry in configured("demo").models.items() if entry.network == "gfsalnet"]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        samples = frames_by_heart(Path(folder))
        for model in models:
            found = [learn(model, s, samples, given.iterations) for s in range(given.seeds)]
            reached = [one.reached for one in found if one.reached]
            lines.append(
                f"| {model} | {len(reached)} of {len(found)} | {max(reached, default=0)} "
                f"| {max(one.kl for one in found):.3f} | {100 * max(o.zeros for o in found):.1f} |"
            )
            print(lines[-1], flush=True)
    head = [
        "# Four frames by heart",
        "",
        f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}. The demo's",
        f"network at {WIDTH}x{HEIGHT}, {given.iterations} iterations, {given.seeds} random starts.",
        "Where the densities are zero (float16), so may the maps be.",
        "`python bench/overfit.py`.",
        "",
        f"| variant | KL below {LIMIT} | after iterations, at most | highest of the lowest KL "
        "| zeros, %, at most |",
        "|---|---|---|---|---|",
    ]
    (ROOT / "bench/results/overfit.md").write_text("\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    main()
