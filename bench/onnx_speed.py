"""A frame's time on one thread in torch and in ONNX Runtime, beside what the processor can do.

    python bench/onnx_speed.py unisal [model.safetensors ...]

The convolution rate is that of a 3x3 convolution of 256 channels on 56x96 pixels, in torch. Writes
bench/results/onnx_speed.md; run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from pages import publish, today
from torch.utils.flop_counter import FlopCounterMode

from model.sight import see
from pipeline.viewing.network.load import load
from pipeline.viewing.network.onnx_export import export
from pipeline.viewing.network.onnx_runtime import OnnxNetwork

TIMES = 10
"""Calls of which the fastest counts."""


def fastest(call: Callable[[], object]) -> float:
    """Seconds of a call."""
    taken = []
    for _ in range(TIMES):
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return min(taken)


def rate() -> float:
    """GFLOP/s of a convolution."""
    layer, picture = torch.nn.Conv2d(256, 256, 3, padding=1), torch.rand(1, 256, 56, 96)
    return 2 * 9 * 256 * 256 * 56 * 96 / 1e9 / fastest(lambda: layer(picture))


def row(name: str, possible: float) -> str:
    """What a model takes in both, and the shares of the convolution rate."""
    model = load(name, device="cpu")
    fitted = model.at(720, 1280, 25.0, False)
    clip = torch.rand(1, 1, 3, *fitted.size)
    flow = torch.rand(1, 1, 1, 2, *fitted.size)
    with FlopCounterMode(display=False) as counter:
        see(fitted.network, clip, flow)
        work = counter.get_total_flops() / 1e9
    with TemporaryDirectory() as folder:
        apart = export(model, Path(folder, "a.onnx"), *fitted.size)
        exported = OnnxNetwork(Path(folder, "a.onnx"), 1)
        ours = fastest(partial(see, fitted.network, clip, flow))
        theirs = fastest(partial(see, exported, clip, flow))
    size = f"{fitted.size[1]}x{fitted.size[0]}"
    shares = (f"{1000 * t:.1f} ms ({work / t / possible:.0%})" for t in (ours, theirs))
    cells = [model.name, size, f"{work:.2f}", *shares, f"{ours / theirs:.2f}", f"{apart:.0e}"]
    return f"| {' | '.join(cells)} |"


@torch.inference_mode()
def main() -> None:
    """Measures and writes the page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("models", nargs="*", default=["unisal"])
    torch.set_num_threads(1)
    possible = rate()
    lines = [
        "# Networks as ONNX",
        "",
        f"{today()}, one thread, float32, a frame at a time. Convolution rate: {possible:.0f}",
        "GFLOP/s; in brackets the share of it. `python bench/onnx_speed.py`.",
        "",
        "| model | frames | GFLOP | torch | ONNX Runtime | times as fast | difference |",
        "|---|---|---|---|---|---|---|",
        *(row(name, possible) for name in parser.parse_args().models),
    ]
    publish("onnx_speed", "\n".join(lines))


if __name__ == "__main__":
    main()
