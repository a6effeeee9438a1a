"""Networks by the name that the configuration gives them, imported when they are asked for.

The code digest does not follow this module: the rules count the module of the network that a job
uses (`module_of`), so that a new network makes no other one's results stale.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

NETWORKS = {
    "gfsalnet": "model.gfsalnet:GFSalNet",
    "two_stream": "model.two_stream:TwoStream",
    "centre_bias": "model.baselines:CentreBias",
    "chance": "model.baselines:Chance",
    "itti": "model.classical.itti:Itti",
    "gbvs": "model.classical.gbvs:GBVS",
    "spectral_residual": "model.classical.spectral_residual:SpectralResidual",
    "mean_map": "model.mean_map:MeanMap",
    "pqft": "model.classical.pqft:PQFT",
    "coding_length": "model.classical.coding_length:CodingLength",
    "fang": "model.classical.fang:Fang",
}
"""Name in config.yaml -> module:class."""


def _entry(network: str) -> tuple[str, str]:
    if network not in NETWORKS:
        raise ValueError(f"unknown network {network!r}; known are {', '.join(sorted(NETWORKS))}")
    module, _, name = NETWORKS[network].partition(":")
    return module, name


def module_of(network: str) -> str:
    """Dotted name of a network's module, known without importing it.

    Raises:
        ValueError: There is no such network.
    """
    return _entry(network)[0]


def _class(network: str) -> type[nn.Module]:
    module, name = _entry(network)
    try:
        found: type[nn.Module] = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(
            f"network {network!r}: {NETWORKS[network]} cannot be imported ({error}); "
            "correct its line in model/registry.py"
        ) from error
    return found


def parameters_of(network: str) -> dict[str, inspect.Parameter]:
    """List the keys of a network's constructor.

    Raises:
        ValueError: There is no such network.
    """
    return dict(inspect.signature(_class(network)).parameters)


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
    return _class(network)(**settings)
