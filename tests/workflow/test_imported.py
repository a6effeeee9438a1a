"""A row of weights that a network's authors released: not measured until their file is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from model.registry import build
from model.released import released_shape
from pipeline.stores.weights import weights_facts

pytestmark = pytest.mark.slow
KEYS = {"network": "salgan", "size": [32, 48], "width": 0.0625, "backbone": None}
KEYS |= {"frozen_blocks": 3}
WEIGHTS = "results/demo/weights/authors/given.safetensors"


def _with_row(content: bytes) -> bytes:
    config = yaml.safe_load(content)
    entry = {**KEYS, "start": None, "weights": "<raw>/mine/authors.npz"}
    config["models"]["authors"] = entry
    row = {"model": "authors", "training": "given"}
    config["tables"]["table_1"]["measured"]["Authors' weights"] = row
    return yaml.safe_dump(config).encode()


def _written(file: Path) -> None:
    """Random weights as the authors' program writes them."""
    network: Any = build(**KEYS)  # type: ignore[arg-type]
    random, state = np.random.default_rng(0), network.state_dict()
    arrays = {
        source.name: random.normal(0, 0.1, released_shape(state[key].shape, source.layout))
        for key, source in network.released().tensors.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)


def test_a_row_of_a_table(project: Any) -> None:
    with project.changed(("config.yaml", _with_row)):
        folder = Path(
            yaml.safe_load((project.folder / "config.yaml").read_text())["pathvars"]["raw"]
        )
        file = project.folder / folder / "mine/authors.npz"
        planned = project.planned("results/tables")
        assert "import_weights" not in planned and "predict" not in planned
        project.run("results/tables")
        why = f"its weights are not there: put authors.npz at {folder}/mine"
        assert why in (project.folder / "results/tables/table_1.md").read_text()
        _written(file)
        project.run("results/tables")
        sheet = pd.read_csv(project.folder / "results/tables/table_1.csv", comment="#")
        assert project.planned("results/tables") == {}
    file.unlink()
    project.run("results/tables")  # as the other tests know them
    measured = sheet.set_index(["method", "metric"])["ours"]["Authors' weights"]
    assert measured.notna().all() and len(measured)
    facts = weights_facts(project.folder / WEIGHTS)
    assert facts["weights"] == "authors.npz" and facts["network"]["network"] == "salgan"
    assert "54 tensors" in (project.folder / "logs/demo/import_weights/authors.log").read_text()
