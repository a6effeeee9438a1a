"""Weights of networks on disk: safetensors, with the facts of their training as metadata."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic

if TYPE_CHECKING:
    from torch import Tensor, nn

_SETTINGS = ("network", "training", "fitting", "recipe", "loss", "seed")
"""Facts that come from config.yaml; the others name the data, the code and what came out."""


def save_weights(path: Path, network: nn.Module, facts: dict[str, Any]) -> None:
    """Write a network's weights as safetensors, with `facts` as JSON in its metadata.

    Raises:
        InputError: The disk refuses it.
    """
    from safetensors.torch import save  # torch takes two seconds, and facts can be read without it

    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    # One key: with several, safetensors writes them in an order that changes from run to run.
    # As bytes: save_file makes files that nobody else may read.
    content = save(tensors, metadata={"facts": json.dumps(facts, sort_keys=True)})
    with atomic(path) as partial:
        partial.write_bytes(content)


def check_digest(path: Path, sha256: str | None) -> None:
    """Compare a file with the sha256 that it must have, or with its first digits.

    Raises:
        InputError: It has another one.
    """
    if sha256 is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(sha256.lower()):
        raise InputError(f"{path}: expected the sha256 {sha256}, found {found}; fetch it again")


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, by name.

    Raises:
        InputError: The file is missing or damaged.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:
        raise InputError(f"{path}: cannot read weights ({error}); rerun this target") from error


def weights_facts(path: Path) -> dict[str, Any]:
    """Return the facts that `save_weights` wrote beside the weights.

    Raises:
        SafetensorError, OSError: The file is damaged or missing.
        KeyError, TypeError: Another program wrote it, without facts.
    """
    # The metadata hold no array, and NumPy is there at once where torch takes two seconds.
    with safe_open(path, framework="numpy") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts


def weights_settings(path: Path) -> Mapping[str, Any] | None:
    """Return the facts of a training that come from config.yaml; None where there are no facts.

    Raises:
        InputError: The file is missing or damaged.
    """
    try:
        facts = weights_facts(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot read weights ({error}); rerun this target") from error
    except (KeyError, TypeError):
        return None
    return {name: facts[name] for name in _SETTINGS if name in facts}
