"""A checkpoint is resumed by its own training alone, and a broken one is set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.kills import terminated
from tests.pipeline.training.spots import Small, run_in, small


@pytest.mark.parametrize("change", [{"seed": 8}, {"network": {"scale": 2}}, {"code": "other"}])
def test_a_checkpoint_of_another_training_is_left_alone(
    samples: TrainingSamples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
) -> None:
    with terminated(Small, step=5):
        train(small(), samples, run_in(tmp_path))
    (kept,) = tmp_path.rglob("state.pt")
    content = kept.read_bytes()
    capsys.readouterr()
    rows = train(small(), samples, run_in(tmp_path)._replace(**change))
    out = capsys.readouterr().out
    assert f"({kept.parent.name}): of trainings with other data, settings or code" in out
    assert "resuming" not in out
    assert rows[0][0] == 1
    assert kept.read_bytes() == content


def test_a_broken_checkpoint_is_no_obstacle(
    samples: TrainingSamples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with terminated(Small, step=5):
        train(small(), samples, run_in(tmp_path))
    (kept,) = tmp_path.rglob("state.pt")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert train(small(), samples, run_in(tmp_path))[0][0] == 1
    assert f"{kept}: damaged, and kept as state.broken" in capsys.readouterr().out
