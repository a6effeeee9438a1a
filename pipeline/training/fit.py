"""Stage fit: weights that are learnt without gradients, from training frames or their densities.

`coding_length` learns sparse features of patches of the frames, `mean_map` the mean density.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.baselines import MeanMap
from model.classical.coding_length import CodingLength
from model.classical.paper.coding_length import CodingLength as CodingLengthPaper
from model.classical.resize import resized
from pipeline.config.training import Fitting
from pipeline.preprocessing.tensors import frame_tensor
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import disk_errors
from pipeline.runtime.sheets import write_rows
from pipeline.stores.kinds import DENSITY, FRAMES, Kind
from pipeline.stores.manifests import left_out
from pipeline.stores.reading import Store, open_store, refuse_nothing
from pipeline.stores.verify import damage
from pipeline.stores.weights import save_weights
from pipeline.training.networks import build_network

Clip = tuple[Store, str]
"""A clip in its store."""
Facts = dict[str, float]
"""Counts and outcomes of a fit, for its log."""


def clips_of(kind: Kind, manifests: Sequence[Path], density: Sequence[Path]) -> list[Clip]:
    """Clips of the training, in their order, without those whose gaze could not be read."""
    gone = left_out(density)
    stores = [open_store(kind, manifest) for manifest in manifests]
    clips = [(store, clip) for store in stores for clip in store.clips if clip not in gone]
    refuse_nothing([clip for _, clip in clips], [*manifests, *density])
    return clips


def every_nth(clips: Sequence[Clip], step: int) -> Iterator[NDArray[Any]]:
    """Every `step`-th frame of all clips in their order, so clips of one image are skipped too."""
    passed = 0
    for store, clip in clips:
        array = store[clip]
        count = array.shape[0]
        for time in range(-passed % step, count, step):
            yield np.asarray(array[time])
        passed += count


def count_every_nth(clips: Sequence[Clip], step: int) -> int:
    """Number of frames that `every_nth` gives."""
    total = sum(int(store.clips[clip]["shape"][0]) for store, clip in clips)
    return -(-total // step)


def fit_coding_length(network: nn.Module, clips: list[Clip], settings: Fitting, seed: int) -> Facts:
    """Fit independent components of patches at random positions of the network's working frames.

    Raises:
        InputError: There are no frames, or their patches vary in too few dimensions.
    """
    assert isinstance(network, CodingLength | CodingLengthPaper)
    random = np.random.default_rng(seed)
    frames = count_every_nth(clips, settings.every)
    patches: list[Tensor] = []
    for index, frame in enumerate(every_nth(clips, settings.every)):
        small = network.working_frame(frame_tensor(frame)[None])[0]
        count = share(settings.patches, frames, index)
        patches.append(random_patches(small, network.patch, count, random))
    samples = torch.cat(patches).double().numpy()
    count = len(network.filters)
    rank = np.linalg.matrix_rank(samples - samples.mean(axis=0))
    if rank < count:
        raise InputError(
            f"{clips[0][0].path} and others: {len(samples)} patches of {network.patch}x"
            f"{network.patch}: {rank} dimensions vary, {count} components are asked for; lower "
            "`features` of the network or raise fitting.patches in config.yaml"
        )
    # Only here: most fits are means, and scikit-learn takes longer to import than they to compute.
    from sklearn.decomposition import FastICA

    found = FastICA(
        count,
        whiten="unit-variance",
        whiten_solver="eigh",
        max_iter=settings.iterations,
        tol=settings.tolerance,
        random_state=seed,
    ).fit(samples)
    network.filters.copy_(torch.from_numpy(found.components_).view_as(network.filters))
    if isinstance(network, CodingLengthPaper):
        network.mean.copy_(torch.from_numpy(found.mean_).view_as(network.mean))
    facts = {"frames": frames, "patches": len(samples), "iterations": found.n_iter_}
    return facts | {"converged": found.n_iter_ < settings.iterations}


def share(total: int, among: int, index: int) -> int:
    """Share `index` of `total` split into `among` nearly equal integers."""
    return total * (index + 1) // among - total * index // among


def random_patches(frame: Tensor, side: int, count: int, random: np.random.Generator) -> Tensor:
    """Patches [count, 3 * side * side] at random positions of a frame [3, H, W]."""
    windows = frame.unfold(1, side, 1).unfold(2, side, 1)
    y, x = (torch.from_numpy(random.integers(0, n, count)) for n in windows.shape[1:3])
    return windows[:, y, x].transpose(0, 1).flatten(1)


def fit_mean_map(network: nn.Module, clips: list[Clip], settings: Fitting, _seed: int) -> Facts:
    """Fit the mean of the densities, each as a distribution.

    Of all maps that are the same for every frame it has the least mean KL divergence. Frames that
    nobody looked at do not count.

    Raises:
        InputError: There are no densities, or none of a frame that somebody looked at.
    """
    assert isinstance(network, MeanMap)
    size = (network.density.shape[-2], network.density.shape[-1])
    total, count = torch.zeros(1, 1, *size, dtype=torch.float64), 0
    for density in every_nth(clips, settings.every):
        small = resized(torch.from_numpy(density.astype(np.float64))[None, None], size)
        mass = small.sum()
        if mass > 0:
            total += small / mass
            count += 1
    if not count:
        raise InputError(f"{clips[0][0].path} and others: no frame with gaze; check stage gaze")
    network.density.copy_(total / total.max())
    return {"frames": count}


FITS: dict[str, tuple[Kind, Callable[[nn.Module, list[Clip], Fitting, int], Facts]]] = {
    "coding_length": (FRAMES, fit_coding_length),
    "coding_length_paper": (FRAMES, fit_coding_length),
    "mean_map": (DENSITY, fit_mean_map),
}
"""Network -> the kind of the stores that it is fitted to, and the function that does it."""


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
    """Fits a network to the FRAMES or DENSITY stores of training parts.

    The list of the kind that the network does not read may be empty.
    """
    torch.set_num_threads(threads)
    name = network.get("network", "")
    if name not in FITS:
        raise InputError(
            f"config.yaml: models: network {name!r} has nothing to fit; take `fitted` out of its "
            f"entry; networks that are fitted are {', '.join(FITS)}"
        )
    kind, fit_to = FITS[name]
    manifests = frames if kind is FRAMES else density
    built = build_network(network)
    with torch.no_grad():
        found = fit_to(built, clips_of(kind, manifests, density), settings, seed)
    digests = [open_store(kind, manifest).digest for manifest in manifests]
    facts = {
        "network": network,
        "fitting": settings.model_dump(),
        "seed": seed,
        "data": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
        "code": code,
    }
    with disk_errors(weights):
        save_weights(weights, built, facts)
    write_rows(log, ["fact", "value"], ([fact, f"{value:.6g}"] for fact, value in found.items()))
    print(", ".join(f"{fact} {value:g}" for fact, value in found.items()))


if __name__ == "__main__":
    main(fit, damage=damage)
