"""How fast PWC-Net is, beside the obvious way to write it and beside its convolutions alone.

One CPU thread and one pair of 640x480, which the network resizes to 640x512. All rows of a table
take turns, and a row's time is the processor time of its fastest round: of all figures the one that
other work on the machine disturbs least.
bench/gpu.py measures it on a GPU. Run from anywhere:

    python bench/flow_speed.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pages import publish, today
from torch import Tensor, nn
from torch.nn.functional import grid_sample, pad, unfold

from model.flow.correlation import correlation
from model.flow.layers import CHANNELS, FINEST, Convolution
from model.flow.pwcnet import REACH, PWCNet
from pipeline.config.data import PwcnetFlow
from pipeline.planning.load import configured
from pipeline.preprocessing.network_flow import load_pwcnet

ROOT = Path(__file__).resolve().parents[1]
CLIP = 8
"""Pairs of a clip, whose frames' features are computed once, as stage flow does."""
FRAME, FITTED = (480, 640), (512, 640)
Work = Callable[[], Any]


class Plain(PWCNet):
    """The same network in the memory layout that frames come in (NCHW)."""

    def fit(self, frames: Tensor) -> Tensor:
        """Resize as the network does, and keep the layout."""
        return super().fit(frames).contiguous()

    def pyramid(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Compute the levels without going to channels_last."""
        levels = []
        for level in self.features:
            frames = level(frames)
            levels.append(frames)
        return tuple(levels)


def shift_loop(first: Tensor, second: Tensor, reach: int = REACH) -> Tensor:
    """The cost volume, one displacement at a time."""
    height, width = first.shape[2:]
    padded, window = pad(second, (reach,) * 4), range(2 * reach + 1)
    shifted = (padded[:, :, y : y + height, x : x + width] for y in window for x in window)
    return torch.stack([(first * other).mean(dim=1) for other in shifted], dim=1)


def sampled(first: Tensor, second: Tensor, reach: int = REACH) -> Tensor:
    """The cost volume, each displacement sampled by grid_sample."""
    height, width = first.shape[2:]
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    costs = []
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            across = (2 * (columns + x) / (width - 1) - 1).expand(height, width)
            down = (2 * (rows + y) / (height - 1) - 1).expand(height, width)
            grid = torch.stack([across, down], dim=2)[None].expand(len(first), -1, -1, -1)
            costs.append((first * grid_sample(second, grid, align_corners=True)).mean(dim=1))
    return torch.stack(costs, dim=1)


def unfolded(first: Tensor, second: Tensor, reach: int = REACH) -> Tensor:
    """The cost volume with the search windows as a part of memory."""
    batch, channels, height, width = first.shape
    windows = unfold(second, 2 * reach + 1, padding=reach)
    windows = windows.view(batch, channels, -1, height, width)
    return torch.einsum("bchw,bcdhw->bdhw", first, windows) / channels


CORRELATIONS = {
    "`model.flow.correlation`": correlation,
    "loop of shifts": shift_loop,
    "grid_sample, 81 times": sampled,
    "unfold and einsum": unfolded,
}


def seconds(rows: dict[str, Work], rounds: int) -> dict[str, float]:
    """Processor time of each row's fastest round; they take turns, and the first does not count."""
    taken: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds + 1):
        for name, work in rows.items():
            start = time.thread_time()
            work()
            taken[name].append(time.thread_time() - start)
    return {name: min(values[1:]) for name, values in taken.items()}


def features(channels_last: bool) -> list[tuple[Tensor, Tensor]]:
    """Random features of every level that has a cost volume, at the fitted size."""
    form = torch.channels_last if channels_last else torch.contiguous_format
    pairs = []
    for level in range(len(CHANNELS), FINEST - 1, -1):
        shape = (1, CHANNELS[level - 1], FITTED[0] >> level, FITTED[1] >> level)
        first, second = (torch.randn(shape).contiguous(memory_format=form) for _ in range(2))
        pairs.append((first, second))
    return pairs


def correlations(rounds: int) -> list[str]:
    """Rows: way, layout, milliseconds for all levels, times slower than ours in channels_last."""
    rows: dict[str, Work] = {}
    for channels_last in (True, False):
        pairs = features(channels_last)
        layout = "channels_last" if channels_last else "NCHW"
        for name, way in CORRELATIONS.items():
            rows[f"{name} | {layout}"] = partial(all_levels, way, pairs)
    taken = seconds(rows, rounds)
    own = next(iter(taken.values()))
    return [f"| {name} | {1e3 * value:.1f} | {value / own:.1f} |" for name, value in taken.items()]


def all_levels(way: Callable[[Tensor, Tensor], Tensor], pairs: list[tuple[Tensor, Tensor]]) -> None:
    """One cost volume a level."""
    for first, second in pairs:
        way(first, second)


def layers_alone(network: PWCNet, run: Work) -> Work:
    """The convolutions of a run again, with their LeakyReLU, on its inputs, and nothing else."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        calls.append((module, inputs[0].clone(memory_format=torch.preserve_format)))

    fused = {one[0] for one in network.modules() if isinstance(one, Convolution)}
    alone = {one for one in network.modules() if isinstance(one, nn.Conv2d)} - fused
    with ExitStack() as hooks:
        for module in network.modules():
            # What a Convolution calls is part of it.
            if isinstance(module, (Convolution, nn.ConvTranspose2d)) or module in alone:
                handle = module.register_forward_hook(note)
                hooks.callback(handle.remove)
        run()
    return lambda: [module(inputs) for module, inputs in calls]


def in_bfloat16(work: Work) -> None:
    """Do some work under autocast."""
    with torch.autocast("cpu", torch.bfloat16):
        work()


def networks(rounds: int) -> list[str]:
    """Rows: what, milliseconds a pair, times faster than the plain way, share of the conv rate."""
    own, plain = PWCNet().eval(), Plain().eval()
    plain.load_state_dict(own.state_dict())
    first, second = torch.rand(2, 1, 3, *FRAME)
    run = partial(own.quarter_flow, first, second)
    looped = patch("model.flow.pwcnet.correlation", shift_loop)

    def naive() -> None:
        with looped:
            plain.quarter_flow(first, second)

    shipped = shipped_clip()

    def in_two_steps() -> None:
        with patch("model.flow.layers.fuses", lambda _: False):
            shipped()

    half = partial(in_bfloat16, run)
    clip = partial(own.clip_flow, torch.rand(CLIP + 1, 3, *FRAME))
    rows: dict[str, Work] = {
        "NCHW, loop of shifts, float32": naive,
        "float32": run,
        "float32, its convolutions alone": layers_alone(own, run),
        "bfloat16 autocast": half,
        "bfloat16 autocast, its convolutions alone": partial(in_bfloat16, layers_alone(own, half)),
        f"float32, a clip of {CLIP + 1} frames": clip,
        f"bfloat16 autocast, a clip of {CLIP + 1} frames": partial(in_bfloat16, clip),
        f"the same, shipped weights, LeakyReLU apart, a clip of {CLIP + 1} frames": in_two_steps,
        f"the same, shipped weights, a clip of {CLIP + 1} frames": shipped,
    }
    taken = seconds(rows, rounds)
    taken = {name: value / (CLIP if "clip" in name else 1) for name, value in taken.items()}
    slow = taken["NCHW, loop of shifts, float32"]
    lines = []
    for name, value in taken.items():
        alone = taken.get(f"{name}, its convolutions alone")
        share = f"{100 * alone / value:.0f} %" if alone else "-"
        lines.append(f"| {name} | {1e3 * value:.0f} | {slow / value:.2f} | {share} |")
    return lines


def shipped_clip() -> Work:
    """The flow of a clip in bfloat16, with the weights that come with the package."""
    settings = configured("paper").flow
    assert isinstance(settings, PwcnetFlow)
    shipped = load_pwcnet(Path(settings.weights), settings.sha256)
    return partial(in_bfloat16, partial(shipped.clip_flow, torch.rand(CLIP + 1, 3, *FRAME)))


def on_cores(rounds: int) -> list[str]:
    """Rows: threads, milliseconds that pass for a pair of a clip, times faster."""
    clip = shipped_clip()
    taken: dict[int, list[float]] = {threads: [] for threads in (1, os.cpu_count() or 1)}
    for _ in range(rounds + 1):
        for threads, values in taken.items():
            torch.set_num_threads(threads)
            start = time.perf_counter()
            clip()
            values.append(time.perf_counter() - start)
    torch.set_num_threads(1)
    best = {threads: min(values[1:]) / CLIP for threads, values in taken.items()}
    return [
        f"| {threads} | {1e3 * value:.0f} | {best[1] / value:.2f} |"
        for threads, value in best.items()
    ]


def report(rounds: int) -> str:
    """The Markdown page."""
    return "\n".join(
        [
            "# PWC-Net",
            "",
            f"{today()}, torch {torch.__version__}, one thread. Processor time of",
            f"the fastest of {rounds} rounds in turns. One pair of {FRAME[1]}x{FRAME[0]}, resized",
            f"to {FITTED[1]}x{FITTED[0]} and back, with both frames' pyramids and random weights.",
            "`python bench/flow_speed.py`.",
            "",
            "| network | ms a pair | times faster | of its convolutions' rate |",
            "|---|---|---|---|",
            *networks(rounds),
            "",
            "Cost volumes of all five levels, float32:",
            "",
            "| way | layout | ms | times slower |",
            "|---|---|---|---|",
            *correlations(rounds),
            "",
            "Time that passes for a pair of such a clip, shipped weights, bfloat16:",
            "",
            "| threads | ms a pair | times faster |",
            "|---|---|---|",
            *on_cores(rounds),
            "",
        ]
    )


def main() -> None:
    """Measures and writes bench/results/flow_speed.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.inference_mode():
        page = report(rounds)
    publish("flow_speed", page)


if __name__ == "__main__":
    main()
