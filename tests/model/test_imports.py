"""What an import costs: a job pays for torchvision only where it builds one of its backbones."""

from __future__ import annotations

import json
import subprocess
import sys

from model.registry import NETWORKS
from tests.builders import ROOT, configuration

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "model").rglob("*.py")
    if path.name != "torchvision_cpu.py"  # nobody imports it but who needs torchvision
)
BUILD = """
import importlib, json, sys
from model.registry import build, parameters_of

for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
for network, keys in json.loads(sys.argv[2]):
    build(network, **{key: keys[key] for key in keys if key in parameters_of(network)})
print(*{"torchvision", "torch._dynamo", "sympy"} & set(sys.modules))
"""


def imported(code: str, *arguments: str) -> list[str]:
    """Run code in a Python of its own and return the words that it prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_registry_imports_no_torch() -> None:
    code = """
import sys
from model.registry import NETWORKS, module_of

print(*map(module_of, NETWORKS), *{"torch", "torchvision", "numpy"} & set(sys.modules))
"""
    found = imported(code)
    assert found[0] == "model.gfsalnet"
    assert set(found) <= set(MODULES)


def test_only_a_backbone_imports_torchvision() -> None:
    config = configuration("light")  # all networks of config.yaml, and gfsalnet_light
    models = [model for model in config["models"].values() if "network" in model]
    keys = [
        (name := model["network"], config["networks"].get(name, {}) | model) for model in models
    ]
    without = [(network, given) for network, given in keys if "backbone" not in given]
    assert {network for network, _ in keys} == set(NETWORKS)
    with_backbone = {
        *("gfsalnet", "gfsalnet_light", "salgan", "salema", "aclnet"),
        *("stra_net", "tased_net", "unisal"),
    }
    assert {network for network, _ in without} == set(NETWORKS) - with_backbone
    assert imported(BUILD, json.dumps(MODULES), json.dumps(without)) == []
