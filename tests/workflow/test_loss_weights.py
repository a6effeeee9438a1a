"""Target loss_weights: other weights of Eq. (6), each with a pretraining and a row of its own."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.stores.weights import weights_facts


@pytest.mark.slow
def test_each_loss_has_weights_and_a_row(project: Any) -> None:
    said = project.run("loss_weights")
    assert "pretrain" in said
    assert said.count("rule pretrain:") == 1  # beta 0.1 is the pretraining that is there
    results = project.folder / "results/demo"
    sheet = pd.read_csv(results / "loss_weights/loss_weights.csv", comment="#")
    measured = sheet[sheet["metric"] == "NSS"].set_index("method")["ours"]
    names = {"alpha 1, beta 0.1": "salicon", "alpha 1, beta 1": "salicon_1_1"}
    assert {*names} < {*measured.index}
    for row, training in names.items():
        loss = weights_facts(results / f"weights/spatial/{training}.safetensors")["loss"]
        assert row == f"alpha {loss['alpha']:g}, beta {loss['beta']:g}"
        scores = pd.read_csv(results / f"scores/mit/spatial/{training}/salicon.csv", comment="#")
        assert abs(scores["NSS"].mean() - measured[row]) < 1e-5
    assert "other weights of Eq. (6)" in (results / "loss_weights/index.md").read_text()
    assert "Nothing to be done" in project.run("results/tables")
