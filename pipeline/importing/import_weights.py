"""Stage import_weights: weights that a network's authors released, as the workflow has them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from model.released import Released, arranged, released_shape
from pipeline.importing.matching import Shape, matched
from pipeline.importing.opening import READERS, opened
from pipeline.importing.stored import Stored
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import disk_errors
from pipeline.stores.weights import file_sha256, save_weights
from pipeline.training.networks import build_network

_REMEDY = "name the file that the network's authors distribute"
_COUNTER = "num_batches_tracked"
"""Batches that a batch normalisation has seen, which only PyTorch counts and no map depends on."""


def import_weights(
    *, network: dict[str, Any], file: Path, sha256: str | None, code: str, weights: Path
) -> None:
    """Turns a file of weights as a network's authors released it into one of the workflow.

    `sha256` is what the file's digest begins with; null: one of those that are known of the
    authors' files, if any are.

    Raises:
        InputError: The file has another digest, is damaged, holds other tensors than the network
            has, or values that are not finite; or nothing is known of such a file.
    """
    built = build_network(network)
    known = _released(built, network)
    found = file_sha256(file)
    _check_digest(file, found, sha256, known)
    with torch.no_grad(), opened(file, known.format) as stored:
        state = imported(built, known, stored, file)
        built.load_state_dict(state)
    values = sum(state[key].numel() for key in known.tensors)
    facts = {
        "network": network,
        "weights": file.name,
        "file": {"format": known.format, "sha256": found, "bytes": file.stat().st_size},
        "code": code,
    }
    with disk_errors(weights):
        save_weights(weights, built, facts)
    print(f"{file}: {len(known.tensors)} tensors, {values} values, sha256 {found}")


def _released(built: nn.Module, network: Mapping[str, Any]) -> Released:
    if not hasattr(built, "released"):
        raise InputError(
            f"config.yaml: models: network {network.get('network')!r} knows no file of its "
            "authors' weights (no method `released`); take `weights` out of its entry"
        )
    known: Released = built.released()  # type: ignore[operator]
    return known


def _check_digest(file: Path, found: str, sha256: str | None, known: Released) -> None:
    """Compare a file's digest with the one that config.yaml asks for, or with the authors'."""
    if sha256 is not None and not found.startswith(sha256.lower()):
        raise InputError(f"{file}: expected the sha256 {sha256}, found {found}; fetch it again")
    if sha256 is None and known.sha256 and found not in known.sha256:
        raise InputError(
            f"{file}: expected the sha256 {' or '.join(known.sha256)}, found {found}; fetch it "
            f"again, or where other weights of this network are meant, write sha256: {found} "
            "beside `weights` in config.yaml"
        )


def imported(
    network: nn.Module, known: Released, stored: Mapping[str, Stored], file: Path
) -> dict[str, Tensor]:
    """Return a network's whole state out of a file's tensors.

    Raises:
        InputError: A name, a shape, a type or a value is not as it must be.
    """
    state: dict[str, Tensor] = dict(network.state_dict())
    if lost := [key for key in state.keys() ^ known.tensors.keys() if not key.endswith(_COUNTER)]:
        raise ValueError(f"{type(network).__name__}.released() and its state differ: {lost}")
    shapes: dict[str, Shape] = {
        source.name: released_shape(state[key].shape, source.layout)
        for key, source in known.tensors.items()
    }
    try:
        names = matched(stored, known, shapes)
    except ValueError as error:
        what = f"{READERS[known.format][0]} of {type(network).__name__}"
        raise InputError(f"{file}: not {what}: {error}; {_REMEDY}") from error
    for key, source in known.tensors.items():
        name = names[source.name]
        value = stored[name].read().reshape(shapes[source.name])
        if value.is_floating_point() != state[key].is_floating_point() or value.is_complex():
            raise InputError(
                f"{file}: {name} holds {value.dtype} for {state[key].dtype}; {_REMEDY}"
            )
        value = arranged(value, source.layout).to(state[key].dtype)
        if not value.isfinite().all():
            raise InputError(f"{file}: {name} holds NaN or infinity; fetch it again")
        state[key] = value
    return state


if __name__ == "__main__":
    main(import_weights)
