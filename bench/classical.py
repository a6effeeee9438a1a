"""Scores and speed of the models that need no gradient training, on real recordings.

Measures entries of config.yaml's `models` whose `start` is null, by name: 100 images in SALICON's
layout, scored at 640x480 against all sampled points, and ten clips in DIEM's layout, on their own
grid (`run: real` describes them; they are not distributed). Models with a fit are fitted to 400
other images. The stores are the workflow's, and missing ones are made.
Nothing is learned from the measured recordings, so all ten clips count. Writes
bench/results/classical.md.

    python bench/classical.py [--models itti gbvs ...] [--every 10]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from learning import CFG, FULL, RECIPE, THREADS, Scores, make_stores, manifests
from numpy.typing import NDArray
from pages import publish, today
from torch import nn

from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.auc import auc_shuffled
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.predict import saliency_maps
from pipeline.evaluation.protocols import MIT
from pipeline.planning.needs import network_arguments
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, Kind
from pipeline.stores.reading import Store, open_parts
from pipeline.training.fit import fit
from pipeline.training.networks import load_network

SHUFFLED = "sAUC"
IMAGES = ("AUC-J", SHUFFLED, "NSS", "CC", "SIM", "KLDiv")
CLIPS = ("AUC-J", "NSS", "CC", "SIM", "KLDiv")
TIMED = 4
"""Frames of a timed batch."""
KINDS: dict[str, Kind] = {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}


class Measured(NamedTuple):
    """Measurements of one model."""

    images: Scores
    clips: Scores
    speed: float
    """Frames of 640x480 per second."""


class Image(NamedTuple):
    """An image and where people looked."""

    frames: Any
    density: NDArray[np.float32]
    fixated: NDArray[np.bool_]


def maps_of(
    network: nn.Module, frames: Any, flow: Any, chosen: list[int]
) -> Iterator[NDArray[np.float32]]:
    """Yield the maps [y, x] of a clip's chosen frames."""
    for maps in saliency_maps(network, frames, flow, chosen):
        yield from maps.astype(np.float32)


def opened(dataset: str, stage: str, splits: Sequence[str]) -> dict[str, Store]:
    """Return for each clip the store of the part that holds it."""
    paths = [path for split in splits for path in manifests(dataset, stage, split)]
    return open_parts(KINDS[stage], paths)


@cache
def images() -> dict[str, Image]:
    """Return the 100 images with fixations and densities at 640x480."""
    frames, gaze = (opened("salicon", stage, ["val"]) for stage in ("frames", "gaze"))
    zoom, found = FULL[1] / CFG.frames.width, {}
    for clip, store in frames.items():
        points = np.asarray(gaze[clip][clip][:]).copy()
        points[:, 1:3] = (points[:, 1:3] + 0.5) * zoom - 0.5
        (pixels,) = pixels_by_frame(points, 1)
        pixels = np.clip(pixels, 0, np.array(FULL) - 1)
        density = density_map(pixels, FULL, RECIPE).astype(np.float32)
        found[clip] = Image(store[clip], density, fixated_map(pixels, FULL))
    return found


def image_scores(network: nn.Module) -> Scores:
    """Score each image; sAUC is against the pixels fixated in the other 99."""
    engine, found = Engine(FULL), {}
    counts = np.sum([image.fixated for image in images().values()], axis=0)
    for clip, image in images().items():
        (saliency,) = maps_of(network, image.frames, None, [0])
        large = cv2.resize(saliency, FULL[::-1], interpolation=cv2.INTER_CUBIC).clip(min=0)
        others = (counts - image.fixated).ravel()
        elsewhere = np.repeat(np.arange(others.size), others)
        shuffled = auc_shuffled(large, image.fixated, elsewhere)
        frame = Frame(large, image.density, np.argwhere(image.fixated))
        scores = score_frame(MIT, frame, metrics=CLIPS, engine=engine)
        found[clip] = {**{name: one.value for name, one in scores.items()}, SHUFFLED: shuffled}
    return Scores(found)


def clip_scores(network: nn.Module, every: int) -> Scores:
    """Score each clip by the mean over every ``every``-th frame that has fixations."""
    stores = {stage: opened("diem", stage, ["train", "test"]) for stage in KINDS}
    size = (CFG.frames.height, CFG.frames.width)
    engine, found = Engine(size), {}
    for clip in stores["frames"]:
        frames, flow, gaze, density = (stores[stage][clip][clip] for stage in KINDS)
        pixels = pixels_by_frame(np.asarray(gaze[:]), density.shape[0])
        looked = [i for i in range(0, density.shape[0], every) if len(pixels[i])]
        rows = [
            score_frame(
                MIT,
                Frame(saliency, np.asarray(density[i], np.float32), pixels[i]),
                metrics=CLIPS,
                engine=engine,
            )
            for i, saliency in zip(looked, maps_of(network, frames, flow, looked), strict=True)
        ]
        found[clip] = {
            metric: float(np.nanmean([row[metric].value for row in rows])) for metric in CLIPS
        }
    return Scores(found)


@torch.inference_mode()
def speed(network: nn.Module) -> float:
    """Return frames of 640x480 per second of one thread, the fastest of three batches."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(TIMED, 3, *FULL, generator=generator)
    flow = torch.randn(TIMED, 2, *FULL, generator=generator)
    earlier = getattr(network, "earlier", 0)
    more = (frames[:, None].expand(-1, earlier, -1, -1, -1),) if earlier else ()
    taken = []
    for _ in range(3):
        start = time.thread_time()
        network(frames, flow, *more)
        taken.append(time.thread_time() - start)
    return TIMED / min(taken)


def fitted(model: str, folder: Path) -> list[Path]:
    """Fit a model to the 400 training images; return its weights, none for the other models."""
    if not CFG.models[model].fitted:
        return []
    fit(
        network=network_arguments(CFG, model),
        **{stage: manifests("salicon", stage, "train") for stage in ("frames", "density")},
        settings=CFG.fitting.model_copy(update={"every": 1}),
        seed=0,
        threads=THREADS,
        code="bench",
        weights=folder / "fitted.safetensors",
        log=folder / "fitted.csv",
    )
    return [folder / "fitted.safetensors"]


def measured(model: str, every: int) -> Measured:
    """Measure one model."""
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(network_arguments(CFG, model), fitted(model, Path(folder))).cpu()
    found = Measured(image_scores(network), clip_scores(network, every), speed(network))
    shown = f"NSS {found.images.mean('NSS'):.3f}, {found.clips.mean('NSS'):.3f}"
    print(f"{model}: {shown}, {found.speed:.1f} frames/s", flush=True)
    return found


def cell(scores: Scores, metric: str) -> str:
    """Format a mean and its 95 % interval."""
    low, high = scores.interval(metric)
    return f"{scores.mean(metric):.3f} [{low:.3f}, {high:.3f}]"


def table(found: dict[str, Scores], metrics: Sequence[str]) -> list[str]:
    """Return a Markdown table with a row per model."""
    head = ["", f"| model | {' | '.join(metrics)} |", "|---|" + "---|" * len(metrics)]
    rows = (
        f"| {model} | {' | '.join(cell(scores, metric) for metric in metrics)} |"
        for model, scores in found.items()
    )
    return [*head, *rows]


def differences(found: dict[str, Scores], metrics: Sequence[str]) -> dict[str, Scores]:
    """Return second minus first for every two models of one network with other switches."""
    return {
        f"{second} - {first}": Scores(
            {
                clip: {m: found[second].by_clip[clip][m] - values[m] for m in metrics}
                for clip, values in found[first].by_clip.items()
            }
        )
        for first, second in itertools.combinations(found, 2)
        if CFG.models[first].network == CFG.models[second].network
    }


def page(found: dict[str, Measured], every: int) -> str:
    """Return the page of all measurements, as Markdown."""
    on_images = {model: one.images for model, one in found.items()}
    on_clips = {model: one.clips for model, one in found.items()}
    size = f"{CFG.frames.width}x{CFG.frames.height}"
    lines = [
        "# Models that nothing trains, on real recordings",
        "",
        f"{today()}, threads: {THREADS}. Means [95 %, bootstrap over images or clips].",
        "What is fitted is fitted to 400 other images, for the clips too. `python",
        "bench/classical.py`.",
        "",
        f"100 images in SALICON's layout, read at {size}, scored at 640x480 against every sampled",
        f"point; {SHUFFLED} against the points of the other 99:",
        *table(on_images, IMAGES),
        "",
        f"Ten clips in DIEM's layout at {size}, every {every}th frame:",
        *table(on_clips, CLIPS),
        "",
        "One network with other switches, paired over images:",
        *table(differences(on_images, IMAGES), IMAGES),
        "",
        "and over clips:",
        *table(differences(on_clips, CLIPS), CLIPS),
        "",
        "Frames of 640x480 per second of one thread, each model at its own working resolution:",
        "",
        "| model | frames/s |",
        "|---|---|",
        *(f"| {model} | {one.speed:.1f} |" for model, one in found.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write bench/results/classical.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    plain = [name for name, entry in CFG.models.items() if entry.network and entry.start is None]
    parser.add_argument("--models", nargs="*", default=plain, choices=plain)
    parser.add_argument("--every", type=int, default=10, help="frames of a clip that are scored")
    given = parser.parse_args()
    torch.set_num_threads(THREADS)
    wanted = [("salicon", stage, "val") for stage in ("frames", "gaze")]
    wanted += [("salicon", stage, "train") for stage in ("frames", "density")]
    wanted += [("diem", stage, split) for stage in KINDS for split in ("train", "test")]
    if not all(path.is_file() for names in wanted for path in manifests(*names)):
        make_stores()
    found = {model: measured(model, given.every) for model in given.models}
    publish("classical", page(found, given.every))


if __name__ == "__main__":
    main()
