"""Curves and maps for TensorBoard, also of a training that was killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing import event_accumulator

from pipeline.training.saliency import train
from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.kills import killed
from tests.pipeline.training.spots import Small, run_in, small


def test_tensorboard_shows_curves_and_maps(samples: TrainingSamples, tmp_path: Path) -> None:
    run = run_in(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    rows = train(small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    scalars = [(event.step, event.value) for event in events.Scalars("loss")]
    np.testing.assert_allclose(scalars, [(row[0], row[1]) for row in rows], rtol=1e-6)
    assert [event.step for event in events.Images("saliency")] == [5, 10]
    assert {"frame", "density"} <= set(events.Tags()["images"])


def test_curves_of_a_resumed_training_have_each_iteration_once(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    """A killed training wrote iterations that its successor does again."""
    run = run_in(tmp_path, checkpoint=5)._replace(board=tmp_path / "board")
    with killed(Small, step=10):
        train(small(), samples, run)
    rows = train(small(), samples, run)
    events = event_accumulator.EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [row[0] for row in rows]
