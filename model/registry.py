"""Networks by the name that the configuration gives them."""

from __future__ import annotations

import inspect

from torch import nn

from model.baselines import CentreBias, Chance
from model.classical.coding_length import CodingLength
from model.classical.fang import Fang
from model.classical.gbvs import GBVS
from model.classical.itti import Itti
from model.classical.pqft import PQFT
from model.classical.spectral_residual import SpectralResidual
from model.gfsalnet import GFSalNet
from model.mean_map import MeanMap
from model.two_stream import TwoStream

NETWORKS: dict[str, type[nn.Module]] = {
    "gfsalnet": GFSalNet,
    "two_stream": TwoStream,
    "centre_bias": CentreBias,
    "chance": Chance,
    "itti": Itti,
    "gbvs": GBVS,
    "spectral_residual": SpectralResidual,
    "mean_map": MeanMap,
    "pqft": PQFT,
    "coding_length": CodingLength,
    "fang": Fang,
}


def parameters_of(network: str) -> dict[str, inspect.Parameter]:
    """List the keys of a network's constructor.

    Raises:
        ValueError: There is no such network.
    """
    if network not in NETWORKS:
        raise ValueError(f"unknown network {network!r}; known are {', '.join(sorted(NETWORKS))}")
    return dict(inspect.signature(NETWORKS[network]).parameters)


def build(network: str, **settings: object) -> nn.Module:
    """Build a network from its name and its constructor's keys.

    Raises:
        ValueError: The name is unknown, or keys are unknown or missing.
    """
    allowed = parameters_of(network)
    unknown = [key for key in settings if key not in allowed]
    missing = [
        key
        for key, parameter in allowed.items()
        if parameter.default is parameter.empty and key not in settings
    ]
    if unknown or missing:
        raise ValueError(
            f"network {network!r}: unknown keys {unknown}, missing keys {missing};"
            f" it takes {', '.join(allowed) or 'none'}"
        )
    return NETWORKS[network](**settings)
