"""What prediction costs: parameters, GFLOP and frames/s of each network, and flat memory.

Sizes and speed are those of `run: paper`, on frames of 640x480 and on one thread. Memory is that of
a process that predicts a video of 300 and one of 3,000 frames at the size of `run: demo`, by stage
predict. Writes bench/results/streaming.md.

    python bench/streaming.py [--models salgan tased_net ...] [--kept FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pages import publish, today
from torch.utils.flop_counter import FlopCounterMode

from model.sight import see, sight_of
from pipeline.evaluation.predict import predict
from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments, sees_motion
from pipeline.stores.kinds import FLOW, FRAMES
from pipeline.stores.weights import save_weights
from pipeline.stores.writing import write_store
from pipeline.training.networks import build_network, enter

PAPER, DEMO = configured("paper"), configured("demo")
MODELS = tuple(
    model
    for model, entry in PAPER.models.items()
    if entry.start and (entry.recipe or model in ("gfsalnet", "stsconv", "two_stream_spatial"))
)
LENGTHS = (300, 3000)
TIMES = 3
"""Calls of which the fastest counts: others run on the machine too."""


def given(model: str, frames: int, *, device: str = "cpu") -> tuple[Any, Any, Any, Any]:
    """A network of the paper's run, and a clip and flow of so many predicted frames."""
    with torch.device(device):
        network = build_network(network_arguments(PAPER, model)).eval()
        enter(network, "dhf1k")
        sight = sight_of(network)
        size = (PAPER.frames.height, PAPER.frames.width)
        clip = torch.rand(1, sight.before + frames + sight.after, 3, *size)
        flow = torch.rand(1, frames, max(1, sight.flows), 2, *size)
    return network, clip, flow, sight


def gflop(model: str, frames: int) -> float:
    """Multiplications and additions of a frame among so many that are predicted at once, 1e9."""
    try:
        network, clip, flow, _ = given(model, frames, device="meta")
        see(network, clip, flow)
    except RuntimeError:  # it needs values
        network, clip, flow, _ = given(model, frames)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        see(network, clip, flow)
    return counter.get_total_flops() / 1e9 / frames


def frames_per_second(model: str) -> float:
    """Of one thread, by calls of as many frames as prediction gives a network at once."""
    network, clip, flow, sight = given(model, together(model))
    fastest = float("inf")
    with torch.inference_mode():
        for _ in range(TIMES):
            before = time.process_time()
            see(network, clip, flow)
            fastest = min(fastest, time.process_time() - before)
    return (clip.shape[1] - sight.before - sight.after) / fastest


def together(model: str) -> int:
    """Frames to time at once: one of a network whose frames share nothing."""
    sight = sight_of(build_on_meta(model))
    return sight.together if sight.before or sight.after else 1


def build_on_meta(model: str) -> torch.nn.Module:
    """A network without values."""
    with torch.device("meta"):
        return build_network(network_arguments(PAPER, model))


def draw(folder: Path, count: int) -> tuple[Path, Path]:
    """Manifests of a drawn video's frames and flow, at the size of the demo."""
    height, width = DEMO.frames.height, DEMO.frames.width
    random = np.random.default_rng(0)
    made = []
    for kind, shape, dtype in (
        (FRAMES, (height, width, 3), np.uint8),
        (FLOW, (2, height // 4, width // 4), np.float16),
    ):
        manifest = folder / f"{kind.name}.json"
        few = [(random.random(shape) * 50).astype(dtype)[None] for _ in range(10)]
        with write_store(kind, manifest.with_suffix(".zarr"), manifest, {}) as writer:
            writer.add("a", (few[i % 10] for i in range(count)))
        made.append(manifest)
    return made[0], made[1]


def predicted(model: str, count: int) -> None:
    """Predicts a drawn video and prints this process's peak memory, KiB; a process of its own."""
    torch.set_num_threads(1)
    arguments = network_arguments(DEMO, model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames, flow = draw(folder, count)
        weights = folder / "weights.safetensors"
        save_weights(weights, build_network(arguments), {})
        predict(
            network=arguments,
            weights=[weights],
            dataset="dhf1k",
            frames=[frames],
            flow=[flow] if sees_motion(DEMO, model) else [],
            frame_list=[],
            threads=1,
            store=folder / "maps.zarr",
            manifest=folder / "maps.json",
        )
    # Not ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def measured(model: str) -> dict[str, float]:
    """Everything about a model."""
    found: dict[str, float] = {
        "parameters": sum(one.numel() for one in build_on_meta(model).parameters()),
        "gflop": gflop(model, 1),
        "gflop_shared": gflop(model, together(model)),
        "frames_per_second": frames_per_second(model),
    }
    for count in LENGTHS:
        line = [sys.executable, __file__, "--predict", model, str(count)]
        done = subprocess.run(line, check=True, capture_output=True, text=True)
        found[f"MiB_{count}"] = int(done.stdout.split()[-1]) / 1024
    return found


def page(kept: dict[str, dict[str, float]]) -> str:
    """Everything that was measured, as Markdown."""
    short, long = (f"MiB_{count}" for count in LENGTHS)
    rows = []
    for model, one in kept.items():
        shared = (
            "" if one["gflop"] - one["gflop_shared"] < 0.05 else f" ({one['gflop_shared']:.1f})"
        )
        rows.append(
            f"| {model} | {one['parameters']:,.0f} | {one['gflop']:.1f}{shared} | "
            f"{one['frames_per_second']:.2f} | {one[short]:.0f} | {one[long]:.0f} | "
            f"{100 * (one[long] / one[short] - 1):+.1f} % |"
        )
    worst = max(one[long] / one[short] for one in kept.values())
    lines = [
        "# Prediction of videos",
        "",
        f"{today()}. The networks of `run: paper` on frames of 640x480, one thread, float32; in",
        "brackets GFLOP a frame where those that are predicted at once share what they",
        "see; frames/s of CPU time. Peak memory of a process that predicts a drawn video at the",
        f"sizes of `run: demo`, of {LENGTHS[0]} and of {LENGTHS[1]:,} frames; the largest ratio",
        f"is {worst:.3f}. `python bench/streaming.py`.",
        "",
        f"| model | parameters | GFLOP | frames/s | MiB, {LENGTHS[0]} | MiB, {LENGTHS[1]:,} | |",
        "|---|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes bench/results/streaming.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--models", nargs="*", default=MODELS)
    parser.add_argument("--kept", type=Path, help="a file to keep figures in, and to go on from")
    parser.add_argument("--predict", nargs=2, metavar=("MODEL", "FRAMES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.predict:
        predicted(options.predict[0], int(options.predict[1]))
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    path = options.kept
    kept = json.loads(path.read_text()) if path and path.is_file() else {}
    for model in options.models:
        if model not in kept:
            kept[model] = measured(model)
            print(model, kept[model], flush=True)
            if path:
                path.write_text(json.dumps(kept))
    publish("streaming", page(kept))


if __name__ == "__main__":
    main()
