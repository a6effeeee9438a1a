"""The whole state of a network out of a file of weights that its authors released."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.released import Format, Released, arranged, released_shape
from pipeline.importing.matching import Shape, matched
from pipeline.importing.opening import READERS, opened
from pipeline.importing.stored import Stored
from pipeline.runtime.errors import InputError
from pipeline.stores.weights import file_sha256

_REMEDY = "name the file that the network's authors distribute"
_COUNTER = "num_batches_tracked"
"""Batches that a batch normalisation has seen, which only PyTorch counts and no map depends on."""


class Read(NamedTuple):
    """What was read of a file of weights."""

    format: Format
    sha256: str
    tensors: int
    values: int


def load_released(
    network: nn.Module, arguments: Mapping[str, Any], file: Path, sha256: str | None
) -> Read:
    """Give a network, built from `arguments`, its authors' weights, and return what was read.

    Raises:
        InputError: The file has another digest than `sha256` or the authors' file, is damaged,
            holds other tensors than the network has, or values that are not finite; or nothing is
            known of such a file.
    """
    known = _released(network, arguments)
    found = file_sha256(file)
    _check_digest(file, found, sha256, known)
    with torch.no_grad(), opened(file, known.format) as stored:
        state = imported(network, known, stored, file)
        network.load_state_dict(state)
    values = sum(state[key].numel() for key in known.tensors)
    return Read(known.format, found, len(known.tensors), values)


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
