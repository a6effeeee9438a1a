"""The frames of a shot that a network sees, and the flow of each, with flat memory."""

from collections import deque

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config.data import Flow, ImageFlowEstimator
from pipeline.planning.load import own
from pipeline.preprocessing.flow_estimators import build_estimator
from pipeline.stores.kinds import QUARTER
from pipeline.viewing.media.film import Reader
from pipeline.viewing.network.stillness import Pairs
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


class Flows:
    """The flow of key frames as an array, each computed when it is first asked for."""

    def __init__(self, settings: Flow, rate: float) -> None:
        """Build the estimator that the settings name, for a film of so many frames/s.

        Raises:
            InputError: Its weights are missing or damaged.
        """
        self._pairs = Pairs(rate)
        alone = isinstance(settings, ImageFlowEstimator)
        self.reach = 0 if alone else self._pairs.reach
        """How many frames behind a key frame its flow may need; before it, twice as many."""
        self._last: tuple[tuple[int, int], NDArray[np.float32]] | None = None
        if weights := getattr(settings, "weights", None):
            settings = settings.model_copy(update={"weights": own(weights)})
        self._estimate = build_estimator(settings, torch.get_num_threads())
        self.known: dict[int, NDArray[np.float32]] = {}
        self.source: Source
        self.place = range(0)
        """Key frames of the shot: its first frame, where it ends as far as known, `every`."""

    def __getitem__(self, key: int) -> NDArray[np.float32]:
        """Return the flow of a key frame, [2, y/4, x/4]."""
        if key not in self.known:
            self.known[key] = np.ascontiguousarray(self._of(key))
        return self.known[key]

    def _of(self, key: int) -> NDArray[np.float32]:
        """The flow of a key frame, computed."""
        frame = self.place.start + key * self.place.step
        if not self.reach:
            return np.asarray(self._estimate(self.source[frame][None])[0])
        pair = self._pairs.at(self.source, frame, self.place.start, self.place.stop - 1)
        if pair is not None:
            return self._between(*pair)
        height, width = self.source[frame].shape[:2]
        return np.zeros((2, height // QUARTER, width // QUARTER), np.float32)

    def _between(self, first: int, last: int) -> NDArray[np.float32]:
        """The flow per frame between two frames; the last one computed is kept."""
        if self._last is None or self._last[0] != (first, last):
            frames = np.stack([self.source[first], self.source[last]])
            flow = np.asarray(self._estimate(frames)[0] / (last - first), np.float32)
            self._last = (first, last), flow
        return self._last[1]
