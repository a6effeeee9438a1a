"""What trainings and predictions of the papers' run cost: CPU seconds and memory, at 640x480.

Each network takes steps of its own training, and predicts, in a process of its own, on stores of
drawn frames. Seconds are CPU seconds of one thread: of a step of one sample to warm up, then of one
of two. Memory is the largest resident set of the process after each of them, which tells what a
sample takes from what is there anyway. A sample is a frame, or a clip where a network sees time.

    OMP_NUM_THREADS=1 python bench/network_costs.py [--only gfsalnet ...] [--kept FILE]

What is finished is kept in a file: a run that was stopped goes on there. Writes the rows that it
measured into workflow/network_costs.csv, with which a run is reckoned, and all of that sheet into
bench/results/network_costs.md.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measured import Finished
from pages import ROOT, publish, today
from torch import nn

from model.sight import sees_time, sight_of
from pipeline.config.training import Clip
from pipeline.evaluation.watching import found
from pipeline.planning.costs.rates import NETWORK_COSTS, prediction_label, training_label
from pipeline.planning.load import configured
from pipeline.planning.needs import loss_of, network_arguments, training_of
from pipeline.planning.rows import all_measured
from pipeline.planning.targets import training_logs
from pipeline.runtime.processes import Processes
from pipeline.runtime.sheets import read_rows, write_rows
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import open_store
from pipeline.stores.writing import write_store
from pipeline.training.clips import samples_for
from pipeline.training.networks import build_network, enter
from pipeline.training.saliency import trainer
from pipeline.training.trainer import Run

FRAMES_DRAWN = 40
"""As many as the clips of all recipes and TASED-Net's windows need."""
COLUMNS = ("what", "cpu_seconds_a_sample", "memory_mb", "memory_mb_a_sample", "frames_a_sample")
COMMENTS = (
    "Of the networks and recipes of config.yaml, at 640x480, of one thread; a sample is a frame,",
    "or a clip where a network sees time. An empty cell was not measured.",
    "Measured by bench/network_costs.py (bench/results/network_costs.md).",
)
LEAST = 1.0
"""CPU seconds that the predictions of a network take together at least."""
CLIPS = ("a", "b")
"""As many as the largest batch: one that is mixed by datasets has a clip of each video."""
VIDEO = "dhf1k"
"""Dataset that the drawn frames stand for: networks with domains know it."""
WAYS: dict[str, list[dict[str, Any]]] = {
    "gfsalnet": [
        {"precision": "bfloat16"},
        {"batch_norm": "folded"},
        {"precision": "bfloat16", "batch_norm": "folded"},
        {"precision": "bfloat16", "batch_norm": "folded", "recompute": True},
    ],
    "early_fusion": [{"precision": "bfloat16"}],
}
"""Model -> further settings of its training that are measured, besides its own."""


def draw(folder: Path) -> None:
    """Write stores of random frames, flow, gaze and densities, the same of every clip."""
    drawn = np.random.default_rng(0)
    count, height, width = FRAMES_DRAWN, 480, 640
    y, x = np.mgrid[:height, :width]
    points = [[t, 320 + o, 240 + t, o] for t in range(count) for o in range(10)]
    content = {
        FRAMES: drawn.integers(0, 256, (count, height, width, 3), np.uint8),
        FLOW: drawn.normal(size=(count, 2, height // 4, width // 4)).astype(np.float16),
        GAZE: np.array(points, np.float32),
        DENSITY: np.stack(
            [np.exp(-((x - 320) ** 2 + (y - 240 - t) ** 2) / 5000) for t in range(count)]
        ).astype(np.float16),
    }
    for kind, values in content.items():
        stem = folder / VIDEO / kind.name / "0001"
        stem.parent.mkdir(parents=True)
        with write_store(kind, stem.with_suffix(".zarr"), stem.with_suffix(".json"), {}) as writer:
            facts = {"frames": count} if kind is GAZE else {}
            for clip in CLIPS:
                writer.add(clip, [values], **facts)


def manifests(folder: Path) -> list[list[Path]]:
    """Manifests of frames, flow, gaze and density, as trainings take them."""
    return [[folder / VIDEO / kind.name / "0001.json"] for kind in (FRAMES, FLOW, GAZE, DENSITY)]


def training_costs(folder: Path, model: str, name: str, ways: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of a sample in a step of a training, and MB of the process and of a sample."""
    cfg = configured("paper")
    update = {"micro_batch": None, "iterations": 100, "epochs": None, **ways}
    settings = training_of(cfg, model, name).model_copy(update=update)
    if set(settings.datasets) <= {*cfg.pretraining.datasets}:
        settings = settings.model_copy(update={"clip": Clip(frames=1, step=1)})
    arguments = network_arguments(cfg, model)
    torch.manual_seed(0)
    network = build_network(arguments)
    # A training against a discriminator takes turns with it, so two steps are one of each.
    turns = 2 if settings.adversarial else 1
    megabytes, seconds = list[float](), 0.0
    for batch in (1, 1, 2):  # the first step makes the optimiser's state
        several = {"batch": batch, "images": settings.images and batch}
        settings = settings.model_copy(update=several)
        samples = samples_for(network, settings, *manifests(folder))
        run = Run(settings, loss_of(cfg, name), 0, 1, arguments, "", folder, None)
        if not megabytes:
            one = trainer(network, run, Processes(0, 1))
        one.settings = settings
        one.order(samples)
        start = time.process_time()
        for _ in range(turns):
            one.rows.append(one.step(samples.batch(range(batch))))
        seconds = (time.process_time() - start) / turns / batch
        megabytes.append(peak())
    each = max(0.0, megabytes[2] - megabytes[1])
    frames = settings.clip.frames if sees_time(network) else 1
    return {"seconds": seconds, "mb": megabytes[1] - each, "each": each, "frames": frames}


def prediction_costs(folder: Path, model: str) -> dict[str, float]:
    """CPU seconds of a map, and MB of the process."""
    network = build_network(network_arguments(configured("paper"), model)).eval()
    for values in [*network.parameters(), *network.buffers()]:
        if values.is_floating_point() and values.isnan().any():
            nn.init.uniform_(values)  # what stage fit fills
    enter(network, VIDEO)
    frames, flow = (
        open_store(kind, manifest)["a"]
        for kind, (manifest,) in zip((FRAMES, FLOW), manifests(folder)[:2], strict=True)
    )
    # Two calls, so that what windows share is counted; the first frames of a clip cost more.
    sight = sight_of(network)
    count = min(frames.shape[0], sight.together + (1 if sight.before or sight.carries else 0))

    def predicted() -> int:
        made = found(network, frames, flow, [*range(count)])
        return sum(len(one.maps["saliency"]) for one in made)

    predicted()  # a first call of a small network takes ten times as long
    maps, seconds, start = 0, 0.0, time.process_time()
    while seconds < LEAST:
        maps += predicted()
        seconds = time.process_time() - start
    return {"seconds": seconds / maps, "mb": peak(), "each": 0.0, "frames": 1}


def peak() -> float:
    """Largest resident set of this process until now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def trainings() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Model, training and further settings: one model of each kind of cost."""
    cfg, seen = configured("paper"), set[str]()
    for log in map(Path, training_logs(cfg)):
        model, training = log.parent.name, log.stem
        arguments, settings = network_arguments(cfg, model), training_of(cfg, model, training)
        for ways in ({}, *WAYS.get(model, [])):
            label = training_label(arguments, settings.model_copy(update=ways))
            if label not in seen:
                yield model, training, ways
            seen.add(label)


def predictions() -> list[str]:
    """One model of each kind of cost."""
    cfg, names = configured("paper"), dict[str, str]()
    for _, row in all_measured(cfg):
        if cfg.models[row.model].network:
            names.setdefault(prediction_label(network_arguments(cfg, row.model)), row.model)
    return [*names.values()]


def alone(measure: Callable[..., dict[str, float]], folder: Path, *order: Any) -> dict[str, float]:
    """What a process finds that has nothing else to do, so that its memory is its own."""
    with get_context("fork").Pool(1) as pool:
        found = pool.apply(measure, (folder, *order))
    print(*order, found, flush=True)
    return found


def rows(folder: Path, kept: Finished, only: list[str]) -> Iterator[tuple[str, dict[str, float]]]:
    """What is done, and what it costs."""
    cfg = configured("paper")
    for model, training, ways in trainings():
        settings = training_of(cfg, model, training).model_copy(update=ways)
        name = training_label(network_arguments(cfg, model), settings)
        if not only or model in only:
            measure = partial(alone, training_costs, folder, model, training, ways)
            yield name, kept.get(name, measure)
    for model in predictions():
        name = prediction_label(network_arguments(cfg, model))
        if not only or model in only:
            yield name, kept.get(name, partial(alone, prediction_costs, folder, model))


def main() -> None:
    """Measure, and write sheet and page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="MODEL")
    parser.add_argument("--kept", type=Path, help="file of what is finished")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        draw(Path(name))
        found = [*rows(Path(name), Finished(given.kept), given.only)]
    sheet = ROOT / NETWORK_COSTS
    known = {row["what"]: list(row.values()) for row in read_rows(sheet, COLUMNS)}
    for what, one in found:
        numbers = (f"{one['mb']:.0f}", f"{one['each']:.0f}", f"{one['frames']:.0f}")
        known[what] = [what, f"{one['seconds']:.3g}", *numbers]
    known = dict(sorted(known.items(), key=lambda one: not one[0].startswith("train")))
    write_rows(sheet, COLUMNS, known.values(), COMMENTS)
    page = [
        "# What trainings and predictions cost",
        "",
        f"{today()}, torch {torch.__version__}, one thread, beside other work. Networks and",
        "recipes of config.yaml on stores of drawn frames of 640x480. CPU seconds of a step, and",
        "of a map; memory is the largest resident set of a process, and what each sample that is",
        "computed at once adds. A sample is a frame, or a clip of so many predicted frames where a",
        "network sees time. Where no memory stands, the seconds are those of",
        "[streaming.md](streaming.md) and [classical.md](classical.md); rows that a run leaves out",
        "(`--only`) keep their values of an earlier day. `python bench/network_costs.py`.",
        "",
        "| what | CPU s a sample | MB | MB more a sample | frames of a sample |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(cell or '-' for cell in row)} |" for row in known.values()),
    ]
    publish("network_costs", "\n".join(page))


if __name__ == "__main__":
    main()
