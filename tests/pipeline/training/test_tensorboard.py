"""Curves and maps for TensorBoard, also of a training that was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.summary.writer import event_file_writer

from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.kills import killed, terminated
from tests.pipeline.training.spots import Small, run_in, small


def test_tensorboard_shows_curves_and_maps(samples: TrainingSamples, tmp_path: Path) -> None:
    run = run_in(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    rows = train(small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("loss")]
    np.testing.assert_allclose(scalars, [(row[0], row[1]) for row in rows], rtol=1e-6)
    assert [event.step for event in events.Images("saliency")] == [5, 10, 11]
    assert {"frame", "density"} <= set(events.Tags()["images"])


def test_curves_of_a_resumed_training_have_each_iteration_once(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed training wrote iterations that its successor does again."""
    # Files of one process and second are read in the order of this number's letters: 10 before 9.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    run = run_in(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    with killed(Small, step=10):
        train(small(), samples, run)
    rows = train(small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [row[0] for row in rows]


def test_files_of_a_training_that_begins_again_are_gone(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    board = tmp_path / "board"
    for changes in ({"checkpoint": 50}, {"checkpoint": 50, "learning_rate": 0.02}, {}):
        run = run_in(tmp_path, **changes)._replace(board=board)
        with killed(Small, step=4):
            train(small(), samples, run)
        assert len(list(board.glob("events.*"))) == 1


def test_a_measure_that_a_kill_prevented_comes_later(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    run = run_in(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    with terminated(Small, step=5):
        train(small(), samples, run, samples)
    rows = train(small(), samples, run, samples)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [row[0] for row in rows]
    assert [event.step for event in events.Scalars("validation_kl")] == [5, 10, 11]
