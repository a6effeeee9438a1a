"""A training is asked to end, loses a reader or finds its disk full, at the worst moments."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from pipeline.runtime.errors import InputError
from pipeline.stores import weights
from pipeline.training import batches, saliency
from pipeline.training.saliency import SaliencyTrainer, train
from pipeline.training.samples import TrainingSamples
from pipeline.training.trainer import Row, Run
from tests.pipeline.training.kills import KilledError, assert_same_bits, at_most
from tests.pipeline.training.spots import H, Small, W, draw_spots, run_in, small


def once(action: Callable[[], None], after: int = 0) -> Callable[..., None]:
    """A function that acts in one of its calls only, counted from 0."""
    calls = iter(range(100_000))

    def act(*_given: object) -> None:
        if next(calls) == after:
            action()

    return act


def before(patch: pytest.MonkeyPatch, where: Any, name: str, action: Callable[..., None]) -> None:
    """Calls an action before a function."""
    called = getattr(where, name)

    def acting(*given: Any, **options: Any) -> Any:
        action()
        return called(*given, **options)

    patch.setattr(where, name, acting)


def sent(*numbers: int) -> Callable[[], None]:
    """What sends signals to this process, milliseconds apart."""

    def send() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.02)

    return send


class Whole(NamedTuple):
    """A training that nothing disturbs."""

    samples: TrainingSamples
    network: Small
    rows: list[Row]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder, network = tmp_path_factory.mktemp("whole"), small()
    samples = draw_spots(folder, H, W)
    rows = train(network, samples, run_in(folder, checkpoint=3), samples)
    return Whole(samples, network, rows)


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Lets SIGHUP through where the tests were started by `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def samples(whole: Whole) -> TrainingSamples:
    return whole.samples


TWICE = sent(signal.SIGTERM, signal.SIGTERM)
MOMENTS: dict[str, tuple[Any, str, Callable[..., None]]] = {
    "in a step": (Small, "forward", once(TWICE, 4)),
    "by two signals": (Small, "forward", once(sent(signal.SIGUSR1, signal.SIGCONT), 4)),
    "by a closed terminal": (Small, "forward", once(sent(signal.SIGHUP, signal.SIGINT), 4)),
    "before the first step": (TrainingSamples, "batch", once(TWICE)),
    "while the state is written": (torch, "save", once(TWICE, 1)),
    "while it is measured": (SaliencyTrainer, "validate", once(TWICE, 1)),
    "at the last step": (Small, "forward", once(TWICE, 13)),
    "while it is measured at the end": (SaliencyTrainer, "validate", once(TWICE, 3)),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_asked_twice_within_milliseconds_it_saves_and_goes_on_as_if_never_asked(
    whole: Whole, tmp_path: Path, moment: str
) -> None:
    resumed, samples, rows = small(), whole.samples, whole.rows
    run = run_in(tmp_path / "asked", checkpoint=3)
    with pytest.MonkeyPatch.context() as patch:
        before(patch, *MOMENTS[moment])
        try:
            assert train(resumed, samples, run, samples) == rows
            assert "last" in moment or "end" in moment
        except SystemExit as ended:
            assert ended.code in {128 + number for number in (1, 10, 15)}
            resumed = small()
            assert list(run.checkpoints.rglob("state.pt"))
            assert train(resumed, samples, run, samples) == rows
    assert_same_bits(whole.network, resumed)
    assert not run.checkpoints.exists()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_killed_while_it_is_measured_it_loses_nothing(
    whole: Whole, tmp_path: Path, place: int
) -> None:
    samples, rows = whole.samples, whole.rows
    run = run_in(tmp_path / "killed", checkpoint=3)._replace(board=tmp_path / "board")

    def kill() -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        before(patch, SaliencyTrainer, "validate", once(kill, place))
        train(small(), samples, run, samples)
    with at_most(Small, len(rows) - min(3 * place + 3, len(rows))):
        assert train(small(), samples, run, samples) == rows


def test_killed_it_loses_the_minutes_since_its_last_state(whole: Whole, tmp_path: Path) -> None:
    """Two iterations fit between two states, whatever `checkpoint` is; the rest is as usual."""
    samples, rows, moment = whole.samples, whole.rows, [0.0]
    run = run_in(tmp_path / "killed", checkpoint=3)
    seldom = run.settings.model_copy(update={"checkpoint": 10**6})
    rare = run._replace(settings=seldom, checkpoint_minutes=2)

    def a_minute_later() -> None:
        moment[0] += 60

    def kill() -> None:
        raise KilledError

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KilledError):
        patch.setattr("time.monotonic", lambda: moment[0])
        before(patch, Small, "forward", a_minute_later)
        before(patch, Small, "forward", once(kill, 7))
        train(small(), samples, rare)
    with at_most(Small, len(rows) - 6):
        assert [row[:4] for row in train(small(), samples, rare)] == [row[:4] for row in rows]


def trained(folder: Path, samples: TrainingSamples, run: Run) -> list[str]:
    network = small()
    saliency.train_to(folder / "w.safetensors", folder / "log.csv", network, samples, run)
    return (folder / "log.csv").read_text().splitlines()[1:]


@pytest.mark.parametrize("refused", ["the weights", "the log", "state and weights"])
def test_a_disk_that_is_full_at_the_end_costs_no_training(
    samples: TrainingSamples, tmp_path: Path, refused: str
) -> None:
    run = run_in(tmp_path, checkpoint=10)

    def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        if refused == "the log":
            patch.setattr("pipeline.training.loop.write_rows", full)
        else:
            patch.setattr(Path, "write_bytes", full)
        if refused == "state and weights":
            before(patch, os, "fsync", once(full, 1))  # of a state that is written
        error = OSError if refused == "the log" else InputError
        with pytest.raises(error, match=r"(?i)no space left"):
            trained(tmp_path, samples, run)
    assert not list(tmp_path.rglob("*.partial"))
    with at_most(Small, 1 if refused == "state and weights" else 0):
        assert len(trained(tmp_path, samples, run)) == 11
    assert weights.load_weights(tmp_path / "w.safetensors").keys() == small().state_dict().keys()
    assert not run.checkpoints.exists()


@pytest.mark.parametrize("threads", [2, 3])
def test_a_reader_that_is_killed_is_one_line_and_the_state_is_saved(
    samples: TrainingSamples, tmp_path: Path, threads: int
) -> None:
    undisturbed, resumed = small(), small()
    rows = train(undisturbed, samples, run_in(tmp_path / "whole")._replace(threads=threads))
    run = run_in(tmp_path)._replace(threads=threads)

    def kill_a_reader() -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        before(patch, Small, "forward", once(kill_a_reader, 3))
        with pytest.raises(InputError, match=r"ended with SIGKILL; .*\(saved at iteration \d+\)"):
            train(small(), samples, run)
    assert not multiprocessing.active_children()
    with at_most(Small, len(rows) - 4):
        assert train(resumed, samples, run) == rows
    assert_same_bits(undisturbed, resumed)


def test_a_reader_is_killed_before_the_system_tells_how() -> None:
    def close_files_and_die() -> None:
        os.closerange(3, 4096)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

    reader = multiprocessing.get_context("fork").Process(target=close_files_and_die)
    reader.start()
    assert batches.end_of_one([reader]) == "SIGKILL"
