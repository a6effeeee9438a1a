"""Networks as config.yaml describes them, with the weights of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from model.registry import build
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.stores.weights import load_weights


def build_network(arguments: dict[str, Any]) -> nn.Module:
    """The network that config.yaml describes.

    Raises:
        InputError: Names the keys that its constructor does not know or lacks.
    """
    try:
        return build(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"config.yaml: models, networks: {error}") from error


def load_network(arguments: dict[str, Any], weights: list[Path]) -> nn.Module:
    """The network on its device, to be used as it is.

    Args:
        arguments: As `build_network` takes them.
        weights: One file, or none for what needs no training.

    Raises:
        InputError: Names the keys, or the file, that do not fit.
    """
    network = build_network(arguments)
    for file in weights:
        try:
            network.load_state_dict(load_weights(file))
        except RuntimeError as error:
            raise InputError(f"{file}: not weights of this model: {error}") from error
    return network.to(device()).eval()
