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
    """The network that an entry of `models` describes, with random weights.

    Raises:
        InputError: The network is unknown, or its constructor has other keys; both are named.
    """
    try:
        return build(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"config.yaml: models, networks: {error}; correct that entry") from error


def load_network(arguments: dict[str, Any], weights: list[Path]) -> nn.Module:
    """The network on its device, with its weights and in evaluation mode.

    Args:
        arguments: As `build_network` takes them.
        weights: One file, or none for a network that needs no training.

    Raises:
        InputError: The keys do not fit the network, or the weights do not.
    """
    network = build_network(arguments)
    for file in weights:
        try:
            network.load_state_dict(load_weights(file))
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]  # torch lists every key, a line each
            raise InputError(
                f"{file}: not weights of this model ({reason}); rerun what makes them, with: "
                f"snakemake --force {file}"
            ) from error
    return network.to(device()).eval()
