"""Lines in a job's log: how much is done, at what rate, and how long the rest will take."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

EVERY = 60.0
"""Seconds from one line to the next."""
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))

T = TypeVar("T")


class Pace:
    """Counts what is done of some work; the rate is that since the work began, or was resumed."""

    def __init__(
        self, total: int, unit: str, done: int = 0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`unit` names what is counted, in the plural; `done` is what was done before."""
        self.total, self.unit, self.done = total, unit, done
        self._clock, self._before = clock, done
        self._start = self._last = clock()

    def add(self, count: int = 1) -> bool:
        """Count what was done since; return whether it is time for a line."""
        self.done += count
        return self._clock() - self._last >= EVERY

    def rest(self) -> str:
        """Return rate and time left, as in `0.18/s, 3 h 5 min left`; a line was written then."""
        self._last = self._clock()
        rate = (self.done - self._before) / max(self._last - self._start, 1e-9)
        if not rate:
            return "0/s"
        return f"{rate:.3g}/s, {duration((self.total - self.done) / rate)} left"

    def line(self) -> str:
        """Return a line about all of it."""
        return f"{self.done:,} of {self.total:,} {self.unit}, {self.rest()}"

    def along(self, items: Iterable[T], size: Callable[[T], int] = lambda _item: 1) -> Iterator[T]:
        """Yield items, each of which is done when the next is asked for; print a line a minute.

        Args:
            items: A part of the work, or all of it.
            size: What an item counts; by default each counts as one.
        """
        for item in items:
            yield item
            if self.add(size(item)):
                print(self.line(), flush=True)


def duration(seconds: float) -> str:
    """Return a duration by its two largest units of days, hours and minutes, or in seconds."""
    if seconds < _UNITS[-1][1]:
        return f"{seconds:.0f} s"
    parts, left = list[str](), round(seconds / 60) * 60
    for name, size in _UNITS:
        if left >= size or parts:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))
