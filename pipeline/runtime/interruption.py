"""A scheduler's request that a job end, noted so that the job can save its state first."""

import os
import signal
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Slurm sends SIGTERM before it takes a node away; Ctrl-C sends SIGINT."""


class Interruption:
    """A context in which the first signal is only noted; a second one acts as usual.

    Under torchrun a second one is noted too: torchrun repeats to its processes the signal that the
    scheduler already sent them, and kills those that are still running after 30 seconds.
    """

    def __init__(self) -> None:
        self.received = 0
        """Number of the signal, or 0 if none came."""
        self._before: dict[int, Any] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            signal.signal(number, self._before[number])

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


GRACE = 120
"""Seconds for which a process that reads data outlives a SIGTERM: long enough to save any state."""


def outlive_signals() -> None:
    """Let a process that reads data live on until the training it reads for has saved its state.

    SIGINT is ignored. SIGTERM ends the process after `GRACE` seconds: if its training is gone,
    nothing else would end it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_later)


def _end_later(_number: int, _frame: FrameType | None) -> None:
    signal.alarm(GRACE)
