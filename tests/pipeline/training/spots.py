"""A drawn training: frames with a bright spot that observers look at, and a network for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.outputs import Maps
from pipeline.config.data import GaussianDensity
from pipeline.config.training import Loss
from pipeline.preprocessing.density_recipes import density_map
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE
from pipeline.training.samples import TrainingSamples
from pipeline.training.trainer import Run
from tests.builders import store, training

LOSS = Loss(alpha=1.0, beta=0.1, eps=1e-7)
H, W = 24, 32


class Small(nn.Module):
    """Two layers are enough to see a bright spot."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(5, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 1, 5, padding=2), nn.Softplus()
        )

    def forward(self, frame: Tensor, flow: Tensor) -> Maps:
        return Maps(self.layers(torch.cat([frame, flow], 1)), None, None, None, None)


def small() -> Small:
    torch.manual_seed(3)
    return Small()


def draw_spots(folder: Path, height: int, width: int) -> TrainingSamples:
    """Twelve frames with a bright spot that two observers look at; nobody at the sixth."""
    random = np.random.default_rng(0)
    frames = random.integers(0, 60, (12, height, width, 3), np.uint8)
    spots = np.stack([random.integers(4, height - 4, 12), random.integers(4, width - 4, 12)], 1)
    for i, (y, x) in enumerate(spots):
        frames[i, y - 2 : y + 3, x - 2 : x + 3] = 255
    points = [[i, x, y, o] for i, (y, x) in enumerate(spots) for o in range(2) if i != 5]
    recipe = GaussianDensity(recipe="gaussian", sigma=2.0, repeats="each")
    maps = np.stack([density_map(np.array([spot]), (height, width), recipe) for spot in spots])
    flow = np.ones((12, 2, height // 4, width // 4))
    return TrainingSamples(
        [store(FRAMES, folder, {"a": frames})],
        [store(FLOW, folder, {"a": flow})],
        [store(GAZE, folder, {"a": np.array(points, np.float32)}, frames=12)],
        [store(DENSITY, folder, {"a": maps})],
    )


def run_in(folder: Path, **changes: Any) -> Run:
    """A run of `training()` with some of its keys changed."""
    return Run(
        training(**changes), LOSS, 7, 1, {"scale": 1}, "code", folder / "checkpoints", board=None
    )
