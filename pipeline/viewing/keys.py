"""The frames of a shot that a network sees, with flat memory."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from pipeline.viewing.media.film import Reader
from pipeline.viewing.shots import Cuts

_BLOCK = 8
"""Frames that are decoded at once."""


class Source:
    """Frames of a film as far as they are needed at once, and the cuts among them."""

    def __init__(self, reader: Reader, base: int, cuts: Cuts | None) -> None:
        """Begin with a frame of a film, the one that the reader gives next."""
        self._reader, self._cuts = reader, cuts
        self._frames: deque[NDArray[np.uint8]] = deque()
        self._begins: list[int] = []
        self._base = base
        self._over = False

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        """Return a frame of the film, RGB [y, x, 3], that was read and not dropped."""
        return self._frames[frame - self._base]

    def reach(self, frame: int, start: int) -> int:
        """Read up to a frame of a shot; return where the shot ends, or a frame behind this one."""
        while not self._over and self._settled <= frame and not self._later(start):
            block = self._reader.take(_BLOCK)
            self._frames.extend(block)
            self._over = not block
            if self._cuts:
                added = [self._cuts.add(picture) for picture in block]
                self._begins += [cut for cut in added if cut is not None]
                self._begins += [] if block else self._cuts.end()
        end = min([self._base + len(self._frames), *self._later(start)])
        return min(end, frame + 1)

    @property
    def _settled(self) -> int:
        return self._cuts.settled if self._cuts else self._base + len(self._frames)

    def _later(self, start: int) -> list[int]:
        """Where shots begin after one."""
        return [frame for frame in self._begins if frame > start]

    def drop(self, before: int) -> None:
        """Forget the frames before one."""
        while self._frames and self._base < before:
            self._frames.popleft()
            self._base += 1


class Keys:
    """The key frames of a shot as an array, of which the last ones are in memory."""

    def __init__(self, source: Source, start: int, end: int, every: int) -> None:
        """Take each so many-th frame of a shot from its first one on, as far as it is known."""
        self._source, self._start, self._every = source, start, every
        self.shape = (-(-(end - start) // every), *source[end - 1].shape)

    def __getitem__(self, key: int) -> NDArray[np.uint8]:
        """Return a key frame, RGB [y, x, 3]."""
        return self._source[self._start + key * self._every]
