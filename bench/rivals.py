"""Does every rival learn where people look? All by one recipe, on the clips of bench/learning.py.

Each network is trained at the reduced size of `workflow/runs/real.yaml`, from a random start or
from a light backbone, on seven clips in DIEM's layout, by the same recipe, and tested on three; the
mean map and a centre bias need no training. Writes bench/results/rivals.md.

    python bench/rivals.py [--seeds 3] [--models salgan tased_net ...] [--kept FILE]
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from textwrap import fill

from learning import (
    CFG,
    DIEM,
    THREADS,
    clip_scores,
    cpu_seconds,
    finetuned,
    mean_map,
    of_network,
    run,
)
from measured import Kept, Scores, line, table
from pages import today

from model.sight import sees_time
from pipeline.config.training import Clip
from pipeline.planning.needs import network_arguments
from pipeline.training.networks import build_network

RIVALS = tuple(
    model
    for model, entry in CFG.models.items()
    if entry.start and (entry.recipe or model in ("stsconv", "two_stream_spatial", "gfsalnet"))
    if model != "salgan_content"  # here no other training than SalGAN's
)
RECIPE = DIEM.model_copy(
    update={
        "learning_rate": 1e-3,
        "batch_norm": "train",
        "batch_norm_momentum": 0.1,
        "clip": Clip(frames=4, step=1),
    }
)
"""That of `run: real`, at a rate and a momentum of batch normalisation for random starts."""
GENTLY = {"learning_rate": 3e-4, "gradient_norm": 1.0}
GENTLE = ("aclnet", "salema")
"""Deep, without normalisation and recurrent: at the rate of the others they diverge."""
NARROW = CFG.trainings["two_stream_diem"]
FIRST = {"om_cnn": "om_cnn_still", "stsconv": "two_stream_spatial"}
"""Of what is trained in two stages, the first one, with whose weights the second begins."""
FRAMES = 8
"""Frames of an iteration: as many clips as make them up."""
ITERATIONS = 200


def learnt(model: str, seed: int, folder: Path, kept: Kept) -> None:
    """Trains a model and scores it, and notes the seconds that this took."""
    key = f"clips/{model}/{seed}"
    if key in kept.scores:
        return
    clips = sees_time(build_network(network_arguments(CFG, model)))
    batch = FRAMES // RECIPE.clip.frames if clips else FRAMES
    changes = {"batch": batch, "iterations": ITERATIONS, "epochs": None}
    gently = GENTLY if model in GENTLE else {}
    # Maps of the predecessor's networks may fall below 0: they have a loss of their own.
    densities = CFG.models[model].network == "two_stream"
    settings = (NARROW if densities else RECIPE).model_copy(update=changes | gently)
    weights = folder / f"{model}.safetensors"
    before = cpu_seconds()
    start = []
    if model in FIRST:
        start = [folder / f"{FIRST[model]}.safetensors"]
        finetuned(FIRST[model], [], seed, start[0], settings)
    finetuned(model, start, seed, weights, settings)
    spent = {"training": cpu_seconds() - before}
    before = cpu_seconds()
    kept.get(key, lambda: clip_scores(of_network(model, weights)))
    spent["scoring"] = cpu_seconds() - before
    kept.get(f"spent/{model}/{seed}", lambda: Scores({"spent": {"NSS": 0.0, **spent}}))


def parameters(model: str) -> int:
    """Number of trainable values."""
    network = build_network(network_arguments(CFG, model))
    return sum(values.numel() for values in network.parameters())


def page(kept: Kept) -> str:
    """Everything that was measured, as Markdown."""
    found: dict[str, list[Scores]] = {}
    for key, by_clip in kept.scores.items():
        kind, model, _ = key.split("/")
        if kind == "clips" and model in RIVALS:
            found.setdefault(model, []).append(Scores(by_clip))
    plain = {"centre bias": of_network("centre_bias"), "mean training map": mean_map("diem")}
    floor = {
        name: [kept.get(f"clips/{name}/0", partial(clip_scores, way))]
        for name, way in plain.items()
    }
    best = max(one.mean("NSS") for (one,) in floor.values())
    rows = []

    def skill(row: tuple[str, list[Scores]]) -> float:
        return sum(one.mean("NSS") for one in row[1]) / len(row[1])

    for model, seeds in sorted(found.items(), key=skill, reverse=True):
        spent = [kept.scores[f"spent/{model}/{seed}"]["spent"] for seed in range(len(seeds))]
        seconds = sum(one["training"] for one in spent) / len(spent)
        lowest = min(one.interval("NSS")[0] for one in seeds)
        above = "yes" if lowest > best else "no"
        rows.append(line(model, seeds, f"{parameters(model):,} | {seconds:.0f} | {above}"))
    about = (
        f"{today()}, threads: {THREADS}. Seven clips in DIEM's layout to learn from, three to be "
        f"tested on, at {CFG.frames.width}x{CFG.frames.height}; {ITERATIONS} iterations of {FRAMES}"
        f" frames (clips of {RECIPE.clip.frames} predicted frames for networks that see time), Eq. "
        f"(6), Adam at {RECIPE.learning_rate:g}, for all alike but {' and '.join(GENTLE)} "
        f"({GENTLY['learning_rate']:g}, gradients of norm {GENTLY['gradient_norm']:g} at most) and "
        "the predecessor's networks, whose loss is Euclidean (SGD). Networks and sizes are those "
        "of `run: real`; batch normalisation has a momentum of "
        f"{RECIPE.batch_norm_momentum:g}. GFSalNet and UNISAL start from ImageNet weights of "
        "MobileNetV2, all others at random; none is pretrained on images. OM-CNN and STSConvNet "
        "are trained in two stages, both counted in their seconds. Means over seeds (each seed) "
        "[95 % over clips, bootstrap of the means over seeds]. The last column says whether the "
        "lower bound of NSS lies above both floors in every seed. `python bench/rivals.py`."
    )
    reading = (
        "A yes shows that a network, its samples and its streaming prediction work, not which is "
        "the better one: at these sizes, from these starts and by this recipe none of them is its "
        "authors' system."
    )
    lines = [
        "# Rivals on real recordings",
        "",
        fill(about, 100),
        *table("parameters", "CPU s of training", "above"),
        *rows,
        *(line(name, one, "- | - | -") for name, one in floor.items()),
        "",
        fill(reading, 100),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run("rivals", RIVALS, learnt, page)
