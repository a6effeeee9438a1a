"""Films of the demo: the size, length, rate and observers of its clips, and what they show.

Clips are small and short, but have about the aspects and exactly the layouts of the real datasets.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from pipeline.datasets.records import Clip, Samples
from pipeline.demo.looks import Habits, Look, look
from pipeline.demo.scene import Scene, draw_scene

OBSERVERS = {
    "ucf_sports": ("001", "002", "003", "004", "005"),
    "hollywood2": ("001", "002", "003", "004", "005"),
    "dhf1k": ("01", "02", "03", "04", "05"),
    "diem": ("1s01", "1s02", "1s03", "1s04", "1s05"),
    "ledov": ("1", "2", "3", "4", "5"),
    "salicon": ("1", "2", "3", "4", "5", "6", "7", "8"),
}
"""Observers of every clip of a dataset, as its files name them; SALICON's do not."""

# Width and height in pixels, number of frames, frames/s.
_FORMATS = {
    "ucf_sports": (180, 120, 24, 25.0),
    "hollywood2": (176, 96, 24, 25.0),
    "dhf1k": (160, 90, 30, 30.0),
    "diem": (160, 120, 30, 30.0),
    "ledov": (192, 108, 24, 24.0),
    "salicon": (160, 120, 1, 1.0),
}
# Hollywood-2 has shots of a single frame, and readers must not assume 30 frames/s.
_LENGTHS = {("hollywood2", "actioncliptest00002"): 1}
_RATES = {("dhf1k", "002"): 25.0}
_CLOCKS = {"ucf_sports": 2000, "hollywood2": 2000, "dhf1k": 4000, "ledov": 4000}
"""Sampling interval of the eye tracker in microseconds."""
_JITTER = 23
"""Microseconds by which a sample is late, at most."""
_OUTLAST = 0.1
"""Seconds for which recordings go on after the video."""
_SHORT = 10
"""Frames below which nothing moves in a clip."""


@dataclass(frozen=True)
class Film:
    """A clip of the demo: everything that its files are drawn from."""

    dataset: str
    split: str
    clip: Clip
    seed: int
    habits: Habits
    scene: Scene


def film(dataset: str, name: str, split: str, index: int, seed: int) -> Film:
    """Return the film of a clip, which follows from the arguments alone.

    `seed` is that of the whole demo; `index`, the clip's row in its sheet, decides what its
    observers do besides looking.
    """
    width, height, frames, rate = _FORMATS[dataset]
    frames = _LENGTHS.get((dataset, name), frames)
    rate = _RATES.get((dataset, name), rate)
    clip = Clip(name, frames, width, height, rate)
    own = zlib.crc32(f"{seed}/{dataset}/{name}".encode())
    habits = Habits(common_blink=index % 3 == 1, stray=index % 5 if index % 2 == 0 else None)
    scene = draw_scene(clip, own, motion=frames >= _SHORT)
    return Film(dataset, split, clip, own, habits, scene)


def times(film: Film) -> Samples:
    """Times [n] in seconds at which the eyes of a film's observers are sampled."""
    clip = film.clip
    if film.dataset == "diem":
        # A line a frame, and some lines more than the video has frames.
        return (np.arange(clip.frames + 3, dtype=np.float64) + 0.5) / clip.rate
    if film.dataset == "salicon":
        return np.linspace(0.0, 0.9, 6)
    interval = _CLOCKS[film.dataset]
    count = math.ceil((clip.frames / clip.rate + _OUTLAST) * 1e6 / interval)
    ticks = np.arange(count, dtype=np.float64)
    return (ticks * interval + ticks * 37 % _JITTER) / 1e6


def looks(film: Film) -> dict[str, Look]:
    """Return where each observer of a film looks: the truth behind its gaze files."""
    time = times(film)
    return {
        observer: look(film.scene, index, time, film.seed, film.habits)
        for index, observer in enumerate(OBSERVERS[film.dataset])
    }
