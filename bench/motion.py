"""What motion is worth, where it can be known: drawn scenes whose rule of attention is ours.

Scenes as in the demo (`pipeline/demo`), with other seeds: dull objects that look alike, of
which two move for a while each, and bright ones that stand still. Observers follow what moves and
otherwise look at a bright one. Three benchmarks: `motion`, the frames while something moves;
`still`, scenes in which nothing moves; `mixture`, every frame. Each network is trained and tested
on each, by the training engine of the workflow, and all start from the same appearance stream,
trained on still scenes.

The predecessor's networks (`--family two_stream`) are asked the same, with its Euclidean loss; that
table goes to bench/results/motion_two_stream.md.

    python bench/motion.py [--family gfsalnet] [--seeds 3] [--clips 24] [--iterations 240]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pages import publish, today
from torch import nn

from pipeline.config.data import DisFlow, GaussianDensity
from pipeline.config.training import Loss, Training
from pipeline.datasets.records import Clip
from pipeline.demo.looks import Event, Habits, look
from pipeline.demo.scene import Scene, draw_scene, pictures
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.protocols import MIT
from pipeline.planning.load import configured
from pipeline.planning.needs import all_trainings, network_arguments, pretraining_name
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.fixations import pixels_by_frame
from pipeline.preprocessing.flow_estimators import Estimator, build_estimator
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.writing import write_store
from pipeline.training.networks import build_network
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples, on_device
from pipeline.training.trainer import Run

ROOT = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT, LENGTH, RATE = 128, 96, 24, 25.0
OBSERVERS = 5
THREADS = 1
SIGMA = 5.0
CFG = configured("demo")


class Family(NamedTuple):
    """Networks that are compared."""

    models: tuple[str, ...]
    """The first one's pretraining starts all."""
    network: dict[str, Any]
    """What differs from the demo's network."""
    training: dict[str, Any]
    """What differs from the demo's pretraining of the first one."""


FAMILIES = {
    "gfsalnet": Family(
        models=("spatial", "temporal", "gfsalnet", "without_gated_fusion"),
        network={},
        training={"learning_rate": 1e-3, "batch": 8},
    ),
    "two_stream": Family(
        models=("two_stream_spatial", "two_stream_temporal", "late_fusion", "early_fusion"),
        network={"width": 0.25},
        training={"learning_rate": 5e-3, "batch": 4, "precision": "bfloat16"},
    ),
}
BENCHMARKS = ("motion", "still", "mixture")
KINDS = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}
LOSS = Loss(alpha=1.0, beta=0.1, eps=1e-7)
FIRST_TEST = 10_000
"""Seeds of test scenes; training scenes count from 0, those of the pretraining from 5,000."""


class Drawn(NamedTuple):
    """A clip of a benchmark."""

    frames: NDArray[np.uint8]
    gaze: NDArray[np.float32]
    scene: Scene


def gaze_of(scene: Scene, seed: int, wanted: set[int]) -> NDArray[np.float32]:
    """[n, (frame, x, y, observer)] fixations within the wanted frames."""
    times = np.arange(0, LENGTH / RATE, 1 / (4 * RATE))
    rows = []
    for observer in range(OBSERVERS):
        seen = look(scene, observer, times, seed, Habits())
        good = seen.event == Event.FIXATION
        frame = np.floor(seen.time[good] * RATE)
        rows.append(np.stack([frame, seen.x[good], seen.y[good], np.full(good.sum(), observer)], 1))
    points = np.concatenate(rows).astype(np.float32)
    inside = (points[:, 0] < LENGTH) & np.isin(points[:, 0], list(wanted))
    return points[inside]


def draw(benchmark: str, seed: int) -> Drawn:
    """A clip; in `motion` only frames while something has been moving for a while count."""
    clip = Clip(f"{seed:05d}", LENGTH, WIDTH, HEIGHT, RATE)
    scene = draw_scene(clip, seed, motion=benchmark != "still")
    wanted = set(range(LENGTH))
    if benchmark == "motion":
        times = (np.arange(LENGTH, dtype=np.float64) + 0.5) / RATE
        moving = (scene.moving(times) >= 0) & (scene.moving(times - 0.1) >= 0)
        wanted = set(np.flatnonzero(moving).tolist())
    return Drawn(np.stack(list(pictures(scene))), gaze_of(scene, seed, wanted), scene)


def write(folder: Path, benchmark: str, seeds: range) -> TrainingSamples:
    """The stores of some clips."""
    folder.mkdir(parents=True)
    estimate = build_estimator(DisFlow(estimator="dis", preset="medium", cut=None), threads=1)
    recipe = GaussianDensity(recipe="gaussian", sigma=SIGMA, repeats="each")
    clips = {f"{seed:05d}": draw(benchmark, seed) for seed in seeds}
    for name, kind in KINDS.items():
        with write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {}) as writer:
            for clip, drawn in clips.items():
                facts = {"frames": LENGTH} if name == "gaze" else {}
                writer.add(clip, [_content(name, drawn, estimate, recipe)], **facts)
    return TrainingSamples(*([folder / f"{name}.json"] for name in KINDS))


def _content(name: str, drawn: Drawn, estimate: Estimator, recipe: GaussianDensity) -> NDArray[Any]:
    if name == "frames":
        return drawn.frames
    if name == "gaze":
        return drawn.gaze
    if name == "flow":
        flow = estimate(drawn.frames)
        return np.concatenate([flow, flow[-1:]]).astype(np.float16)
    pixels = pixels_by_frame(drawn.gaze, LENGTH)
    size = (HEIGHT, WIDTH)
    maps = [density_map(p, size, recipe) if len(p) else np.zeros(size) for p in pixels]
    return np.stack(maps).astype(np.float16)


def settings(iterations: int, family: str) -> Training:
    """So many iterations."""
    chosen = FAMILIES[family]
    recipe = all_trainings(CFG)[pretraining_name(CFG, chosen.models[0])]
    count = {"epochs": None, "iterations": iterations, "step": max(1, iterations // 2)}
    changes = {"datasets": ("drawn",), "gamma": 0.2, "checkpoint": 10**9}
    return Training.model_validate(recipe.model_dump() | count | changes | chosen.training)


def network(family: str, model: str) -> dict[str, Any]:
    """Arguments of a model's network here."""
    return network_arguments(CFG, model) | FAMILIES[family].network


def trained(
    net: nn.Module, samples: TrainingSamples, plan: Training, seed: int, folder: Path
) -> nn.Module:
    """Trains in place."""
    train(net, samples, Run(plan, LOSS, seed, THREADS, {}, "bench", folder / "checkpoints", None))
    return net.eval()


@torch.inference_mode()
def measure(net: nn.Module, samples: TrainingSamples) -> tuple[float, list[float]]:
    """Mean NSS over the frames, and the gate of motion where things move and elsewhere."""
    scores, moving, resting = [], [], []
    for place in range(len(samples)):
        sample = on_device(samples.batch([place]), torch.device("cpu"))
        maps = net(sample.frame, sample.flow)
        pixels = np.argwhere(sample.fixated[0, 0].numpy() > 0)
        frame = Frame(maps.saliency[0, 0].numpy(), sample.density[0, 0].numpy(), pixels)
        scores.append(score_frame(MIT, frame, metrics=["NSS"])["NSS"].value)
        if maps.gate_motion is not None:
            moves = sample.flow[0].norm(dim=0) > 0.5
            gate = maps.gate_motion[0, 0]
            moving += gate[moves].tolist()
            resting += gate[~moves].tolist()
    gates = [float(np.mean(values)) for values in (moving, resting) if values]
    return float(np.nanmean(scores)), gates


def run(family: str, seed: int, clips: int, plan: Training, folder: Path) -> list[dict[str, Any]]:
    """Everything once."""
    models = FAMILIES[family].models
    stills = write(folder / "pretraining", "still", range(5000, 5000 + clips))
    torch.manual_seed(seed)
    start = build_network(network(family, models[0]) | {"streams": "appearance"})
    trained(start, stills, plan, seed, folder)
    found = []
    for benchmark in BENCHMARKS:
        samples = write(folder / benchmark / "train", benchmark, range(clips))
        test = range(FIRST_TEST, FIRST_TEST + clips // 2)
        held_out = write(folder / benchmark / "test", benchmark, test)
        for model in models:
            torch.manual_seed(seed)
            net = build_network(network(family, model))
            net.load_stream(start.state_dict())  # type: ignore[operator]
            _, before = measure(net.eval(), held_out) if model == "gfsalnet" else (0, [])
            nss, gates = measure(trained(net, samples, plan, seed, folder), held_out)
            row = {"seed": seed, "benchmark": benchmark, "model": model, "nss": nss}
            found.append({**row, "before": before, "gates": gates})
            print(found[-1], flush=True)
    return found


def report(found: list[dict[str, Any]], models: Sequence[str], head: str) -> str:
    """The Markdown page."""
    lines = ["# The worth of motion on drawn scenes", "", head, ""]
    lines += ["NSS on held-out scenes, mean over seeds (each seed):", ""]
    lines += [f"| network | {' | '.join(BENCHMARKS)} |", "|---|" + "---|" * len(BENCHMARKS)]
    for model in models:
        cells = []
        for benchmark in BENCHMARKS:
            rows = [r for r in found if (r["model"], r["benchmark"]) == (model, benchmark)]
            each = ", ".join(f"{row['nss']:.2f}" for row in rows)
            cells.append(f"{np.mean([row['nss'] for row in rows]):.2f} ({each})")
        lines.append(f"| {model} | {' | '.join(cells)} |")
    if "gfsalnet" not in models:
        return "\n".join(lines) + "\n"
    lines += ["", "Gate of motion G_T of gfsalnet, mean over pixels that move / that rest:", ""]
    lines += ["| benchmark | seed | before training | after |", "|---|---|---|---|"]
    for row in found:
        if row["model"] == "gfsalnet":
            before, after = (" / ".join(f"{g:.3f}" for g in row[k]) for k in ("before", "gates"))
            lines.append(f"| {row['benchmark']} | {row['seed']} | {before} | {after} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes bench/results/motion.md or motion_two_stream.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name, value in (("seeds", 3), ("clips", 24), ("iterations", 240)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--family", choices=FAMILIES, default="gfsalnet")
    given = parser.parse_args()
    plan = settings(given.iterations, given.family)
    torch.set_num_threads(THREADS)
    found: list[dict[str, Any]] = []
    start = time.process_time()
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            found += run(given.family, seed, given.clips, plan, Path(folder))
    head = (
        f"{today()}. "
        f"{given.clips} training clips and {given.clips // 2} test clips of {LENGTH} frames at "
        f"{WIDTH}x{HEIGHT}, {given.iterations} iterations of {plan.batch} frames, {given.seeds} "
        f"seeds, {time.process_time() - start:.0f} CPU seconds. "
        f"`python bench/motion.py --family {given.family}`."
    )
    page = report(found, FAMILIES[given.family].models, head)
    name = "motion" if given.family == "gfsalnet" else f"motion_{given.family}"
    publish(name, page)


if __name__ == "__main__":
    main()
