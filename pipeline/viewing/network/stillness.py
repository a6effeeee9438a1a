"""Which two frames of a film show the motion at a frame: repeats and noise show none.

Networks look at the flow from a frame to the next one. In many films that frame repeats the one
before, as in animation drawn "on twos" or 24 frames/s shown at 60, and in a still shot it differs
by noise alone, of which an estimator makes a flow of some pixels. Here frames are compared until
one differs by more than noise, and where none does within an eighth of a second, nothing moves.
"""

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stores.kinds import QUARTER

REACH = 1 / 8
"""Seconds: a drawing stays for three frames of 24 in a second, at most."""
MOST = 32
"""Frames on either side, at most, whatever the rate: they are held in memory."""
CHANGE = 5.0
"""Of 255 levels of grey, in the mean of 4x4 pixels: what is more than noise. Within REACH, at
384x288, the largest change in a still photograph is 2.5 in H.264 at CRF 30 and 5.9 at CRF 36. In
films of a static camera (workflow/teaching/sources.csv) it is 2 to 8 where nothing moves, and 11 or
more where a person stands and sways."""


class Frames(Protocol):
    """The frames of a film, RGB [y, x, 3], by their index."""

    def __getitem__(self, index: int, /) -> NDArray[np.uint8]: ...


class Pairs:
    """The two frames that show the motion at a frame, in a film of so many frames/s.

    Of a variable rate, the mean is what counts.
    """

    def __init__(self, rate: float) -> None:
        """Take the frames/s."""
        self.reach = min(MOST, max(1, math.ceil(REACH * rate)))
        """Frames before a frame, and frames behind it, that are compared with it, at most."""
        self._known: dict[int, NDArray[np.float32]] = {}

    def at(self, frames: Frames, frame: int, first: int, last: int) -> tuple[int, int] | None:
        """Return a frame and a later one: the flow between them, per frame, is the motion here.

        They are the first frame of the run that shows the same picture, and the first one behind
        that run. After a pause, which is a run longer than `reach`, the given frame begins. At the
        end of a shot they are the two that led to its last picture. None: nothing moves.

        Args:
            frames: Of the film; those from twice `reach` before the given one to `reach` behind
                it.
            frame: The given one.
            first: The shot's first frame.
            last: The shot's last frame, or one that is farther off than `reach`.
        """
        behind = range(frame + 1, min(frame + self.reach, last) + 1)
        before = range(frame - 1, max(frame - self.reach, first) - 1, -1)
        moved = next((one for one in behind if self._differ(frames, frame, one)), None)
        other = next((one for one in before if self._differ(frames, frame, one)), None)
        if moved is None:
            ends = frame + self.reach > last
            return self.at(frames, other, first, frame) if ends and other is not None else None
        if other is None:
            paused = before.stop >= first  # and not the beginning of the shot
            return (frame if paused else first), moved
        return other + 1, moved

    def _differ(self, frames: Frames, one: int, other: int) -> bool:
        change = np.abs(self._cells(frames, one) - self._cells(frames, other))
        return bool(change.max() > CHANGE)

    def _cells(self, frames: Frames, index: int) -> NDArray[np.float32]:
        """Mean grey of a frame's cells of 4x4 pixels; those of the last frames are kept."""
        if index not in self._known:
            frame = frames[index]
            size = tuple(max(1, side // QUARTER) for side in frame.shape[1::-1])
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
            if len(self._known) > 3 * self.reach + 1:
                del self._known[next(iter(self._known))]
            self._known[index] = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        return self._known[index]
