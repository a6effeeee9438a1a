"""A checkpoint is resumed by its own training alone, and a broken one is set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.stores.states import STATES
from pipeline.training.checkpoints import Checkpoint
from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.kills import terminated
from tests.pipeline.training.spots import Small, run_in, small

MARK = "0123456789abcdef"


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


def _saved(folder: Path, *values: float) -> Checkpoint:
    kept = Checkpoint(folder, MARK)
    for value in values:
        kept.save({"rows": [value], "x": torch.full((16,), value)})
    return kept


def _resumed(kept: Checkpoint) -> float | None:
    state = kept.load()
    return None if state is None else float(state["x"][0])


def test_every_flipped_bit_of_a_state_costs_only_the_way_from_the_state_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = _saved(tmp_path, 1.0, 2.0)
    assert _resumed(kept) == 2.0
    whole = kept.path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 100)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        kept.path.write_bytes(spoilt)
        assert _resumed(kept) == 1.0
        (line,) = capsys.readouterr().out.splitlines()
        assert line == (
            f"{kept.path}: damaged, and kept as state.broken; starts from an earlier state or over"
        )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 4096])
def test_two_damaged_states_start_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    kept = _saved(tmp_path, 1.0, 2.0)
    for name in STATES:
        kept.path.with_name(name).write_bytes(content)
    assert _resumed(kept) is None
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert "weights_only" not in out
    kept.save({"x": torch.full((1,), 3.0)})
    assert _resumed(kept) == 3.0


def test_a_state_of_another_training_in_the_place_of_this_one(tmp_path: Path) -> None:
    kept, other = _saved(tmp_path, 1.0), Checkpoint(tmp_path, MARK[::-1])
    other.save({"x": torch.full((1,), 9.0)})
    kept.path.write_bytes(other.path.read_bytes())
    assert _resumed(kept) is None


def test_only_two_states_are_kept_and_both_go_in_the_end(tmp_path: Path) -> None:
    kept = _saved(tmp_path / "x", 1.0, 2.0, 3.0)
    assert sorted(path.name for path in kept.path.parent.iterdir()) == sorted(STATES)
    kept.path.unlink()
    assert _resumed(kept) == 2.0
    kept.remove()
    assert not (tmp_path / "x").exists()
