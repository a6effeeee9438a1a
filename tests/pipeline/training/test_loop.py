"""The training loop: learns, resumes to the same bits, and stops when it should."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.training import loop
from pipeline.training.loop import write_log
from pipeline.training.saliency import SaliencyTrainer, train
from pipeline.training.samples import TrainingSamples
from tests.pipeline.training.kills import assert_same_bits, at_most, killed, terminated
from tests.pipeline.training.spots import Small, run_in, small


def test_a_training_is_as_long_as_its_iterations(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(small(), samples, run_in(tmp_path, epochs=None, iterations=5))
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5]


def test_it_learns_and_the_schedule_steps(samples: TrainingSamples, tmp_path: Path) -> None:
    rows = train(small(), samples, run_in(tmp_path, epochs=12))
    assert [row[0] for row in rows] == list(range(1, 34))
    losses = np.array([row[1] for row in rows])
    assert losses[-5:].mean() < losses[:3].mean() - 0.5
    assert [rows[i][5] for i in (0, 7, 8, 16)] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


def test_a_killed_training_ends_with_the_same_weights(
    samples: TrainingSamples, tmp_path: Path
) -> None:
    whole, resumed = small(), small()
    rows = train(whole, samples, run_in(tmp_path / "whole"))
    run = run_in(tmp_path / "killed", checkpoint=3)
    with killed(Small, step=9):
        train(small(), samples, run)
    assert list(run.checkpoints.rglob("state.pt"))
    with at_most(Small, len(rows) - 6):
        assert train(resumed, samples, run) == rows
    assert_same_bits(whole, resumed)


def test_asked_to_end_it_saves_the_current_iteration(
    samples: TrainingSamples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, resumed = small(), small()
    rows = train(whole, samples, run_in(tmp_path / "whole"))
    before = signal.getsignal(signal.SIGTERM)
    with terminated(Small, step=5):
        train(small(), samples, run_in(tmp_path))
    assert "SIGTERM: saved at iteration 5" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before
    assert train(resumed, samples, run_in(tmp_path)) == rows
    assert "resuming at iteration 5" in capsys.readouterr().out
    assert_same_bits(whole, resumed)
    assert not (tmp_path / "checkpoints").exists()


def test_processes_that_cannot_share_a_batch_are_refused(
    samples: TrainingSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def three() -> Iterator[Processes]:
        yield Processes(0, 3)

    monkeypatch.setattr("pipeline.training.loop.process_group", three)
    with pytest.raises(InputError, match="3 processes cannot share 4 samples evenly"):
        train(small(), samples, run_in(tmp_path))


def test_a_loss_that_is_not_finite_stops(samples: TrainingSamples, tmp_path: Path) -> None:
    network = small()
    nn.init.constant_(network.layers[0].weight, torch.inf)
    with pytest.raises(InputError, match="loss is nan at iteration 1; lower"):
        train(network, samples, run_in(tmp_path))


def test_the_log_file_moves_and_shows_what_was_measured(
    samples: TrainingSamples, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = train(small(), samples, run_in(tmp_path, checkpoint=5), samples)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("iteration")]
    assert len(lines) == len(rows) == 11
    assert lines[3].startswith(f"iteration 4 of 11, loss {rows[3][1]:.4f}, ")
    assert re.search(r", [\d.e+]+/s, \d+ s left$", lines[3])
    kl, nss = rows[4][-2:]
    assert f", validation_kl {kl:.4g}, validation_nss {nss:.4g}, " in lines[4]


def test_a_long_training_has_a_line_a_minute(
    samples: TrainingSamples,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "LINES", 1)
    monkeypatch.setattr("pipeline.runtime.pace.EVERY", 0.0)
    train(small(), samples, run_in(tmp_path))
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == (
        "11 iterations of 4; learning rate 0.01, times 0.1 every 8 iterations: 1e-03 at the end"
    )
    assert len([line for line in lines if line.startswith("iteration")]) == 11


def test_log(tmp_path: Path) -> None:
    trainer = SaliencyTrainer.__new__(SaliencyTrainer)
    write_log(tmp_path / "log.csv", [[1, 0.5, 0.25, -1.0, 0.0, 1e-3, None, 2.0]], trainer.columns())
    assert (tmp_path / "log.csv").read_text() == (
        "iteration,loss,kl,nss,zeros,learning_rate,validation_kl,validation_nss\n"
        "1,0.5,0.25,-1,0,0.001,,2\n"
    )
