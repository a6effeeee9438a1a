"""Networks by the name that config.yaml gives them; a network's module is imported when asked for.

Importing this module imports no torch: the planning of a run asks it where a network's code lies.
The code digest does not follow this module; the rules count the module of the network that a job
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
    "gfsalnet_light": "model.light:GFSalNetLight",
    "two_stream": "model.two_stream:TwoStream",
    "centre_bias": "model.baselines:CentreBias",
    "chance": "model.baselines:Chance",
    "itti": "model.classical.itti:Itti",
    "itti_paper": "model.classical.paper.itti:Itti",
    "gbvs": "model.classical.gbvs:GBVS",
    "gbvs_paper": "model.classical.paper.gbvs:GBVS",
    "spectral_residual": "model.classical.spectral_residual:SpectralResidual",
    "spectral_residual_paper": "model.classical.paper.spectral_residual:SpectralResidual",
    "mean_map": "model.baselines:MeanMap",
    "pqft": "model.classical.pqft:PQFT",
    "pqft_paper": "model.classical.paper.pqft:PQFT",
    "coding_length": "model.classical.coding_length:CodingLength",
    "coding_length_paper": "model.classical.paper.coding_length:CodingLength",
    "fang": "model.classical.paper.fang:Fang",
    "tased_net": "model.rivals.tased_net:TASEDNet",
    "salgan": "model.rivals.salgan:SalGAN",
    "salema": "model.rivals.salema:SalEMA",
    "aclnet": "model.rivals.aclnet:ACLNet",
    "stra_net": "model.rivals.stra_net:STRANet",
    "om_cnn": "model.rivals.om_cnn:OMCNN",
    "shallow_convnet": "model.rivals.shallow_convnet:ShallowConvNet",
    "unisal": "model.rivals.unisal:UNISAL",
}
"""Name of a network -> "module:Class"."""


def module_of(network: str) -> str:
    """Return the dotted name of the module that defines a network, without importing it.

    Raises:
        ValueError: There is no such network.
    """
    if network not in NETWORKS:
        raise ValueError(f"unknown network {network!r}; known are {', '.join(sorted(NETWORKS))}")
    return NETWORKS[network].partition(":")[0]


def class_of(network: str) -> type[nn.Module]:
    """Import a network's module and return its class.

    Raises:
        ValueError: There is no such network, or no such module or class as ``NETWORKS`` says.
    """
    module, name = module_of(network), NETWORKS[network].partition(":")[2]
    try:
        found: type[nn.Module] | None = getattr(import_module(module), name, None)
    except ModuleNotFoundError as error:
        # A module that is there and imports one that is not is at fault itself, not the registry.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        found = None
    if found is None:
        raise ValueError(
            f"model/registry.py: network {network!r}: there is no {NETWORKS[network]};"
            ' write "module:Class" of a file in model/'
        )
    return found


def parameters_of(network: str) -> dict[str, inspect.Parameter]:
    """Return the parameters of a network's constructor by their names, config.yaml's keys.

    Raises:
        ValueError: There is no such network.
    """
    return dict(inspect.signature(class_of(network)).parameters)


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
    return class_of(network)(**settings)
