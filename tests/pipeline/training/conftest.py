"""Stores that several tests of trainings read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.spots import H, W, draw_spots


@pytest.fixture
def samples(tmp_path: Path) -> TrainingSamples:
    return draw_spots(tmp_path, H, W)


@pytest.fixture
def large(tmp_path: Path) -> TrainingSamples:
    """Frames large enough for the levels of a backbone."""
    return draw_spots(tmp_path, 64, 64)
