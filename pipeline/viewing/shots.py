"""Cuts of a film, found while its frames go by.

After the adaptive detector of PySceneDetect (its documentation, "Detection Algorithms:
AdaptiveDetector"; BSD licence, no code of it is used), with its numbers: a cut changes the picture,
in hue, saturation and value, by a multiple of what changes in the frames around it, so that motion
and shaking cameras are none. Beyond it, a flash is none: the picture of before comes back. Fades
and dissolves are not looked for.
"""

from collections import deque
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 2
"""Frames on either side that a frame's change is compared with."""
RATIO = 3.0
"""Multiple of the mean change of the neighbours from which on a change is a cut."""
FLOOR = 15.0
"""Mean change, of 255 levels, below which nothing is a cut."""
SHORTEST = 15
"""Frames that a shot lasts at least: a cut that follows sooner is passed over."""
WIDTH = 256
"""Pixels to which wider frames are shrunk: noise and fine motion average out."""


class Cuts:
    """Where the shots of a film begin, as far as its frames have been seen."""

    def __init__(self, first: int = 0, *, since: int = 0, shot: int = 0) -> None:
        """Begin with a frame of a film, to decide about those since another one.

        Args:
            first: The first frame that will be added. From `LEAD` frames before `since` on, and
                from 0 on, what is decided is the same.
            since: The first frame in question.
            shot: The frame with which the last shot before it began.
        """
        self._next = first
        self._shot = shot
        self._frames: deque[NDArray[np.int16]] = deque(maxlen=2 * NEIGHBOURS + 2)
        self._changes: deque[float] = deque(maxlen=2 * NEIGHBOURS + 1)
        self.settled = since
        """The first frame of which it is open whether a shot begins with it."""

    def add(self, frame: NDArray[np.uint8]) -> int | None:
        """See the next frame, RGB [y, x, 3]; return a frame before it where a shot begins."""
        picture = _hsv(frame)
        if self._frames:
            self._changes.append(_change(self._frames[-1], picture))
        self._frames.append(picture)
        self._next += 1
        return self._settle(self._next - 1 - NEIGHBOURS)

    def end(self) -> list[int]:
        """Return where shots begin among the last frames, when no other frame follows."""
        found = [self._settle(frame) for frame in range(self.settled, self._next)]
        return [frame for frame in found if frame is not None]

    def _settle(self, frame: int) -> int | None:
        """Decide about a frame; return it if a shot begins with it."""
        if frame < self.settled:
            return None
        self.settled = frame + 1
        place = len(self._changes) - (self._next - frame)
        if place < 0 or frame - self._shot < SHORTEST:
            return None
        change = self._changes[place]
        around = [
            self._changes[other]
            for other in range(max(0, place - NEIGHBOURS), len(self._changes))
            if other != place and other <= place + NEIGHBOURS
        ]
        usual = sum(around) / len(around) if around else 0.0
        if change < FLOOR or change < RATIO * usual or self._returns(place + 1, change):
            return None
        self._shot = frame
        return frame

    def _returns(self, place: int, change: float) -> bool:
        """Whether a picture from before a frame comes back soon: it was a flash, or its end."""
        pictures = list(self._frames)[-len(self._changes) - 1 :]
        earlier = pictures[max(0, place - NEIGHBOURS) : place]
        later = pictures[place : place + NEIGHBOURS]
        return any(change > RATIO * _change(*pair) for pair in product(earlier, later))


LEAD = NEIGHBOURS + 1
"""Frames before one that decide, with as many after it, whether a shot begins with it."""


def _hsv(frame: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Hue, saturation and value of a frame, shrunk."""
    height, width = frame.shape[:2]
    if width > WIDTH:
        size = (WIDTH, max(1, round(height * WIDTH / width)))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2HSV), np.int16)


def _change(first: NDArray[np.int16], second: NDArray[np.int16]) -> float:
    """Mean absolute difference of two pictures; of hues too, as the detector has it."""
    return float(np.abs(first - second).mean())
