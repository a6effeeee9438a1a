"""Gaze of a scene's observers, who look as people do.

They follow whatever moves, a little late, and otherwise look at a bright thing. They blink, make
saccades, are lost by the tracker, and one of them now and then looks past the picture.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import Samples
from pipeline.demo.scene import Scene

_SACCADE = 0.03
"""Seconds that a saccade takes."""
_PURSUIT = 0.02
"""Seconds by which the eye is behind what it follows."""
_EDGE = 3.0
"""Pixels by which gaze at the picture keeps away from its border."""


class Event(IntEnum):
    """What the eye does during a sample."""

    FIXATION = 0
    SACCADE = 1
    BLINK = 2
    LOST = 3


@dataclass(frozen=True)
class Look:
    """Samples of one observer, each array [n]: seconds, pixels as in `records`, and `Event`s."""

    time: Samples
    x: Samples
    y: Samples
    event: NDArray[np.int64]


@dataclass(frozen=True)
class Habits:
    """Whatever a clip's observers do besides looking."""

    common_blink: bool = False
    """All blink through three frames in the middle of the clip."""
    stray: int | None = None
    """Index of the observer who looks past the picture for a tenth of the clip."""


def common_blink(scene: Scene) -> tuple[int, int]:
    """Return the first frame of the common blink, and the first after it."""
    middle = scene.clip.frames // 2
    return middle, min(middle + 3, scene.clip.frames)


def _attended(scene: Scene, rng: np.random.Generator, time: Samples) -> NDArray[np.int64]:
    """Index [n] of the thing looked at."""
    index = scene.moving(time - rng.uniform(0.03, 0.07))
    home = int(rng.integers(len(scene.bright)))
    index[index < 0] = home
    changes = np.flatnonzero(np.diff(index)) + 1
    for episode in np.split(np.arange(len(index)), changes):
        # One look in ten goes elsewhere: people do not agree entirely.
        elsewhere = int(rng.integers(len(scene.things)))
        if rng.random() < 0.1:
            index[episode] = elsewhere
    return index


def _wander(
    rng: np.random.Generator, scene: Scene, time: Samples, index: NDArray[np.int64]
) -> Samples:
    """Departure [2, n] from the thing looked at: one offset a look, slow drift and jitter."""
    width = scene.clip.width
    look = np.cumsum(np.diff(index, prepend=index[:1]) != 0)
    offset = rng.normal(0, 0.018 * width, size=(2, int(look.max()) + 1))[:, look]
    nodes = np.arange(time.min() - 0.2, time.max() + 0.4, 0.15)
    drift = [np.interp(time, nodes, rng.normal(0, 0.012 * width, len(nodes))) for _ in range(2)]
    return offset + np.stack(drift) + rng.normal(0, 0.002 * width, size=(2, len(time)))


def _jump(time: Samples, index: NDArray[np.int64], xy: Samples, event: NDArray[np.int64]) -> None:
    """Turn every change of the thing looked at into a saccade, in place."""
    for change in np.flatnonzero(np.diff(index)) + 1:
        samples = (time >= time[change]) & (time < time[change] + _SACCADE)
        samples[:change] = False
        landing = xy[:, samples][:, -1:]
        done = (time[samples] - time[change]) / _SACCADE
        xy[:, samples] = xy[:, change - 1 : change] * (1 - done) + landing * done
        event[samples] = Event.SACCADE


def _stray(scene: Scene, time: Samples, xy: Samples) -> None:
    """Send the gaze of a tenth of the clip past its left or right border, in place."""
    length = scene.clip.frames / scene.clip.rate
    samples = (time >= 0.3 * length) & (time < 0.4 * length)
    left = xy[0, samples] < scene.clip.width / 2
    xy[0, samples] = np.where(left, -0.1, 1.1) * scene.clip.width


def _interrupt(
    rng: np.random.Generator, scene: Scene, habits: Habits, time: Samples, event: NDArray[np.int64]
) -> None:
    """Add lost samples and blinks, in place; a clip of a few frames has none."""
    rate, frames = scene.clip.rate, scene.clip.frames
    lost, start, blinks = rng.random(len(time)) < 0.01, rng.uniform(0.1, 0.8), rng.random() < 0.5
    if frames < 10:
        return
    event[lost] = Event.LOST
    if blinks:
        event[(time >= start * frames / rate) & (time < start * frames / rate + 0.1)] = Event.BLINK
    if habits.common_blink:
        first, after = common_blink(scene)
        event[(time >= first / rate - 0.02) & (time < after / rate + 0.02)] = Event.BLINK


def look(scene: Scene, observer: int, time: Samples, seed: int, habits: Habits) -> Look:
    """Return the samples of one observer of a scene, which follow from the arguments alone.

    `observer` is an index, `time` [n] rises, in seconds since the clip began; `seed` is the clip's.
    """
    rng = np.random.default_rng([seed, 2, observer])
    event = np.full(len(time), Event.FIXATION, dtype=np.int64)
    index = _attended(scene, rng, time)
    centres = scene.positions(time - _PURSUIT)
    xy = centres[index, :, np.arange(len(time))].T + _wander(rng, scene, time, index)
    _jump(time, index, xy, event)
    limit = np.array([[scene.clip.width], [scene.clip.height]]) - 1 - _EDGE
    xy = np.clip(xy, _EDGE, limit)
    if habits.stray == observer:
        _stray(scene, time, xy)
    _interrupt(rng, scene, habits, time, event)
    return Look(time, xy[0], xy[1], event)
