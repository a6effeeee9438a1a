"""Stages pretrain and finetune, from start weights to written ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.runtime.errors import InputError
from pipeline.stores.weights import load_weights
from pipeline.training.finetune import finetune
from pipeline.training.pretrain import pretrain
from tests.builders import training
from tests.pipeline.training.spots import LOSS, H, W, draw_spots


def test_a_network_without_a_backbone_takes_no_weights_for_one(tmp_path: Path) -> None:
    arguments = {"network": "two_stream", "streams": "both", "fusion": "early", "width": 0.05}
    arguments |= {
        "fuse_after": 4,
        "fusion_identity": 1.0,
        "flow_encoding": "uvm",
        "flow_scale": 4.0,
    }
    draw_spots(tmp_path, H, W)
    weights = tmp_path / "start.safetensors"
    settings = training(epochs=None, iterations=2, loss="euclidean", learning_rate=1e-4)
    stores = {kind: [tmp_path / f"{kind}.json"] for kind in ("frames", "gaze", "density")}
    common: dict[str, Any] = {
        "settings": settings,
        "loss": LOSS,
        "seed": 1,
        "threads": 1,
        "code": "code",
        "checkpoints": tmp_path / "checkpoints",
        "checkpoint_minutes": 30,
        "board": tmp_path / "board",
        "network": arguments,
        **{f"validation_{kind}": [] for kind in stores},
        **stores,
    }
    before = {"sha256": None, "weights": weights, "log": tmp_path / "log.csv"}
    pretrain(backbone=[], **before, **common)
    with pytest.raises(InputError, match=r"x\.pth: network TwoStream has no backbone"):
        pretrain(backbone=[tmp_path / "x.pth"], **before, **common)
    flow: dict[str, Any] = {"flow": [tmp_path / "flow.json"], "validation_flow": []}
    after = {"weights": tmp_path / "early.safetensors", "log": tmp_path / "early.csv"}
    finetune(start=[weights], backbone=[], sha256=None, **flow, **after, **common)
    assert "fusion.weight" in load_weights(tmp_path / "early.safetensors")
    assert len((tmp_path / "early.csv").read_text().splitlines()) == 3
