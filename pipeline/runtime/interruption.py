"""A scheduler's wish that a job end: noted, so that the job can save itself first."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Slurm sends SIGTERM before it takes a node away, a user Ctrl-C."""


class Interruption:
    """While it is open, signals are noted; a second one of a kind does what it always did.

    Not so under torchrun, which repeats to its processes what a scheduler told them already, and
    kills those that are still there after 30 seconds.
    """

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = 0
        """The signal, or 0."""
        self._before: dict[int, Any] = {}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.asked = number
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            signal.signal(number, self._before[number])

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


GRACE = 120
"""Seconds that a process which reads data outlives the wish that it end."""


def outlive_signals() -> None:
    """For processes that read data: they go on until the one they read for has saved itself.

    Not for ever: whoever wants them gone, and has no other way to say so, must not wait in vain.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _live_on)


def _live_on(_number: int, _frame: FrameType | None) -> None:
    signal.alarm(GRACE)
