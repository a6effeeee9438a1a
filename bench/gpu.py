"""What the networks do on a GPU: rates, memory, and their share of what the card can do.

One script of at most ten minutes: what is measured is written at once, and what the time does not
suffice for is named as unmeasured. Frames have 640x480 pixels and lie on the card. A rate is by the
clock, over calls without a wait between them; the first ones, with those that compile, do not
count. Weights are random, those of PWC-Net the shipped ones. Run from anywhere:

    python bench/gpu.py [--minutes 8]

With --dry-run, everything is done once, on the CPU, with small networks and frames, and no page is
written: what fails here would have failed on a card that is paid for.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pages import publish, today
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from training import GIB, Way, inputs

from model.sight import see, sight_of
from pipeline.config.config import Config
from pipeline.config.data import PwcnetFlow
from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments
from pipeline.preprocessing.network_flow import load_pwcnet
from pipeline.training.networks import build_network

GOALS = {
    ("GFSalNet, forward", 32): ("frames/s", 1000.0),
    ("GFSalNet, training step", 16): ("ms", 45.0),
    ("PWC-Net, bfloat16", 32): ("pairs/s", 500.0),
}
"""What is aimed at, for a card such as H100 or H200."""
RIVALS = {"UNISAL": "unisal", "TASED-Net": "tased_net"}
"""Name in the table -> network in the registry."""
SECONDS = 4.0
"""For which a row is measured."""
Work = Callable[[], Any]


class Row(NamedTuple):
    """Something to measure."""

    what: str
    batch: int
    unit: str
    compiled: bool
    prepare: Callable[[], Work]
    """Builds what is called then, and once before with its operations counted."""
    each: int
    """Frames or pairs of a call."""


class Found(NamedTuple):
    """What was measured of a row."""

    seconds: float
    """Of a call."""
    gib: float
    """Largest memory of all tensors at one moment."""
    flop: float
    """Of a call, as counted."""


class Place:
    """Where and how large things are: a card, or this CPU for a dry run."""

    def __init__(self, dry: bool) -> None:
        """Everything small if `dry`."""
        self.dry, self.type = dry, "cpu" if dry else "cuda"
        self.cfg: Config = configured("demo" if dry else "paper")
        self.size = (self.cfg.frames.height, self.cfg.frames.width)
        self.seconds = 0.0 if dry else SECONDS
        self.matrix = 64 if dry else 8192

    def batches(self, *wanted: int) -> Sequence[int]:
        """The batches, or a small one in a dry run."""
        return (2,) if self.dry else wanted

    def frames(self, *shape: int) -> Tensor:
        """Random frames [..., height, width] in 0..1."""
        return torch.rand(*shape, *self.size, device=self.type)

    def half(self, enabled: bool = True) -> Any:
        """A context that computes in bfloat16."""
        return torch.autocast(self.type, torch.bfloat16) if enabled else nullcontext()

    def wait(self) -> None:
        """Until the card has done what it was given."""
        if self.type == "cuda":
            torch.cuda.synchronize()

    def peak(self) -> float:
        """GiB of the largest moment since the last call; 0 on a CPU, which does not count them."""
        if self.type == "cpu":
            return 0.0
        found = torch.cuda.max_memory_allocated() / GIB
        torch.cuda.reset_peak_memory_stats()
        return found


def gfsalnet_rows(place: Place) -> Iterator[Row]:
    """Forward and training step, in bfloat16 with folded normalisations, compiled or not."""

    def prepare(method: str, batch: int, compiled: bool) -> Work:
        arguments = network_arguments(place.cfg, "gfsalnet")
        backend = "eager" if place.dry else "inductor"
        way = Way(
            half=True,
            norm="folded",
            where=place.type,
            compiled=compiled,
            arguments=arguments,
            backend=backend,
        )
        given = inputs(batch, place.type, channels_last=True, size=place.size)
        return partial(getattr(way, method), given)

    for compiled in (False, True):
        kinds = {"forward": ("forward", (1, 8, 32)), "training step": ("step", (8, 16))}
        for name, (method, wanted) in kinds.items():
            for batch in place.batches(*wanted):
                build = partial(prepare, method, batch, compiled)
                yield Row(f"GFSalNet, {name}", batch, "frames", compiled, build, batch)


def pwcnet_rows(place: Place) -> Iterator[Row]:
    """Flow of clips, whose frames' features are computed once, as stage flow does."""

    def prepare(batch: int, half: bool) -> Work:
        settings = place.cfg.flow
        assert isinstance(settings, PwcnetFlow)
        network = load_pwcnet(Path(settings.weights), settings.sha256).to(place.type)
        clip = place.frames(batch + 1, 3)

        @torch.inference_mode()
        def work() -> None:
            with place.half(half):
                network.clip_flow(clip)

        return work

    for half, name in ((True, "bfloat16"), (False, "float32")):
        for batch in place.batches(1, 8, 32):
            build = partial(prepare, batch, half)
            yield Row(f"PWC-Net, {name}", batch, "pairs", False, build, batch)


def rival_rows(place: Place) -> Iterator[Row]:
    """Networks of others, as `predict` calls them, in float32 and in bfloat16."""
    for name, network in RIVALS.items():
        model = next(key for key, one in place.cfg.models.items() if one.network == network)
        arguments = network_arguments(place.cfg, model)
        together = 1 if place.dry else sight_of(build_network(arguments)).together

        def prepare(batch: int, half: bool, arguments: Any, count: int) -> Work:
            built: nn.Module = build_network(arguments).to(place.type).eval()
            sight = sight_of(built)
            clip = place.frames(batch, sight.before + count + sight.after, 3)
            flow = place.frames(batch, count, max(1, sight.flows), 2)

            @torch.inference_mode()
            def work() -> None:
                with place.half(half):
                    see(built, clip, flow)

            return work

        for half, kind in ((True, "bfloat16"), (False, "float32")):
            for batch in place.batches(1, 4):
                build = partial(prepare, batch, half, arguments, together)
                yield Row(f"{name}, {kind}", batch, "frames", False, build, batch * together)


def measure(row: Row, place: Place) -> Found:
    """Time a row's calls."""
    place.peak()
    torch.manual_seed(0)
    work = row.prepare()
    flop = 0.0
    if not row.compiled:  # what was compiled hides its operations
        with FlopCounterMode(display=False) as counter:
            work()
        flop = float(counter.get_total_flops())
    for _ in range(1 if place.dry else 3):
        work()
    place.wait()
    start = time.perf_counter()
    work()
    place.wait()
    count = max(1, round(place.seconds / (time.perf_counter() - start)))
    start = time.perf_counter()
    for _ in range(count):
        work()
    place.wait()
    return Found((time.perf_counter() - start) / count, place.peak(), flop)


def matmul_rate(place: Place) -> float:
    """Operations a second of a matrix product in bfloat16."""
    side = place.matrix
    square = torch.rand(side, side, device=place.type, dtype=torch.bfloat16)
    row = Row("matrix", 1, "", False, lambda: lambda: square @ square, 1)
    return 2 * side**3 / measure(row, place).seconds


def line(row: Row, found: Found | None, rate: float, flop: float) -> str:
    """A line of the table; `flop` are those of the same call when it is not compiled."""
    head = f"| {row.what} | {row.batch} | {'yes' if row.compiled else 'no'} | "
    if found is None:
        return head + "unmeasured: time was up | | | | |"
    each = f"{row.each / found.seconds:,.0f} {row.unit}/s"
    share = f"{100 * flop / found.seconds / rate:.0f} %" if flop else "-"
    goal = ""
    if (row.what, row.batch) in GOALS:
        unit, wanted = GOALS[row.what, row.batch]
        value = 1e3 * found.seconds if unit == "ms" else row.each / found.seconds
        reached = value <= wanted if unit == "ms" else value >= wanted
        goal = f"{wanted:,.0f} {unit}: {'reached' if reached else 'missed'}"
    gib = f"{found.gib:.1f}" if found.gib else "-"
    return f"{head}{each} | {1e3 * found.seconds:.1f} | {gib} | {share} | {goal} |"


def page(lines: Sequence[str], rate: float, place: Place) -> str:
    """The Markdown page."""
    name = "this CPU, a dry run" if place.dry else torch.cuda.get_device_name()
    height, width = place.size
    return "\n".join(
        [
            "# On a GPU",
            "",
            f"{today()}, torch {torch.__version__}, {name}. Frames of {width}x{height}.",
            f"It multiplies matrices of {place.matrix}x{place.matrix} in bfloat16 at",
            f"{rate / 1e12:.0f} TFLOP/s; the shares are of this. GFSalNet is the paper's, in",
            "bfloat16 and with folded normalisations. `python bench/gpu.py`.",
            "",
            "| what | batch | compiled | rate | ms a call | peak GiB | share | goal |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
        ]
    )


def run(minutes: float, *, dry: bool = False) -> str:
    """Measure until the time is up, and write bench/results/gpu.md after each row."""
    until, place = time.monotonic() + 60 * minutes, Place(dry)
    rate, lines, counted = matmul_rate(place), list[str](), dict[tuple[str, int], float]()
    rows = [*gfsalnet_rows(place), *pwcnet_rows(place), *rival_rows(place)]
    # What cannot be late comes first: compiling may take a minute a row.
    for row in sorted(rows, key=lambda row: row.compiled):
        late = time.monotonic() > until
        found = None if late else measure(row, place)
        if found and found.flop:
            counted[row.what, row.batch] = found.flop
        lines.append(line(row, found, rate, counted.get((row.what, row.batch), 0.0)))
        print(lines[-1], flush=True)
        if not dry:
            publish("gpu", page(lines, rate, place))
    return page(lines, rate, place)


def main() -> None:
    """Measures and writes bench/results/gpu.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="a row may end later (8)")
    parser.add_argument("--dry-run", action="store_true")
    asked = parser.parse_args()
    if not asked.dry_run and not torch.cuda.is_available():
        parser.error("no GPU here; --dry-run tries everything on the CPU")
    print(run(asked.minutes, dry=asked.dry_run))


if __name__ == "__main__":
    main()
