"""Stage fit: what is learned without gradients, from training frames or from their densities.

`coding_length` takes its sparse features from patches of the frames, `mean_map` the mean density.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import FastICA
from torch import Tensor, nn

from model.baselines import MeanMap
from model.classical.coding_length import CodingLength
from model.classical.resize import resized
from pipeline.config.training import Fitting
from pipeline.preprocessing.tensors import frame_tensor
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole, writing
from pipeline.stores.kinds import DENSITY, FRAMES, Kind
from pipeline.stores.reading import open_store
from pipeline.stores.verify import damage
from pipeline.stores.weights import save_weights
from pipeline.training.networks import build_network


class Inputs(NamedTuple):
    """What a fit may read."""

    frames: list[Path]
    """Manifests of FRAMES stores."""
    density: list[Path]
    """Manifests of DENSITY stores."""
    settings: Fitting
    seed: int


Facts = dict[str, float]
"""What a fit came to, for its log."""


def every_nth(kind: Kind, manifests: Sequence[Path], step: int) -> Iterator[NDArray[Any]]:
    """Every n-th frame of all clips in their order, counted through, so images are skipped too."""
    if not manifests:
        raise InputError(
            f"fit: no {kind.name} stores; name manifests of training parts, as rule fit does"
        )
    passed = 0
    for manifest in manifests:
        store = open_store(kind, manifest)
        for clip in store.clips:
            array = store[clip]
            count = array.shape[0]
            for time in range(-passed % step, count, step):
                yield np.asarray(array[time])
            passed += count


def chosen(kind: Kind, manifests: Sequence[Path], step: int) -> int:
    """How many frames `every_nth` gives."""
    stores = (open_store(kind, manifest) for manifest in manifests)
    total = sum(int(facts["shape"][0]) for store in stores for facts in store.clips.values())
    return -(-total // step)


def fit_coding_length(network: nn.Module, inputs: Inputs) -> Facts:
    """Independent components of patches at random places of the frames as the network sees them."""
    assert isinstance(network, CodingLength)
    settings, random = inputs.settings, np.random.default_rng(inputs.seed)
    frames = chosen(FRAMES, inputs.frames, settings.every)
    patches: list[Tensor] = []
    for place, frame in enumerate(every_nth(FRAMES, inputs.frames, settings.every)):
        small = network.working_frame(frame_tensor(frame)[None])[0]
        count = shared(settings.patches, frames, place)
        patches += [random_patches(small, network.patch, count, random)]
    samples = torch.cat(patches).double().numpy()
    count = len(network.filters)
    rank = np.linalg.matrix_rank(samples - samples.mean(axis=0))
    if rank < count:
        raise InputError(
            f"{inputs.frames[0]} and others: {len(samples)} patches of {network.patch}x"
            f"{network.patch}: {rank} dimensions vary, {count} components are asked for; lower "
            "networks.coding_length.features or raise fitting.patches in config.yaml"
        )
    found = FastICA(
        count,
        whiten="unit-variance",
        whiten_solver="eigh",
        max_iter=settings.iterations,
        tol=settings.tolerance,
        random_state=inputs.seed,
    ).fit(samples)
    network.filters.copy_(torch.from_numpy(found.components_).view_as(network.filters))
    network.mean.copy_(torch.from_numpy(found.mean_).view_as(network.mean))
    facts = {"frames": frames, "patches": len(samples), "iterations": found.n_iter_}
    return facts | {"converged": found.n_iter_ < settings.iterations}


def shared(total: int, among: int, place: int) -> int:
    """What the one at a place gets of a total, so that no two differ by more than one."""
    return total * (place + 1) // among - total * place // among


def random_patches(frame: Tensor, side: int, count: int, random: np.random.Generator) -> Tensor:
    """Patches [count, 3 * side * side] of a frame [3, H, W]."""
    windows = frame.unfold(1, side, 1).unfold(2, side, 1)
    y, x = (torch.from_numpy(random.integers(0, n, count)) for n in windows.shape[1:3])
    return windows[:, y, x].transpose(0, 1).flatten(1)


def fit_mean_map(network: nn.Module, inputs: Inputs) -> Facts:
    """The mean of the densities, each as a distribution: the best of all maps that never change.

    Best in the mean KL divergence. Frames that nobody looked at do not count.
    """
    assert isinstance(network, MeanMap)
    size = (network.density.shape[-2], network.density.shape[-1])
    total, count = torch.zeros(1, 1, *size, dtype=torch.float64), 0
    for density in every_nth(DENSITY, inputs.density, inputs.settings.every):
        small = resized(torch.from_numpy(density.astype(np.float64))[None, None], size)
        mass = small.sum()
        if mass > 0:
            total += small / mass
            count += 1
    if not count:
        raise InputError(f"{inputs.density[0]} and others: no frame with gaze; check stage gaze")
    network.density.copy_(total / total.max())
    return {"frames": count}


FITS: dict[str, Callable[[nn.Module, Inputs], Facts]] = {
    "coding_length": fit_coding_length,
    "mean_map": fit_mean_map,
}
"""Network -> what fits it."""


def fit(
    *,
    network: dict[str, Any],
    frames: list[Path],
    density: list[Path],
    settings: Fitting,
    seed: int,
    threads: int,
    code: str,
    weights: Path,
    log: Path,
) -> None:
    """Fits a network to the FRAMES or DENSITY stores of training parts; the other may be none."""
    torch.set_num_threads(threads)
    name = network.get("network", "")
    if name not in FITS:
        raise InputError(
            f"config.yaml: models: network {name!r} has nothing to fit; "
            f"those that have are {', '.join(FITS)}"
        )
    built = build_network(network)
    with torch.no_grad():
        found = FITS[name](built, Inputs(frames, density, settings, seed))
    digests = [open_store(kind, path).digest for kind, path in _read(name, frames, density)]
    facts = {
        "network": network,
        "fitting": settings.model_dump(),
        "seed": seed,
        "data": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
        "code": code,
    }
    with writing(weights):
        save_weights(weights, built, facts)
    _write_log(log, found)
    print(", ".join(f"{fact} {value:g}" for fact, value in found.items()))


def _read(name: str, frames: list[Path], density: list[Path]) -> list[tuple[Kind, Path]]:
    """The stores that a fit was made from."""
    if name == "mean_map":
        return [(DENSITY, path) for path in density]
    return [(FRAMES, path) for path in frames]


def _write_log(path: Path, facts: Facts) -> None:
    with whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fact", "value"])
        writer.writerows([fact, f"{value:.6g}"] for fact, value in facts.items())


if __name__ == "__main__":
    main(fit, damage=damage)
