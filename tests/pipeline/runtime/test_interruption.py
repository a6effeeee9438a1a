"""Signals: the first is noted, repeats of it count as one, and what reads data outlives them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.runtime import interruption
from pipeline.runtime.interruption import SAME_WISH, Interruption
from tests.builders import run_python

TERM, INT, HUP, USR1, CONT = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGCONT,
)


class EndedError(Exception):
    """Stands for the end of the process."""


@contextmanager
def ending(number: signal.Signals) -> Iterator[None]:
    """A process that a signal would end, without ending it."""

    def end(_number: int, _frame: object) -> None:
        raise EndedError

    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Lets SIGHUP through where the tests were started by `nohup`."""
    before = signal.signal(HUP, signal.SIG_DFL)
    yield
    signal.signal(HUP, before)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moment that the process sees, to be set."""
    moment = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: moment[0])
    return moment


@pytest.mark.parametrize(
    "sent", [[TERM, TERM], [CONT, TERM, TERM, TERM], [TERM, INT], [USR1, CONT, TERM], [HUP, HUP]]
)
def test_signals_within_seconds_are_one_wish(clock: list[float], sent: list[int]) -> None:
    with Interruption() as noted:
        assert not noted.received
        for number in sent:
            os.kill(os.getpid(), number)
            clock[0] += SAME_WISH / len(sent)
    assert noted.received == next(number for number in sent if number != CONT)


@pytest.mark.parametrize("first", [TERM, INT, USR1])
@pytest.mark.parametrize("second", [TERM, INT, HUP])
def test_a_signal_that_comes_later_acts(
    clock: list[float], first: signal.Signals, second: signal.Signals
) -> None:
    with ending(second), Interruption() as noted:
        os.kill(os.getpid(), first)
        clock[0] += SAME_WISH + 0.1
        with pytest.raises(EndedError):
            os.kill(os.getpid(), second)
    assert noted.received == first


def test_torchrun_repeats_a_signal_as_late_as_it_likes(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with Interruption() as noted:
        os.kill(os.getpid(), TERM)
        clock[0] += 20
        os.kill(os.getpid(), TERM)
    assert noted.received == TERM


def test_what_nohup_started_outlives_its_terminal() -> None:
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        with Interruption() as noted:
            os.kill(os.getpid(), HUP)
        assert not noted.received
        assert signal.getsignal(HUP) == signal.SIG_IGN
    finally:
        signal.signal(HUP, before)


def test_a_process_that_reads_outlives_a_request_to_end_but_not_for_ever() -> None:
    code = (
        "import os, signal, time; from pipeline.runtime import interruption as i; i.GRACE = 1;"
        "i.outlive_signals(); [os.kill(os.getpid(), number) for number in i.SIGNALS];"
        "print('alive', flush=True); time.sleep(60)"
    )
    assert interruption.GRACE > 30  # seconds that Slurm and torchrun grant
    done = run_python("-c", code, timeout=30)
    assert (done.stdout, done.returncode) == ("alive\n", -signal.SIGALRM)
