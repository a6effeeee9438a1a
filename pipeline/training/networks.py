"""Networks as config.yaml describes them, with the weights of a training."""

from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

from torch import Tensor, nn

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
        name = arguments.get("network")
        raise InputError(
            f"config.yaml: networks.{name}, or a model of it: {error}; correct that entry"
        ) from error


def load_into(
    load: Callable[[dict[str, Tensor]], object],
    file: Path,
    whose: str,
    remedy: str,
    *,
    ours: bool = True,
) -> None:
    """Load the weights of a file, which may be not `ours`, by a network's method.

    Raises:
        InputError: The file is broken, or holds other weights than the network's.
    """
    weights = load_weights(file, ours=ours)
    try:
        load(weights)
    except (RuntimeError, ValueError) as error:
        # torch lists every key, a line each, after a head that names its class.
        head, _, keys = str(error).partition("Error(s) in loading state_dict for ")
        reason = shorten(head + keys, 200, placeholder=" ...")
        raise InputError(f"{file}: not weights of {whose} ({reason}); {remedy}") from error


def load_network(arguments: dict[str, Any], weights: list[Path]) -> nn.Module:
    """The network on its device in evaluation mode, with weights unless it needs no training.

    Raises:
        InputError: The keys do not fit the network, or the weights do not.
    """
    network = build_network(arguments)
    for file in weights:
        remedy = f"rerun what makes them, with: snakemake --force {file}"
        load_into(network.load_state_dict, file, "this model", remedy)
    return network.to(device()).eval()


def enter(network: Any, dataset: str) -> None:
    """Let a network work in the domain of a dataset, if it has domains.

    Raises:
        InputError: It has none for this dataset.
    """
    if hasattr(network, "enter"):
        try:
            network.enter(dataset)
        except ValueError as error:
            raise InputError(f"config.yaml: networks: {error}") from error
