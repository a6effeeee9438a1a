"""Do the networks learn where people look? On real recordings, beside what needs no learning.

Pretrains on 400 images in SALICON's layout and tests on 100; fine-tunes on seven clips in DIEM's
layout and tests on three (`run: real` says what they are; they are not distributed). The stores are
the workflow's, the trainings are `workflow/runs/real.yaml`'s, at 256x192, with a light backbone.
Images are scored at 640x480 against all sampled points, clips on their own grid. Writes
bench/results/learning.md.

    python bench/learning.py [--seeds 3] [--models spatial temporal gfsalnet ...] [--kept FILE]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from measured import SHOWN, Kept, Scores, line, lowest, table
from numpy.typing import NDArray
from pages import publish, today

from pipeline.config.data import GaussianDensity
from pipeline.config.training import Training
from pipeline.evaluation.frame_scores import Frame, score_frame
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.predict import saliency_maps
from pipeline.evaluation.protocols import MIT
from pipeline.planning.load import configured
from pipeline.planning.needs import backbone_file, network_arguments, sees_motion
from pipeline.planning.paths import parts
from pipeline.planning.schedule import iterations_of
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.fixations import pixels_by_frame
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.stores.reading import Store, open_parts
from pipeline.training.finetune import finetune
from pipeline.training.networks import enter, load_network
from pipeline.training.pretrain import pretrain

ROOT = Path(__file__).resolve().parents[1]
CFG = configured("real")
DIEM = CFG.trainings["setting_1_diem"]
FULL = (480, 640)
RECIPE = GaussianDensity(recipe="gaussian", sigma=19.0, repeats="each")
THREADS = 1
Map = NDArray[Any]
Predict = Callable[[Store, Store | None, str], Iterator[Map]]
"""Maps of a clip's frames, from FRAMES and FLOW."""


def manifests(dataset: str, stage: str, split: str) -> list[Path]:
    """The workflow's stores."""
    return [Path(path) for path in parts(CFG, stage, dataset, split)]


def make_stores() -> None:
    """Has the workflow make every store that is read here."""
    wanted = []
    for dataset, test in (("salicon", "val"), ("diem", "test")):
        for stage in ("frames", "gaze", "density", *(("flow",) if dataset == "diem" else ())):
            for split in ("train", test):
                wanted += manifests(dataset, stage, split)
    line = [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "run=real", "--"]
    subprocess.run([*line, *map(str, wanted)], check=True, capture_output=True)


def cpu_seconds() -> float:
    """Of this process and of those that read for it."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def arguments(network: dict[str, Any], dataset: str, weights: Path, seed: int) -> dict[str, Any]:
    """Arguments that both training stages share; no clip is only measured."""
    kinds = ("frames", "gaze", "density")
    return {
        **{kind: manifests(dataset, kind, "train") for kind in kinds},
        **{f"validation_{kind}": [] for kind in kinds},
        "network": network,
        "loss": CFG.loss,
        "seed": seed,
        "threads": THREADS,
        "code": "bench",
        "checkpoints": weights.parent / "checkpoints",
        "checkpoint_minutes": 30,
        "board": weights.parent / "board",
        "weights": weights,
        "log": weights.with_suffix(".csv"),
    }


def pretrained(
    model: str, seed: int, weights: Path, settings: Training = CFG.pretraining, **changes: Any
) -> None:
    """Makes the weights of a model's appearance stream after the images."""
    network = network_arguments(CFG, model) | changes
    file = backbone_file(CFG, network.get("backbone"))
    backbone = [(ROOT / file).resolve()] if file else []
    shared = arguments(network, "salicon", weights, seed)
    pretrain(backbone=backbone, sha256=None, settings=settings, **shared)


def finetuned(
    model: str,
    start: list[Path],
    seed: int,
    weights: Path,
    settings: Training = DIEM,
    **changes: Any,
) -> None:
    """Makes the weights of a model after the clips, from its backbone's if there is no start."""
    network = network_arguments(CFG, model) | changes
    flow = manifests("diem", "flow", "train") if sees_motion(CFG, model) else []
    file = None if start else backbone_file(CFG, network.get("backbone"))
    shared = arguments(network, "diem", weights, seed) | {
        "backbone": [(ROOT / file).resolve()] if file else [],
        "sha256": None,
    }
    finetune(start=start, flow=flow, validation_flow=[], settings=settings, **shared)


def of_network(model: str, *weights: Path, **changes: Any) -> Predict:
    """A network, with the weights of its training if it has one, as it sees the clips."""
    network = load_network(network_arguments(CFG, model) | changes, list(weights))
    enter(network, "diem")

    def predict(frames: Store, flow: Store | None, clip: str) -> Iterator[Map]:
        count = frames[clip].shape[0]
        motion = flow[clip] if flow is not None else None
        for maps in saliency_maps(network, frames[clip], motion, list(range(count))):
            yield from maps.astype(np.float32)

    return predict


def mean_map(dataset: str) -> Predict:
    """The mean density of the training frames, whatever the frame."""
    stores = open_parts(DENSITY, manifests(dataset, "density", "train"))
    mean = np.mean([np.asarray(store[clip][::4]).mean(axis=0) for clip, store in stores.items()], 0)

    def predict(frames: Store, flow: Store | None, clip: str) -> Iterator[Map]:
        for _ in range(frames[clip].shape[0]):
            yield mean.astype(np.float32)

    return predict


def spectral_residual(frames: Store, flow: Store | None, clip: str) -> Iterator[Map]:
    """Hou and Zhang, CVPR 2007, OpenCV's, smoothed as the densities are."""
    estimator = cv2.saliency.StaticSaliencySpectralResidual.create()
    for i in range(frames[clip].shape[0]):
        _, found = estimator.computeSaliency(np.asarray(frames[clip][i]))
        yield cv2.GaussianBlur(found.astype(np.float32), (0, 0), 8)


def image_scores(predict: Predict) -> Scores:
    """The 100 images at 640x480."""
    frames = open_parts(FRAMES, manifests("salicon", "frames", "val"))
    gaze = open_parts(GAZE, manifests("salicon", "gaze", "val"))
    engine, found = Engine(FULL), {}
    zoom = FULL[1] / CFG.frames.width
    for clip, store in frames.items():
        (saliency,) = predict(store, None, clip)
        points = np.asarray(gaze[clip][clip][:]).copy()
        points[:, 1:3] = (points[:, 1:3] + 0.5) * zoom - 0.5
        (pixels,) = pixels_by_frame(points, 1)
        pixels = np.clip(pixels, 0, np.array(FULL) - 1)
        large = cv2.resize(saliency, FULL[::-1], interpolation=cv2.INTER_CUBIC).clip(min=0)
        density = density_map(pixels, FULL, RECIPE).astype(np.float32)
        scores = score_frame(MIT, Frame(large, density, pixels), metrics=SHOWN, engine=engine)
        found[clip] = {name: one.value for name, one in scores.items()}
    return Scores(found)


def clip_scores(predict: Predict) -> Scores:
    """The three clips on their own grid; frames that nobody looked at do not count."""
    stores = {
        name: open_parts(kind, manifests("diem", name, "test"))
        for name, kind in {"frames": FRAMES, "flow": FLOW, "gaze": GAZE, "density": DENSITY}.items()
    }
    size = (CFG.frames.height, CFG.frames.width)
    engine, found = Engine(size), {}
    for clip, frames in stores["frames"].items():
        density = stores["density"][clip][clip]
        pixels = pixels_by_frame(np.asarray(stores["gaze"][clip][clip][:]), density.shape[0])
        rows = []
        for i, saliency in enumerate(predict(frames, stores["flow"][clip], clip)):
            truth = np.asarray(density[i], np.float32)
            frame = Frame(saliency, truth, pixels[i])
            if len(pixels[i]):
                scores = score_frame(MIT, frame, metrics=SHOWN, engine=engine)
                rows.append([one.value for one in scores.values()])
        means = np.nanmean(np.array(rows), axis=0)
        found[clip] = dict(zip(SHOWN, map(float, means), strict=True))
    return Scores(found)


def learnt(model: str, seed: int, folder: Path, kept: Kept) -> None:
    """Pretrains, unless another model did for this one, fine-tunes and scores."""
    start = CFG.models[model].start or model
    images, clips = f"images/{start}/{seed}", f"clips/{model}/{seed}"
    if {images, clips} <= kept.scores.keys():
        return
    weights = folder / f"{start}.safetensors"
    if not weights.is_file():
        before = cpu_seconds()
        pretrained(start, seed, weights)
        spent = cpu_seconds() - before
        kept.get(f"spent/{start}/{seed}", lambda: Scores({"pretraining": {"NSS": spent}}))
    kept.get(images, lambda: image_scores(of_network(start, weights, streams="appearance")))

    def measure() -> Scores:
        learnt_clips = folder / f"{model}_diem.safetensors"
        finetuned(model, [weights], seed, learnt_clips)
        return clip_scores(of_network(model, learnt_clips))

    kept.get(clips, measure)


def page(kept: Kept) -> str:
    """Everything that was measured, as Markdown."""
    plain = {"centre bias": of_network("centre_bias"), "spectral residual": spectral_residual}
    ways = {
        "images": {**plain, "mean training map": mean_map("salicon")},
        "clips": {**plain, "mean training map": mean_map("diem")},
    }
    measures = {"images": image_scores, "clips": clip_scores}
    rows: dict[str, dict[str, list[Scores]]] = {"images": {}, "clips": {}}
    for key, by_clip in kept.scores.items():
        kind, model, _ = key.split("/")
        if kind in rows and model in CFG.models:
            rows[kind].setdefault(model, []).append(Scores(by_clip))
    for kind, found in ways.items():
        for name, way in found.items():
            measure = partial(measures[kind], way)
            rows[kind][name] = [kept.get(f"{kind}/{name}/0", measure)]
    spent = [s["pretraining"]["NSS"] for k, s in kept.scores.items() if k.startswith("spent/")]
    training = CFG.pretraining
    count = iterations_of(training, 400)
    seconds = f"{np.mean(spent):.0f} CPU seconds ({min(spent):.0f} to {max(spent):.0f})"
    lines = [
        "# Learning on real recordings",
        "",
        f"{today()}, threads: {THREADS}. A pretraining is {count} iterations of",
        f"{training.batch} images and took {seconds}.",
        "Means over seeds (each seed) [95 % over images or clips, bootstrap of the means over",
        "seeds]. `python bench/learning.py`.",
        "",
        "100 images in SALICON's layout, scored at 640x480 against every sampled point:",
        *table("seeds"),
        *(line(name, found, str(len(found))) for name, found in rows["images"].items()),
        "",
        "Three clips in DIEM's layout; the last column is the lowest NSS of any clip and seed:",
        *table("lowest"),
        *(line(name, found, lowest(found)) for name, found in rows["clips"].items()),
    ]
    return "\n".join(lines) + "\n"


def run(
    name: str,
    models: Sequence[str],
    learnt: Callable[[str, int, Path, Kept], None],
    page: Callable[[Kept], str],
) -> None:
    """Measures models, seed by seed, and writes bench/results/<name>.md after each."""
    parser = argparse.ArgumentParser(description=f"Measures and writes bench/results/{name}.md.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=models)
    parser.add_argument("--kept", type=Path, help="a file to keep scores in, and to go on from")
    given = parser.parse_args()
    kept = Kept(given.kept and given.kept.resolve())
    os.chdir(ROOT)
    make_stores()
    torch.set_num_threads(THREADS)
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as folder:
            for model in given.models:
                learnt(model, seed, Path(folder), kept)
        publish(name, page(kept))


if __name__ == "__main__":
    VARIANTS = [model for model, entry in CFG.models.items() if entry.network == "gfsalnet"]
    run("learning", VARIANTS, learnt, page)
