"""The models that the product can run, by name, and what each of them takes.

What is shipped, what anyone may fetch and what needs no weights is loaded as `gfsalnet.load` does.
Networks whose weights are nobody's to pass on, or come from a training, are built with random
ones: they take as long as any, and have no scores.

    python bench/zoo.py NAME --film FILE --threads 2 --seconds 5

prints the speed of one of them, as JSON: what bench/models.py calls, a process for each.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

from model.sight import see, sight_of
from pipeline.planning.load import of_the_papers
from pipeline.planning.needs import flow_name, flows, network_arguments, sees_motion
from pipeline.preprocessing.flow_estimators import build_estimator
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.training.networks import build_network
from pipeline.viewing import run
from pipeline.viewing.media.film import Film, Reader, open_film
from pipeline.viewing.network.load import known_names, load
from pipeline.viewing.network.model import Model
from pipeline.viewing.products.overlay import Overlay

CFG = of_the_papers()
TRAINED_HERE = ("gfsalnet", "early_fusion", "shallow_conv")
"""Networks whose weights a training of this workflow makes; of variants, the papers' own."""
FITTED = tuple(name for name, entry in CFG.models.items() if entry.fitted)
"""Models that bench/heldout.py fits to other pictures."""
RANDOM = "random weights"
MOST = 300
"""Frames that are timed, at most: those of the film."""


def names() -> list[str]:
    """Return every model: those with weights first, then those that need none, then others.

    Without `FITTED`, which have to be fitted first.
    """
    return [*known_names(), *TRAINED_HERE]


def model_of(name: str, threads: int | None = None) -> Model:
    """Return a model by its name or file; with random weights where there are no others."""
    try:
        return load(name, threads=threads)
    except InputError:
        entry = next((one for one in (name, f"{name}_released") if one in CFG.models), None)
        if entry is None or CFG.models[entry].network is None:
            raise
    network: Any = build_network(network_arguments(CFG, entry)).eval()
    network.to(device=device(), memory_format=torch.channels_last)  # as `load` does
    size = (CFG.frames.height, CFG.frames.width)
    flow = flows(CFG)[flow_name(CFG, entry)] if sees_motion(CFG, entry) else None
    return Model(name, RANDOM, network, flow=flow, trained=size)


def scored(model: Model) -> bool:
    """Return whether the weights of a model are worth a score."""
    return model.about != RANDOM


def identity(model: Model) -> str:
    """Return the name of a model with the first digits of its weights' digest."""
    return f"{model.name}@{model.sha256[:8]}" if model.sha256 else model.name


def megabytes(model: Model) -> float:
    """Return the size of a model's weights in float16."""
    return sum(2 * one.numel() for one in model.network.state_dict().values()) / 1e6


def gflop(model: Model, height: int, width: int, rate: float = 30.0) -> tuple[float, float]:
    """Return what a film's frame takes, multiplications and additions, 1e9: network and flow.

    Networks that share work among the frames that are predicted at once are counted so.
    """
    fitted = model.at(height, width, rate, False)
    sight, size = fitted.sight, fitted.size
    count = sight.together if sight.before or sight.after or sight.carries else 1
    clip = torch.rand(1, sight.before + count + sight.after, 3, *size)
    flow = torch.rand(1, count, max(1, sight.flows), 2, *size)
    try:
        empty = copy.deepcopy(fitted.network).to("meta")
        seen = _counted(partial(see, empty, clip.to("meta"), flow.to("meta"))) / count
    except (RuntimeError, NotImplementedError):  # it needs values
        seen = _counted(partial(see, fitted.network, clip, flow)) / count
    if model.flow is None:
        return seen, 0.0
    estimate = build_estimator(model.flow, torch.get_num_threads())
    frames = np.random.default_rng(0).integers(256, size=(3, *size, 3), dtype=np.uint8)
    return seen, _counted(partial(estimate, frames)) / (len(frames) - 1)


@register_flop_formula(torch.ops.mkldnn._convolution_pointwise)
def _fused(frames: Any, weight: Any, *_: Any, out_shape: Any, **__: Any) -> int:
    """Operations of a convolution that is fused with what follows it (model/flow/layers.py)."""
    places = out_shape[0] * math.prod(out_shape[2:])
    return int(2 * places * math.prod(weight))


@torch.inference_mode()
def _counted(call: Callable[[], object]) -> float:
    """1e9 operations of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops()) / 1e9


def seconds_of(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes, with what it leaves to a GPU."""
    _synchronise()
    began = time.perf_counter()
    call()
    _synchronise()
    return time.perf_counter() - began


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def fewest(model: Model) -> int:
    """Return how many frames have to be timed at least: 2, or as many as share what they see."""
    sight = sight_of(model.network)
    return sight.together if sight.before or sight.after else 2


def in_memory(model: Model, film: Film, seconds: float) -> float:
    """Return the frames/s of flow and network, of frames in memory at the size that they see."""
    rate = film.timing.mean_rate
    size = model.at(film.height, film.width, rate, False).size
    least = fewest(model)
    with Reader(film, size) as reader:
        frames = np.stack(reader.take(MOST))
    predict = partial(model.predict, rate=rate)
    # A first call takes memory and starts threads: it counts only where that is nothing to it.
    taken = seconds_of(partial(predict, frames[:least]))
    if taken < 4 * seconds:
        taken = seconds_of(partial(predict, frames[:least]))
    count = min(len(frames), int(least * seconds / taken))
    if count <= least:
        return least / taken
    return count / seconds_of(partial(predict, frames[:count]))


def from_film_to_film(model: Model, source: Path, frames: int) -> float:
    """Return the frames/s of an overlay of so many frames, with reading and writing."""
    rate = open_film(source).timing.mean_rate
    film = open_film(source, end=(frames - 0.5) / rate)
    with tempfile.TemporaryDirectory() as name:
        product, parts = Overlay(film, Path(name) / "out.mp4"), Path(name) / "parts"
        passed = seconds_of(lambda: run.view(film, model, [product], folder=parts, progress=False))
    return len(film) / passed


def measured(name: str, source: Path, threads: int, seconds: float) -> dict[str, float]:
    """Return both speeds of a model on so many threads, which share as many cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    torch.set_num_threads(threads)
    model = model_of(name, threads)
    memory = in_memory(model, open_film(source), seconds)
    frames = min(MOST, max(fewest(model), int(memory * seconds)))
    return {"memory": memory, "film": from_film_to_film(model, source, frames)}


def main() -> None:
    """Print the speed of a model."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name")
    parser.add_argument("--film", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    print(json.dumps(measured(given.name, given.film, given.threads, given.seconds)))


if __name__ == "__main__":
    main()
