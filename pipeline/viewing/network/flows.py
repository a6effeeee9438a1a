"""The flow of the frames that a network sees, of a film or of an array."""

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config.data import Flow, ImageFlowEstimator
from pipeline.planning.load import own
from pipeline.preprocessing.flow_estimators import build_estimator
from pipeline.stores.kinds import QUARTER
from pipeline.viewing.network.stillness import Frames, Pairs


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
        self.source: Frames
        self.place = range(0)
        """Key frames of the shot, by their index in `source`: its first frame, where it ends as far
        as known, `every`."""

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
