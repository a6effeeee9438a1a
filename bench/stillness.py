"""What repeated frames and the noise of still shots do to maps that look at flow.

Flow goes from a frame to the first one behind it that differs by more than noise
(pipeline/viewing/network/stillness.py); beside it, what plain flow to the next frame comes to. Two
things are shown to the networks. Photographs become films of a third of a second: as they are,
compressed, or with grain. In films, each frame is held for two or, as 24 frames/s are shown at 60,
for two and three. Recordings and scores are those of bench/models.py. What is finished is kept in
the folder of the stores. Writes bench/results/stillness.md.

    python bench/stillness.py [--data data/models] [--models gfsalnet-light gfsalnet-tiny] [--quick]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import fill

import numpy as np
from heldout import METRICS, SETS, Recordings, Scores
from measured import Finished
from models import cell, head, row
from numpy.typing import NDArray
from pages import ROOT, publish, today
from zoo import identity

from pipeline.raw.ffmpeg import write_frames
from pipeline.viewing.media.film import Reader, open_film
from pipeline.viewing.network import stillness
from pipeline.viewing.network.load import load
from pipeline.viewing.network.model import Model

RATE, LENGTH, SHOWN = 24, 8, 3
"""Frames/s and frames of a photograph's film, and which of them is scored."""
GRAIN = 4.0
"""Standard deviation, of 255 levels."""
HELD = {"as they are": 1.0, "each frame twice": 2.0, "two and three times in turn": 2.5}
FIRST = 72
"""Frames of a film that are seen, at most."""
EVERY = {"clips_1_to_10": 8, "dhf1k_002": 3}
WAYS = {"": stillness.CHANGE, "; flow to the next frame": -1.0}
"""How flow is estimated -> CHANGE; every frame differs by more than -1."""
Film = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def compressed(frames: NDArray[np.uint8], crf: int) -> NDArray[np.uint8]:
    """Return what H.264 makes of frames [t, y, x, 3]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        with write_frames(path, frames.shape[1:], RATE, vcodec="libx264", crf=crf) as write:
            for frame in frames:
                write(frame)
        with Reader(open_film(path)) as reader:
            return np.stack(reader.take(len(frames)))


def grainy(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return frames with noise of their own each."""
    noise = np.random.default_rng(0).normal(0, GRAIN, frames.shape)
    return np.clip(frames + noise + 0.5, 0, 255).astype(np.uint8)


STILLS: dict[str, Film] = {
    "the same frame": lambda frames: frames,
    "CRF 23": lambda frames: compressed(frames, 23),
    "CRF 30": lambda frames: compressed(frames, 30),
    "CRF 36": lambda frames: compressed(frames, 36),
    f"grain of {GRAIN:g} levels, CRF 23": lambda frames: compressed(grainy(frames), 23),
}


@contextmanager
def change(levels: float) -> Iterator[None]:
    """For a block, let frames differ from so many levels on."""
    before, stillness.CHANGE = stillness.CHANGE, levels
    try:
        yield
    finally:
        stillness.CHANGE = before


def of_picture(model: Model, recordings: Recordings, clip: str) -> Scores:
    """Return the scores of a photograph: as a picture, and as films of each kind, both ways."""
    picture, _ = recordings.frames("photographs", clip)
    found = {
        "as pictures": recordings.scored(
            model.predict(picture, still=True), "photographs", clip, [0]
        )
    }
    for name, make in STILLS.items():
        film = make(picture.repeat(LENGTH, 0))
        for way, levels in WAYS.items():
            with change(levels):
                maps = model.predict(film, rate=RATE)[SHOWN : SHOWN + 1]
            found[name + way] = recordings.scored(maps, "photographs", clip, [0])
    return found


def of_film(model: Model, recordings: Recordings, name: str, clip: str) -> Scores:
    """Return the scores of a set's film: as it is, and with held frames, both ways."""
    frames, rate = recordings.frames(name, clip, FIRST)
    chosen = recordings.looked(name, clip, EVERY[name], FIRST)
    found: Scores = {}
    for how, times in HELD.items():
        place = (np.arange(round(len(frames) * times)) / times).astype(int)
        # Of the copies of a frame that is scored, by turns the first, the second, ...
        copies = [np.flatnonzero(place == frame) for frame in range(len(frames))]
        shown = [one[frame // EVERY[name] % len(one)] for frame, one in enumerate(copies)]
        for way, levels in WAYS.items():
            with change(levels):
                maps = model.predict(frames[place], rate=times * rate)[shown]
            found[how + way] = recordings.scored(maps, name, clip, chosen)
    return found


def main() -> None:
    """Measure and write bench/results/stillness.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "data/models", help="of the stores")
    parser.add_argument("--models", nargs="+", default=["gfsalnet-light", "gfsalnet-tiny"])
    parser.add_argument("--quick", action="store_true", help="few recordings, to try the bench")
    given = parser.parse_args()
    given.data = given.data.resolve()
    os.chdir(ROOT)
    recordings = Recordings(given.data)
    sets = ["photographs", *EVERY]
    recordings.make(sets)
    kept = Finished(given.data / "stillness.json")
    about = (
        f"{today()}. Means over 50 photographs or over clips [95 %, bootstrap over them], protocol "
        f"`mit` at 640x480. A photograph's film has {LENGTH} frames at {RATE} frames/s, of which "
        f"one is scored. Of the other films the first {FIRST} frames are seen, at most; each 8th "
        "of the ten clips is scored and each third of DHF1K 002. Flow is that of `gfsalnet "
        "predict`, or goes to the next frame, whatever that is."
    )
    parts = ["# Repeated frames and still shots", "", fill(about, 100)]
    for asked in given.models:
        model = load(asked)
        for name in sets:
            still = SETS[name].still
            clips = recordings.clips(name)[:: 2 if still else 1][: 2 if given.quick else None]
            ask = (
                partial(of_picture, model, recordings)
                if still
                else partial(of_film, model, recordings, name)
            )
            made = {
                clip: kept.get(f"{identity(model)}/{clip}", partial(ask, clip)) for clip in clips
            }
            title = f"{model.name}, {SETS[name].title.removeprefix('100 ')}"
            table = [
                row(how, *(cell({clip: made[clip][how] for clip in clips}, key) for key in METRICS))
                for how in made[clips[0]]
            ]
            parts += [*head(title, *METRICS), *table]
            print("\n".join(table), flush=True)
    text = "\n".join([*parts, "", "`python bench/stillness.py`."])
    if given.quick:
        print(text)
    else:
        publish("stillness", text)


if __name__ == "__main__":
    main()
