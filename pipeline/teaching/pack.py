"""Stage pack: trained weights as they come with this package, half as large.

Convolutions are stored in float16, which moves no map by a grey level; tensors of one dimension,
such as the statistics of normalisations, stay in float32 and weigh next to nothing. The facts say
what a user asks of weights: which network, trained how and on what, the size of the frames and the
flow that it expects.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.config.data import Flow
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import disk_errors
from pipeline.stores.weights import file_sha256, save_weights, weights_facts
from pipeline.training.networks import build_network, load_into

TRAINED = ("training", "seed", "data", "code", "torch")
"""Facts of a training that go along, where it has them."""


def halve(network: nn.Module) -> None:
    """Turn the tensors of a network that have two dimensions or more into float16.

    Raises:
        ValueError: A value is beyond what float16 can hold.
    """
    for name, tensor in network.state_dict(keep_vars=True).items():
        if tensor.dim() > 1:
            half = tensor.data.half()
            if not torch.isfinite(half).all():
                raise ValueError(f"{name}: {float(tensor.abs().max()):g} is beyond float16")
            tensor.data = half


def pack(
    *,
    weights: Path,
    before: list[Path],
    flow: Flow,
    sources: list[Path],
    packed: Path,
) -> None:
    """Pack the weights of a training of gfsalnet_light, which saw `flow`.

    `before` holds the weights of the trainings that led to it, in their order, and `sources` the
    sheets of the material; their digests go along.

    Raises:
        InputError: Weights are damaged, of another network, or do not fit into float16.
    """
    facts = weights_facts(weights)
    if (facts.get("network") or {}).get("network") != "gfsalnet_light":
        raise InputError(f"{weights}: not of gfsalnet_light; give weights of run light")
    network = build_network(facts["network"])
    load_into(network.load_state_dict, weights, "the network that it names", "train it again")
    try:
        halve(network)
    except ValueError as error:
        raise InputError(f"{weights}: {error}; train it again at a lower rate") from error
    said: dict[str, Any] = {
        "network": facts["network"],
        "frames": dict(zip(("height", "width"), facts["network"]["size"], strict=True)),
        "flow": flow.model_dump(),
        "trainings": [trained(file) for file in (*before, weights)],
        "sources": {sheet.name: file_sha256(sheet) for sheet in sources},
    }
    with disk_errors(packed):
        save_weights(packed, network, said)
    print(f"{packed}: {packed.stat().st_size / 1e6:.2f} MB")


def trained(weights: Path) -> dict[str, Any]:
    """Return what weights say of their training, and their name."""
    facts = weights_facts(weights)
    return {"name": weights.stem, **{key: facts[key] for key in TRAINED if key in facts}}


if __name__ == "__main__":
    main(pack)
