"""How much faster TASED-Net slides over a clip than it sees each window by itself.

One CPU thread, float32, random weights at the authors' width. The ways of a table take turns, and a
way's time is the processor time of its fastest round: of all figures the one that other work on the
machine disturbs least. Every map is compared with that of its window alone. Run from anywhere:

    python bench/sliding_window.py [--rounds 2] [--windows 8 16 32]

Writes bench/results/sliding_window.md.
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from pages import publish, today
from torch import Tensor, nn

from model.rivals.tased_net import WINDOW, TASEDCore

SIZES = ((96, 128), (224, 384))
"""Height and width: the demo's and the authors'."""


def seconds(
    ways: Mapping[int, Callable[[], Tensor]], rounds: int
) -> tuple[dict[int, float], dict[int, Tensor]]:
    """Processor time of each way's fastest round, and what it returned."""
    taken: dict[int, list[float]] = {name: [] for name in ways}
    found = {}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.thread_time()
            found[name] = way()
            taken[name].append(time.thread_time() - start)
    return {name: min(values) for name, values in taken.items()}, found


def rows(size: tuple[int, int], counts: list[int], rounds: int) -> list[str]:
    """Rows of a size: windows at once, milliseconds a map, times faster, largest difference."""
    torch.manual_seed(0)
    core = TASEDCore(width=1.0).eval()
    for layer in core.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(layer.weight)  # else random maps are constant
    clip = 2 * torch.rand(1, WINDOW - 1 + max(counts), 3, *size) - 1
    alone = [core(clip[:, n : n + WINDOW]) for n in range(max(counts))]
    ways = {0: partial(core, clip[:, :WINDOW])}
    ways |= {count: partial(core, clip[:, : WINDOW - 1 + count]) for count in counts}
    taken, found = seconds(ways, rounds)
    lines = [f"| {size[1]}x{size[0]} | one by one | {1e3 * taken[0]:.0f} | 1.00 | - |"]
    for count in counts:
        difference = (found[count] - torch.cat(alone[:count], dim=1)).abs().max().item()
        each = taken[count] / count
        figures = f"{1e3 * each:.0f} | {taken[0] / each:.2f} | {difference:.1g}"
        lines.append(f"| {size[1]}x{size[0]} | {count} | {figures} |")
    return lines


def main() -> None:
    """Measures and writes bench/results/sliding_window.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--windows", type=int, nargs="*", default=[8, 16, 32])
    given = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        lines = [line for size in SIZES for line in rows(size, given.windows, given.rounds)]
    page = [
        "# TASED-Net's sliding window",
        "",
        f"{today()}, torch {torch.__version__}, one thread. Processor time of",
        f"the fastest of {given.rounds} rounds in turns; 21,260,693 parameters, random weights.",
        "Differences are of maps in 0..1 from those of each window alone.",
        "`python bench/sliding_window.py`.",
        "",
        "| frames | windows at once | ms a map | times faster | largest difference |",
        "|---|---|---|---|---|",
        *lines,
    ]
    publish("sliding_window", "\n".join(page))


if __name__ == "__main__":
    main()
