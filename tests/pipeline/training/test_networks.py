"""Networks as config.yaml describes them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.stores.weights import save_weights
from pipeline.training import networks
from pipeline.training.networks import build_network, load_network


def test_an_unknown_key_of_a_network_is_named() -> None:
    with pytest.raises(InputError, match=r"config\.yaml: .*unknown keys \['sigmas'\]"):
        build_network({"network": "centre_bias", "sigmas": 1})


def test_using_a_network_loads_no_code_of_trainings() -> None:
    """A change of the training loop reruns no prediction, as digests follow imports."""
    tree = ast.parse(Path(networks.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "pipeline.stores.weights" in imported
    assert not any(str(name).startswith("pipeline.training") for name in imported)


def test_weights_of_another_network_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    save_weights(tmp_path / "other", nn.Linear(200, 2), {})
    message = r"not weights of this model .*; rerun what makes"
    with pytest.raises(InputError, match=message) as caught:
        load_network({"network": "mean_map", "height": 6, "width": 8}, [tmp_path / "other"])
    assert "\n" not in str(caught.value)
