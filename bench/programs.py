"""Classical models beside their authors' programs: scores and speed, ours by their papers too.

NSS on 60 photographs in SALICON's layout at their own 640x480, at the distinct pixels that people
looked at, against those of the maps that the programs made under GNU Octave
(shared/reference/classical, not distributed); tests/model/classical/test_programs.py compares the
maps themselves. Features of coding length are those with which its program was run. Speed is of the
same frames, of one thread, one model after the other in each of some rounds, of which the fastest
counts. Writes bench/results/programs.md.

    python bench/programs.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pages import publish, today
from PIL import Image
from scipy.io import loadmat
from torch import Tensor, nn

from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments
from pipeline.training.networks import build_network

CFG = configured("paper")
SHARED = Path(__file__).resolve().parents[2] / "shared"
GOLDENS, SALICON = SHARED / "reference/classical", SHARED / "data/salicon"
PAIRS = {
    "gbvs": ("gbvs_own", "gbvs authors"),
    "gbvs_video": ("gbvs_own_video", None),
    "itti": ("itti_paper", "itti Harel"),
    "pqft_static": ("pqft_paper", "pqft_static Guo"),
    "pqft_2": ("pqft_paper", "pqft_static Cat Le"),
    "spectral_residual": ("spectral_residual_paper", "sr authors"),
    "coding_length": ("coding_length_video", "icl authors, own basis"),
}
"""Model as its authors' program -> ours, and the program's name in scores60.csv."""
BATCH = 4
"""Frames of a timed call."""


def built(model: str, **changes: Any) -> nn.Module:
    """Build a model of config.yaml, still where it can be, with the features of the program."""
    arguments = network_arguments(CFG, model) | changes
    if model in ("pqft_paper", "pqft_2"):
        arguments["motion"] = False
    if model == "coding_length_video":
        arguments["earlier"] = 0
    network = build_network(arguments)
    if model.startswith("coding_length"):
        basis = np.load(GOLDENS / "basis.npz")
        buffers = dict(network.named_buffers())
        for name in basis.files:
            if name in buffers:
                buffers[name].copy_(torch.from_numpy(basis[name]))
    return network.eval()


def photograph(name: str) -> Tensor:
    """Return a photograph as a network sees it, [1, 3, y, x]."""
    picture = np.asarray(Image.open(SALICON / f"images/{name}.jpg").convert("RGB"))
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def fixated(name: str) -> NDArray[np.int64]:
    """Return the distinct pixels, x and y, that people looked at."""
    gaze = loadmat(SALICON / f"fixations/val/{name}.mat")["gaze"].ravel()
    points = np.concatenate([one["location"] for one in gaze if len(one["location"])])
    pixels = np.unique(points.astype(np.int64) - 1, axis=0)
    inside = ((pixels >= 0) & (pixels < (640, 480))).all(axis=1)
    return np.asarray(pixels[inside])


@torch.inference_mode()
def scores(networks: dict[str, nn.Module], names: list[str]) -> dict[str, NDArray[np.float64]]:
    """Return the NSS of each photograph by model."""
    found: dict[str, list[float]] = {model: [] for model in networks}
    for name in names:
        picture, points = photograph(name), fixated(name)
        for model, network in networks.items():
            saliency = network(picture, None).saliency[0, 0].double().numpy()
            scaled = (saliency - saliency.mean()) / saliency.std()
            found[model].append(float(scaled[points[:, 1], points[:, 0]].mean()))
    return {model: np.array(values) for model, values in found.items()}


@torch.inference_mode()
def speeds(networks: dict[str, nn.Module], rounds: int) -> dict[str, float]:
    """Return frames of 640x480 per second of one thread, models in turn in each round."""
    frames = torch.rand(BATCH, 3, 480, 640, generator=torch.Generator().manual_seed(0))
    before = frames.flip(0)[:, None]
    taken: dict[str, list[float]] = {model: [] for model in networks}
    for _ in range(rounds + 1):
        for model, network in networks.items():
            earlier = getattr(network, "earlier", 0)
            more = (before.expand(-1, earlier, -1, -1, -1),) if earlier else ()
            start = time.thread_time()
            network(frames, None, *more)
            taken[model].append(time.thread_time() - start)
    return {model: BATCH / min(times[1:]) for model, times in taken.items()}


def main() -> None:
    """Measure and write bench/results/programs.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = list(csv.DictReader((GOLDENS / "scores60.csv").open()))
    names = sorted({row["image"] for row in rows})
    networks = {model: built(model) for pair in PAIRS.items() for model in (pair[0], pair[1][0])}
    still = {model: net for model, net in networks.items() if not model.endswith("_own_video")}
    del still["gbvs_video"]
    nss = scores(still, names)
    fast = speeds(networks, given.rounds)
    lines = [
        "# Classical models beside their authors' programs",
        "",
        f"{today()}, threads: 1. `python bench/programs.py`.",
        "",
        f"NSS on {len(names)} photographs of 640x480, and that of their authors' programs' maps",
        "(run under GNU Octave); frames of 640x480 per second, all models in turn in one run.",
        "Ours beside them: `_paper` as the papers describe them, `_own` our combination. PQFT and",
        "coding length of photographs see one frame.",
        "",
        "| model | NSS | the program's | frames/s | ours | NSS | frames/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for model, (ours, program) in PAIRS.items():
        theirs = [float(row["NSS"]) for row in rows if row["model"] == program]
        shown = f"{np.mean(theirs):.3f}" if theirs else ""
        own = [f"{nss[one].mean():.3f}" if one in nss else "" for one in (model, ours)]
        lines.append(
            f"| {model} | {own[0]} | {shown} | {fast[model]:.1f} "
            f"| {ours} | {own[1]} | {fast[ours]:.1f} |"
        )
    publish("programs", "\n".join(lines))


if __name__ == "__main__":
    main()
