"""Where the observers of a scene look.

They follow whatever moves, a little late, and otherwise look at a bright thing. They blink, jump,
lose the tracker, and one now and then looks past the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.records import Samples
from pipeline.demo.scene import Scene

_SACCADE = 0.03
"""Duration of a jump, seconds."""
_PURSUIT = 0.02
"""How far the eye is behind what it follows, seconds."""
_EDGE = 3.0
"""Gaze at the picture keeps this distance from its border, pixels."""


class Event(IntEnum):
    """What the eye does during a sample."""

    FIXATION = 0
    SACCADE = 1
    BLINK = 2
    LOST = 3


@dataclass(frozen=True)
class Look:
    """An observer's samples: time [n] s, x and y [n] raw pixels as in `records`, event [n]."""

    time: Samples
    x: Samples
    y: Samples
    event: NDArray[np.int64]


@dataclass(frozen=True)
class Habits:
    """What a clip's observers do besides looking."""

    common_blink: bool = False
    """All blink through three frames in the middle of the clip."""
    stray: int | None = None
    """Index of the observer who looks past the picture for a tenth of the clip."""


def common_blink(scene: Scene) -> tuple[int, int]:
    """First frame of the common blink, and the first after it."""
    middle = scene.clip.frames // 2
    return middle, min(middle + 3, scene.clip.frames)


def _attended(scene: Scene, rng: np.random.Generator, time: Samples) -> NDArray[np.int64]:
    """[n] index of the thing looked at."""
    index = scene.moving(time - rng.uniform(0.03, 0.07))
    home = int(rng.integers(len(scene.bright)))
    index[index < 0] = home
    changes = np.flatnonzero(np.diff(index)) + 1
    episodes = np.split(np.arange(len(index)), changes)
    for episode in episodes:
        # One look in ten goes elsewhere: people do not agree entirely.
        elsewhere = int(rng.integers(len(scene.things)))
        if rng.random() < 0.1:
            index[episode] = elsewhere
    return index


def _wander(
    rng: np.random.Generator, scene: Scene, time: Samples, index: NDArray[np.int64]
) -> Samples:
    """[2, n] departure from the thing looked at: one offset a look, slow drift, jitter."""
    width = scene.clip.width
    look = np.cumsum(np.diff(index, prepend=index[:1]) != 0)
    offset = rng.normal(0, 0.018 * width, size=(2, int(look.max()) + 1))[:, look]
    nodes = np.arange(time.min() - 0.2, time.max() + 0.4, 0.15)
    drift = [np.interp(time, nodes, rng.normal(0, 0.012 * width, len(nodes))) for _ in range(2)]
    return offset + np.stack(drift) + rng.normal(0, 0.002 * width, size=(2, len(time)))


def _jump(time: Samples, index: NDArray[np.int64], xy: Samples, event: NDArray[np.int64]) -> None:
    """Turns every change of the thing looked at into a saccade, in place."""
    for change in np.flatnonzero(np.diff(index)) + 1:
        samples = (time >= time[change]) & (time < time[change] + _SACCADE)
        samples[:change] = False
        landing = xy[:, samples][:, -1:]
        done = (time[samples] - time[change]) / _SACCADE
        xy[:, samples] = xy[:, change - 1 : change] * (1 - done) + landing * done
        event[samples] = Event.SACCADE


def _stray(scene: Scene, time: Samples, xy: Samples) -> None:
    """Sends a tenth of the clip past its left or right border, in place."""
    length = scene.clip.frames / scene.clip.rate
    samples = (time >= 0.3 * length) & (time < 0.4 * length)
    left = xy[0, samples] < scene.clip.width / 2
    xy[0, samples] = np.where(left, -0.1, 1.1) * scene.clip.width


def _interrupt(
    rng: np.random.Generator, scene: Scene, habits: Habits, time: Samples, event: NDArray[np.int64]
) -> None:
    """Adds lost samples and blinks, in place; a clip of a few frames has none."""
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
    """The samples of one observer of a scene; the same arguments give the same samples.

    Args:
        scene: What is seen.
        observer: Index of the observer.
        time: [n] increasing, seconds since the clip began.
        seed: Of the clip.
        habits: Of the clip's observers.
    """
    rng = np.random.default_rng([seed, 2, observer])
    event = np.full(len(time), Event.FIXATION, dtype=np.int64)
    index = _attended(scene, rng, time)
    places = scene.positions(time - _PURSUIT)
    xy = places[index, :, np.arange(len(time))].T + _wander(rng, scene, time, index)
    _jump(time, index, xy, event)
    limit = np.array([[scene.clip.width], [scene.clip.height]]) - 1 - _EDGE
    xy = np.clip(xy, _EDGE, limit)
    if habits.stray == observer:
        _stray(scene, time, xy)
    _interrupt(rng, scene, habits, time, event)
    return Look(time, xy[0], xy[1], event)
