"""What a film costs: frames/s from H.264 of 720p to an overlay of it, the share of each stage.

A drawn film is decoded, seen by a network, drawn over and encoded by `pipeline.viewing.run`, as
`gfsalnet predict` does. Seconds of each stage are of CPU time, those of the run of a clock. Memory
is the peak of a process that works on the film, and of one on the same film ten times over. Writes
bench/results/viewing.md.

    python bench/viewing.py [--weights FILE] [--seconds 10] [--runs unisal,torch,fast ...]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import imageio_ffmpeg
import torch
from pages import publish, today
from torch import nn

from pipeline.planning.load import configured
from pipeline.planning.needs import flow_name, flows, network_arguments
from pipeline.training.networks import build_network
from pipeline.viewing import run, watch
from pipeline.viewing.media.film import open_film
from pipeline.viewing.network.flows import Flows
from pipeline.viewing.network.load import known_names, load
from pipeline.viewing.network.model import Model
from pipeline.viewing.products import overlay

SIZE, RATE = (1280, 720), 30
SHOWN = ("decode", "flow", "network", "draw", "encode", "other")
PACE = 6
"""Frames per second that the fast setting shows to a network."""
STAGES = ("decode", "flow", "draw", "encode", "other")
"""Whose CPU time is measured; the network's, which has threads of its own, is what is left."""
SLOW = 16
"""Frames of the film that are seen by a network that takes about a second for one."""


class Case(NamedTuple):
    """A model, what computes it, and how many frames it sees."""

    model: str
    runtime: Literal["torch", "onnx"]
    pace: str
    """`all`: every frame; `fast`: `PACE` a second."""


CASES = (
    Case("unisal", "torch", "fast"),
    Case("unisal", "torch", "all"),
    Case("unisal", "onnx", "fast"),
    Case("unisal", "onnx", "all"),
    Case("spectral_residual", "torch", "fast"),
    Case("spectral_residual", "torch", "all"),
    Case("gfsalnet", "torch", "fast"),
)
OURS = ("gfsalnet-light", "gfsalnet-tiny")
"""Models whose weights come with the package, once they are there."""


def usual() -> list[Case]:
    """What is measured where nothing is asked for."""
    ours = [name for name in OURS if name in known_names()]
    runtimes: tuple[Literal["torch", "onnx"], ...] = ("torch", "onnx")
    paces = product(ours, runtimes, ("fast", "all"))
    return [*CASES, *(Case(name, runtime, pace) for name, runtime, pace in paces)]


class Clock:
    """Seconds of CPU time by stage, without those of stages that are called within it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._local = threading.local()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count the block."""
        inner, self._local.inner = getattr(self._local, "inner", 0.0), 0.0
        began = time.thread_time()
        try:
            yield
        finally:
            passed = time.thread_time() - began
            self.seconds[stage] += passed - self._local.inner
            self._local.inner = inner + passed

    def wrap(self, owner: Any, name: str, stage: str) -> None:
        """Count every call of a function or a method."""
        function: Callable[..., Any] = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            with self(stage):
                return function(*args, **kwargs)

        setattr(owner, name, counted)


def drawn(path: Path, seconds: float) -> None:
    """Write a film of coloured things that move, with noise, about 4 Mbit/s."""
    what = f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate={RATE}:duration={seconds},noise=alls=6:allf=t"
    options = ["-c:v", "libx264", "-crf", "22", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    line = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", what, *options]
    subprocess.run([*line, "-threads", "1", str(path)], check=True)


def repeated(path: Path, times: int, out: Path) -> None:
    """Write a film so many times over."""
    line = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", str(times - 1)]
    subprocess.run([*line, "-i", str(path), "-c", "copy", str(out)], check=True)


def loaded(case: Case, weights: Path | None, threads: int) -> Any:
    """The model of a case; GFSalNet with random weights, which take as long as any."""
    if case.model != "gfsalnet":
        given = weights if case.model == "unisal" else None
        return load(case.model, weights=given, runtime=case.runtime, threads=threads)
    cfg = configured("paper")
    network: nn.Module = build_network(network_arguments(cfg, "gfsalnet")).eval()
    torch.set_num_threads(threads)
    return Model(
        "gfsalnet",
        "random weights",
        network,
        flow=flows(cfg)[flow_name(cfg, "gfsalnet")],
        trained=(cfg.frames.height, cfg.frames.width),
    )


def measured(case: Case, source: Path, weights: Path | None, threads: int) -> dict[str, float]:
    """Frames/s, seconds of each stage and MiB of a run in this process."""
    slow = case.model == "gfsalnet"
    film = open_film(source, end=SLOW / RATE if slow else None)
    every = 1 if case.pace == "all" else round(RATE / PACE)
    model = loaded(case, weights, threads)
    # A file for ONNX Runtime is exported for the first film of a shape, and kept.
    model.at(film.height, film.width, film.timing.mean_rate / every, still=False)
    clock = Clock()
    clock.wrap(watch.Reader, "take", "decode")
    clock.wrap(overlay, "overlay", "draw")
    clock.wrap(overlay, "write_part", "encode")
    clock.wrap(Flows, "_of", "flow")
    clock.wrap(watch.Cuts, "add", "other")
    clock.wrap(watch, "_between", "other")
    clock.wrap(watch.Carried, "save", "other")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out.mp4"
        made = overlay.Overlay(film, out)
        own, began = time.process_time(), time.perf_counter()
        run.view(film, model, [made], folder=Path(name) / "parts", every=every, progress=False)
        passed, own = time.perf_counter() - began, time.process_time() - own
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    clock.seconds["decode"] += children.ru_utime + children.ru_stime
    # Not ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    own += children.ru_utime + children.ru_stime
    return {
        "frames": len(film),
        "seconds": passed,
        "cpu": own,
        "MiB": int(peak) / 1024,
        **clock.seconds,
        "network": own - sum(clock.seconds.values()),
    }


def apart(case: Case, source: Path, given: argparse.Namespace) -> dict[str, float] | None:
    """The same in a process of its own; None where it cannot be had."""
    line = [sys.executable, __file__, "--runs", ",".join(case), "--measure", str(source)]
    line += ["--threads", str(given.threads)]
    line += ["--weights", str(given.weights)] if given.weights else []
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        print(case, done.stderr.strip().splitlines()[-1][:300], flush=True)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(*case, found, flush=True)
    return found


def row(case: Case, one: dict[str, float]) -> str:
    """A line of the table."""
    shares = [one[stage] / one["cpu"] for stage in SHOWN]
    cells = " | ".join(f"{100 * share:.0f} %" if share else "" for share in shares)
    every = "every frame" if case.pace == "all" else f"{PACE} a second"
    return (
        f"| {case.model} | {case.runtime} | {every} | {one['frames'] / one['seconds']:.1f} | "
        f"{1000 * one['cpu'] / one['frames']:.1f} | {cells} |"
    )


def page(rows: list[str], memory: list[dict[str, float]], seconds: float, threads: int) -> str:
    """Everything that was measured, as Markdown."""
    short, long = memory
    lines = [
        "# A film from end to end",
        "",
        f"{today()}. A drawn film of {SIZE[0]}x{SIZE[1]}, {RATE} frames/s and {seconds:g} s, H.264",
        "in and out, becomes an overlay: decoding (once for the network, once to draw on), maps,",
        f"drawing, encoding. Of gfsalnet, whose weights are random, {SLOW} frames. One thread",
        f"decodes and computes maps, the network on {threads}; another draws and encodes. Shares",
        "are of CPU time; other are cuts, maps between key frames, and what a stopped run needs to",
        "go on. The model is fitted to the film's shape, and exported, before the clock starts.",
        "`python bench/viewing.py`.",
        "",
        "| model | backend | sees | frames/s | CPU ms a frame | " + " | ".join(SHOWN) + " |",
        "|---|---|---|---|---|" + "---|" * len(SHOWN),
        *rows,
        "",
        f"Peak memory of the process, unisal, {PACE} frames a second: {short['MiB']:.0f} MiB for",
        f"{short['frames']:,.0f} frames, {long['MiB']:.0f} MiB for {long['frames']:,.0f} "
        f"({100 * (long['MiB'] / short['MiB'] - 1):+.1f} %).",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measures and writes bench/results/viewing.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--weights", type=Path, help="UNISAL's, instead of those of the cache")
    parser.add_argument("--seconds", type=float, default=10, help="length of the film")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the network")
    parser.add_argument("--times", type=int, default=10, help="length of the longer film, films")
    parser.add_argument("--runs", nargs="*", default=[",".join(case) for case in usual()])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = [Case(*text.split(",")) for text in options.runs]
    if options.measure:
        print(json.dumps(measured(cases[0], options.measure, options.weights, options.threads)))
        return
    with tempfile.TemporaryDirectory() as name:
        film, long = Path(name) / "film.mp4", Path(name) / "long.mp4"
        drawn(film, options.seconds)
        repeated(film, options.times, long)
        found = {case: apart(case, film, options) for case in cases}
        rows = [row(case, one) for case, one in found.items() if one]
        memory = [apart(CASES[0], one, options) for one in (film, long)]
    if all(memory):
        publish(
            "viewing", page(rows, [one for one in memory if one], options.seconds, options.threads)
        )


if __name__ == "__main__":
    main()
