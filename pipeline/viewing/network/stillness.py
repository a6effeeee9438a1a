"""Which two frames of a film show the motion at a frame: repeats and noise show none.

Networks look at the flow from a frame to the next one. In many films that frame repeats the one
before, as in animation drawn "on twos" or 24 frames/s shown at 60, and in a still shot it differs
by noise alone, of which an estimator makes a flow of some pixels. Here frames are compared until
one differs by more than noise, and where none does within an eighth of a second, nothing moves.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stores.kinds import QUARTER

REACH = 1 / 8
"""Seconds: a drawing is held for three frames of 24 in a second, at most, and so is a frame."""
CHANGE = 5.0
"""Of 255 levels of grey, in the mean of 4x4 pixels. At 384x288, no cell of a still shot changes by
more within REACH: H.264 at CRF 30 comes to 2.5, at CRF 36 to 5.9, a static camera's own noise to 4
or so, and a person who stands and sways begins at 11 (docs/light.md)."""


class Pairs:
    """The two frames that show the motion at a frame, of a film of so many frames/s."""

    def __init__(self, frame: Callable[[int], NDArray[np.uint8]], rate: float) -> None:
        """Take what gives a frame by its index, RGB [y, x, 3], and the frames/s."""
        self.reach = max(1, round(REACH * rate))
        """How many frames before and behind a frame are compared with it, at most."""
        self._cells = lru_cache(2 * self.reach + 2)(lambda index: _cells(frame(index)))

    def at(self, frame: int, first: int, last: int) -> tuple[int, int] | None:
        """Return the first of the frames that are still this one, and the next that has moved.

        None: nothing moves. Frames before `first` and behind `last` are left alone.
        """
        behind = range(frame + 1, min(frame + self.reach, last) + 1)
        moved = next((later for later in behind if self._differ(frame, later)), None)
        if moved is None:
            return None
        before = range(frame - 1, max(frame - self.reach, first) - 1, -1)
        other = next((earlier for earlier in before if self._differ(frame, earlier)), None)
        held = before.stop if other is None else other
        return held + 1, moved

    def _differ(self, one: int, other: int) -> bool:
        return bool(np.abs(self._cells(one) - self._cells(other)).max() > CHANGE)


def _cells(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean grey of cells of 4x4 pixels."""
    height, width = frame.shape[:2]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = (max(1, width // QUARTER), max(1, height // QUARTER))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
