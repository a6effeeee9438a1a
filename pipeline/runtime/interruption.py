"""A scheduler's request that a job end, noted so that the job can save its state first."""

import os
import signal
import time
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Slurm sends SIGTERM before it takes a node away, or what its option --signal names, usually
SIGUSR1; Grid Engine sends SIGUSR1 and SIGUSR2; Ctrl-C is SIGINT, a closed terminal SIGHUP."""
SAME_WISH = 5.0
"""Seconds within which further signals repeat the first one: Slurm sends SIGTERM to a job and to
its steps within milliseconds, srun passes its own on within a second or so."""


class Interruption:
    """A context in which the first signal is only noted; one that comes again later acts as usual.

    A SIGHUP that was ignored before stays ignored, as `nohup` wants it. Under torchrun later ones
    are noted too: torchrun repeats to its processes the signal that the scheduler already sent
    them, and kills those that are still running after 30 seconds.
    """

    def __init__(self) -> None:
        self.received = 0
        """Number of the first signal, or 0 if none came."""
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.received:
            self.received, self._since = number, now
        elif now - self._since > SAME_WISH and "TORCHELASTIC_RUN_ID" not in os.environ:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


GRACE = 120
"""Seconds for which a process that reads data outlives a signal: long enough to save any state."""


def outlive_signals() -> None:
    """Let a process that reads data live on until the training it reads for has saved its state.

    SIGINT is ignored. Other signals end the process after `GRACE` seconds: if its training is gone,
    nothing else would end it.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else _end_later)


def _end_later(_number: int, _frame: FrameType | None) -> None:
    signal.alarm(GRACE)
