"""Weights of networks on disk: safetensors, with the facts of their training as metadata."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipeline.runtime.errors import InputError


def save_weights(path: Path, network: nn.Module, facts: dict[str, Any]) -> None:
    """Writes weights as safetensors; `facts` go into its metadata as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    tensors = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    # One key: with several, safetensors writes them in an order that changes from run to run.
    # As bytes: save_file makes files that nobody else may read.
    partial.write_bytes(save(tensors, metadata={"facts": json.dumps(facts, sort_keys=True)}))
    partial.replace(path)


def check_digest(path: Path, sha256: str | None) -> None:
    """Compares a file with the sha256 that it must have, or with its first digits.

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
    """Tensors of a safetensors file.

    Raises:
        InputError: The file is missing or broken.
    """
    try:
        return load_file(path)
    except Exception as error:
        raise InputError(f"{path}: cannot read weights ({error}); rerun this target") from error


def weights_facts(path: Path) -> dict[str, Any]:
    """What `save_weights` was told about the weights."""
    with safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()["facts"])
    return facts
