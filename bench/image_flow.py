"""Can flow be seen in a still image? On real recordings, beside what needs no picture.

Trains the network of model/flow/image_flow.py (Walker et al., ICCV 2015) on clips in DIEM's layout
and measures the end-point error of the flow that it predicts on clips it never saw (`run: real`
says what they are; they are not distributed). First on the split of the workflow, seven clips and
three, with several seeds; then with each part of the dataset held out in turn, which measures all
ten. The truth is the flow that stage `flow` estimated from both frames. Writes
bench/results/image_flow.md.

    python bench/image_flow.py [--seeds 3] [--no-turns] [--weights FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from learning import CFG, ROOT, THREADS, Scores, cpu_seconds, make_stores, manifests
from numpy.typing import NDArray
from pages import publish, today
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from model.flow.image_flow import ImageFlow
from pipeline.planning.needs import backbone_file
from pipeline.preprocessing.network_flow import load_image_flow
from pipeline.preprocessing.tensors import upsampled
from pipeline.stores.kinds import QUARTER
from pipeline.training.samples import MotionSamples
from pipeline.training.train_image_flow import train_image_flow

NETWORK = {"clusters": 40, "grid": [20, 20], "backbone": "mobilenet_v2", "channels": 64}
RECIPE = CFG.trainings["setting_1_diem"].model_copy(update={"epochs": 1.0})
CLUSTERED = 400
MOVING = 0.5
"""Pixels per frame from which on a cell moves."""
LIKELY = 5
"""Of so many likeliest centres the best is taken for the paper's other figure."""
COLUMNS = {
    "all": "error, all cells",
    "moving": "error, moving cells",
    "direction": "cosine, moving cells",
}


class Seen(NamedTuple):
    """What a way of guessing may look at; only those that are told to know the truth look at it."""

    frame: Tensor
    """[B, 3, H, W], 0..1."""
    logits: Tensor
    """The network's, [B, clusters, rows, columns]."""
    truth: Tensor
    """True flow [B, 2, H/4, W/4], px per frame."""


Guess = Callable[[Seen], Tensor]
"""Flow [B, 2, H/4, W/4], px per frame."""
Part = tuple[Path, Path]
"""Manifests of its frames and flow."""


def parts() -> tuple[list[Part], list[Part]]:
    """The parts with training clips and those with test clips."""
    found = [
        list(zip(*(manifests("diem", kind, split) for kind in ("frames", "flow")), strict=True))
        for split in ("train", "test")
    ]
    return found[0], found[1]


def samples_of(some: Sequence[Part]) -> MotionSamples:
    """The frames of some parts."""
    return MotionSamples([frames for frames, _ in some], [flow for _, flow in some])


def weights_of(training: Sequence[Part], seed: int, folder: Path) -> Path:
    """Where the weights of a training lie."""
    names = "_".join(frames.stem for frames, _ in training)
    return folder / f"{names}_{seed}.safetensors"


def trained(training: Sequence[Part], seed: int, weights: Path) -> float:
    """Trains, unless the weights are there; returns the CPU seconds that it took."""
    spent = weights.with_suffix(".json")
    if not weights.is_file():
        before = cpu_seconds()
        backbone = backbone_file(CFG, NETWORK["backbone"])
        train_image_flow(
            network=NETWORK,
            clustered=CLUSTERED,
            backbone=[(ROOT / backbone).resolve()] if backbone else [],
            sha256=CFG.backbone_sha256,
            frames=[frames for frames, _ in training],
            flow=[flow for _, flow in training],
            validation_frames=[],
            validation_flow=[],
            settings=RECIPE,
            seed=seed,
            threads=THREADS,
            code="bench",
            checkpoints=weights.with_suffix(".checkpoints"),
            checkpoint_minutes=30,
            board=weights.with_suffix(".board"),
            weights=weights,
            log=weights.with_suffix(".csv"),
        )
        spent.write_text(json.dumps(cpu_seconds() - before))
    return float(json.loads(spent.read_text()))


def by_clip(samples: MotionSamples) -> Iterator[tuple[str, list[int]]]:
    """The places of each clip."""
    clips: dict[str, list[int]] = {}
    for place, (_, clip, _) in enumerate(samples.index):
        clips.setdefault(clip, []).append(place)
    yield from clips.items()


def errors(guess: Tensor, truth: Tensor) -> NDArray[np.float64]:
    """Of each frame: sums over all cells, over moving ones, of their cosines; and their number."""
    distance, speed = (guess - truth).norm(dim=1), truth.norm(dim=1)
    moving = speed > MOVING
    cosine = (guess * truth).sum(1) / (speed * guess.norm(dim=1)).clamp_min(1e-9)
    sums = [distance.sum((1, 2)), torch.ones_like(distance).sum((1, 2))]
    sums += [(field * moving).sum((1, 2)) for field in (distance, cosine, torch.ones_like(speed))]
    return torch.stack(sums, 1).double().numpy()


@torch.inference_mode()
def measured(
    network: ImageFlow, ways: dict[str, Guess], held_out: Sequence[Part]
) -> dict[str, Scores]:
    """Every way's means over the cells of each held-out clip."""
    samples = samples_of(held_out)
    scores: dict[str, Scores] = {name: Scores({}) for name in ways}
    for clip, places in by_clip(samples):
        sums = {name: np.zeros(5) for name in ways}
        for start in range(0, len(places), 16):
            batch = samples.batch(places[start : start + 16])
            frame = batch.frame / 255.0
            seen = Seen(frame, network(frame), batch.flow.float())
            for name, guess in ways.items():
                sums[name] += errors(guess(seen), seen.truth).sum(0)
        for name, (total, cells, moving, cosine, moved) in sums.items():
            found = (total / cells, moving / moved, cosine / moved)
            scores[name].by_clip[clip] = dict(zip(COLUMNS, map(float, found), strict=True))
    return scores


def small(frame: Tensor) -> Tensor:
    """Frames [B, 3, H, W] as vectors: their colours at a quarter size."""
    return avg_pool2d(frame, QUARTER).flatten(1)


def ways_of(network: ImageFlow, training: Sequence[Part]) -> dict[str, Guess]:
    """The network's flow, and what it is compared with."""
    samples = samples_of(training)
    flows = torch.cat([samples.flows([i]) for i in range(len(samples))])
    mean = flows.float().mean(0)
    pictures = torch.cat([small(samples.batch([i]).frame / 255.0) for i in range(len(samples))])
    size = (CFG.frames.height, CFG.frames.width)

    def fine(flow: Tensor) -> Tensor:
        return upsampled(flow, (size[0] // QUARTER, size[1] // QUARTER))

    def nearest(seen: Seen) -> Tensor:
        return flows[torch.cdist(small(seen.frame), pictures).argmin(1)].float()

    def likeliest(seen: Seen) -> Tensor:
        return fine(network.vectors(size)[seen.logits.argmax(1)].permute(0, 3, 1, 2))

    def best_of_likely(seen: Seen) -> Tensor:
        chosen = network.vectors(size)[seen.logits.topk(LIKELY, 1).indices]
        wanted = adaptive_avg_pool2d(seen.truth, network.grid).permute(0, 2, 3, 1)[:, None]
        best = (chosen - wanted).norm(dim=-1).argmin(1, keepdim=True)[..., None]
        return fine(chosen.take_along_dim(best, 1)[:, 0].permute(0, 3, 1, 2))

    return {
        "zero flow": lambda seen: torch.zeros_like(seen.truth),
        "mean flow": lambda seen: mean.expand_as(seen.truth),
        "flow of the nearest training frame": nearest,
        "expected flow": lambda seen: fine(network.expectation(seen.logits, size)),
        "likeliest centre": likeliest,
        f"best of {LIKELY} likely (knows the truth)": best_of_likely,
        "true mean of each cell (knows the truth)": lambda seen: fine(
            adaptive_avg_pool2d(seen.truth, network.grid)
        ),
    }


def held_out_scores(
    weights: Path, training: Sequence[Part], held_out: Sequence[Part]
) -> dict[str, Scores]:
    """Of weights and what they are compared with, measured once and kept beside the weights."""
    kept = weights.with_suffix(".scores")
    if not kept.is_file():
        network = load_image_flow(weights, None)
        found = measured(network, ways_of(network, training), held_out)
        kept.write_text(json.dumps({name: scores.by_clip for name, scores in found.items()}))
    return {name: Scores(by_clip) for name, by_clip in json.loads(kept.read_text()).items()}


def over_seeds(found: Sequence[Scores]) -> Scores:
    """Means over seeds, clip by clip."""
    return Scores(
        {
            clip: {
                key: float(np.mean([one.by_clip[clip][key] for one in found])) for key in COLUMNS
            }
            for clip in found[0].by_clip
        }
    )


def less(first: Scores, second: Scores) -> Scores:
    """The first less the second, clip by clip."""
    return Scores(
        {
            clip: {key: values[key] - second.by_clip[clip][key] for key in COLUMNS}
            for clip, values in first.by_clip.items()
        }
    )


def line(name: str, scores: Scores, seeds: Sequence[Scores] = ()) -> str:
    """A row: means over clips (each seed's) [95 %]."""
    cells = []
    for key in COLUMNS:
        low, high = scores.interval(key)
        each = f" ({', '.join(f'{one.mean(key):.4f}' for one in seeds)})" if len(seeds) > 1 else ""
        cells.append(f"{scores.mean(key):.4f}{each} [{low:.4f}, {high:.4f}]")
    return f"| {name} | {' | '.join(cells)} |"


def table(found: dict[str, list[Scores]]) -> list[str]:
    """Every way, and the paired differences that matter."""
    means = {name: over_seeds(scores) for name, scores in found.items()}
    learnt = means["expected flow"]
    lines = ["", f"| flow | {' | '.join(COLUMNS.values())} |", "|---|" + "---|" * len(COLUMNS)]
    for name, scores in means.items():
        own = found[name] if len({one.mean("all") for one in found[name]}) > 1 else []
        lines.append(line(name, scores, own))
    for name in ("zero flow", "mean flow", "flow of the nearest training frame"):
        lines.append(line(f"expected less {name}", less(learnt, means[name])))
    return lines


def in_turn(every: Sequence[Part], folder: Path) -> tuple[list[str], dict[str, list[Scores]]]:
    """All clips, each held out with its part."""
    joined: dict[str, Scores] = {}
    for part in every:
        others = [one for one in every if one != part]
        weights = weights_of(others, 0, folder)
        trained(others, 0, weights)
        for name, scores in held_out_scores(weights, others, [part]).items():
            joined.setdefault(name, Scores({})).by_clip.update(scores.by_clip)
    shown = ("zero flow", "mean flow", "expected flow")
    rows = ["", f"| clip | {' | '.join(shown)} |", "|---|---|---|---|"]
    for clip in joined["zero flow"].by_clip:
        values = (f"{joined[name].by_clip[clip]['all']:.4f}" for name in shown)
        rows.append(f"| {clip} | {' | '.join(values)} |")
    return rows, {name: [scores] for name, scores in joined.items()}


def head(seconds: float, frames: int) -> list[str]:
    """What was measured, and how."""
    grid = f"{CFG.frames.width // QUARTER}x{CFG.frames.height // QUARTER}"
    return [
        "# Flow of a still image",
        "",
        f"{today()}, {THREADS} thread.",
        "`python bench/image_flow.py`. The network, which starts from ImageNet weights, is",
        f"`{json.dumps(NETWORK)}`. Training: {RECIPE.epochs:g} epoch of {frames} frames,",
        f"{RECIPE.optimiser.name}, learning rate {RECIPE.learning_rate:g}, batch {RECIPE.batch};",
        f"{seconds:.0f} CPU seconds. Errors are mean distances to the flow that",
        f"`{CFG.flow.estimator}` estimated from two frames, on its grid ({grid}), in pixels of",
        f"{CFG.frames.width}x{CFG.frames.height} per frame; a cell moves above {MOVING} px. Means",
        "over clips (each seed's) [95 %, bootstrap over clips of the means over seeds; differences",
        "are paired]. Mean flow is the mean vector of each cell over the training frames; nearest",
        "is the training frame whose colours differ least at a quarter of the size.",
    ]


def page(seeds: int, turns: bool, folder: Path) -> str:
    """Everything that was measured, as Markdown."""
    training, test = parts()
    found: dict[str, list[Scores]] = {}
    spent = []
    for seed in range(seeds):
        weights = weights_of(training, seed, folder)
        spent.append(trained(training, seed, weights))
        for name, scores in held_out_scores(weights, training, test).items():
            found.setdefault(name, []).append(scores)
    lines = [
        *head(float(np.mean(spent)), len(samples_of(training))),
        "",
        f"Seven clips for training, three held out, {seeds} seeds:",
        *table(found),
    ]
    if turns:
        each, joined = in_turn([*training, *test], folder)
        lines += ["", "Each part held out in turn, all ten clips, one seed:", *table(joined)]
        lines += ["", "Error over all cells, by clip, each held out with its part:", *each]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes bench/results/image_flow.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--weights", type=Path, help="a folder to keep weights in, and to go on from"
    )
    parser.add_argument("--turns", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    kept = given.weights and given.weights.resolve()
    os.chdir(ROOT)
    training, test = parts()
    if not all(path.is_file() for part in (*training, *test) for path in part):
        make_stores()
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        text = page(given.seeds, given.turns, kept or Path(folder))
    publish("image_flow", text)


if __name__ == "__main__":
    main()
