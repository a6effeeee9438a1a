"""Networks as config.yaml describes them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.runtime.errors import InputError
from pipeline.training import networks
from pipeline.training.networks import build_network


def test_an_unknown_key_of_a_network_is_named() -> None:
    with pytest.raises(InputError, match=r"config\.yaml: .*unknown keys \['sigmas'\]"):
        build_network({"network": "centre_bias", "sigmas": 1})


def test_using_a_network_loads_no_code_of_trainings() -> None:
    """A change of the training loop reruns no prediction, as digests follow imports."""
    tree = ast.parse(Path(networks.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "pipeline.stores.weights" in imported
    assert not any(str(name).startswith("pipeline.training") for name in imported)
