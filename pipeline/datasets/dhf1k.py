"""DHF1K: gaze of 17 observers on 700 of 1,000 videos (Wang et al., CVPR 2018; TPAMI 2021).

Observers and task: 17 (P01 to P17), free viewing. The gaze of the 300 test videos is not released.
Rate: 250 Hz, time stamps in microseconds of an absolute clock; videos of 640 x 360 at 30 frames/s.
Screen: 1440 x 900, the video scaled to its full width and centred vertically. Files:
`P01/P01_Trail001.txt`, tabs, one header line, columns as in `COLUMNS`.

The released mapping (`record_mapping.m`) is followed: with a = W / 1440 and b = (900 - H / a) / 2
the point of regard goes to (a x, a (y - b)), is ROUNDED to a pixel that counts from 1, and is
dropped if a coordinate is <= 0 or >= the size; only samples whose event is Fixation count; frame k
(from 1) takes those with k - 1 < rate t < k, both strict, t from the first sample of the file. So
a pixel of theirs minus one is a pixel of ours, and we keep the fraction. An event is known by its
first letter in either case, since exports differ: F or V (Visual Intake, BeGaze's later word) is a
fixation, S a saccade, B a blink, - unclassified.

Known defects: the strict window loses the sample at t = 0 and others that fall on the change of a
frame; the bound >= W loses the last column and row; recordings outlast the video; (0, 0) means
lost tracking; `record_mapping.m` indexes with two vectors at once and so marks all combinations of
the x and y of one observer's samples in a frame. We do not repeat that unless `official_quirk` asks
for it, and then give every marked pixel once: 17,000 instead of 6,548 in the first 90 frames of
video 002.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.recordings import by_observer
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, join, keep
from pipeline.datasets.table import AGAIN, Table, by_tabs, read_table

COLUMNS = (
    "Time",
    "Type",
    "Trial",
    "L Dia X [px]",
    "L Dia Y [px]",
    "L POR X [px]",
    "L POR Y [px]",
    "L Event Info",
)
SCREEN = (1440, 900)
_EVENTS = {"f": "fixation", "v": "fixation", "s": "saccade", "b": "blink", "-": "unclassified"}
"""First letter of an event, in lower case -> what it is."""
_MOST_UNKNOWN = 0.5
"""Share of samples with unknown events above which the file is of another kind."""
_EXPECTED = "expected a name like P01_Trail001.txt; correct dhf1k's gaze.files in config.yaml"


def _observer(path: Path) -> int | None:
    if "_trail" not in path.name.lower():
        return None
    match = re.match(r"P([0-9]{1,4})_Trail", path.name, re.IGNORECASE)
    if match is None:
        raise ReaderError(f"{path}: {_EXPECTED}")
    return int(match[1])


def _events(table: Table) -> NDArray[np.str_]:
    """[n] what each sample is: a value of `_EVENTS`, or unknown_event."""
    words = table.words["L Event Info"]
    event = np.array([_EVENTS.get(word[:1].lower(), "unknown_event") for word in words.tolist()])
    unknown = event == "unknown_event"
    if np.count_nonzero(unknown) > _MOST_UNKNOWN * len(event):
        found = ", ".join(map(repr, np.unique(words[unknown])[:5].tolist()))
        raise ReaderError(
            f"{table.path}: {np.count_nonzero(unknown)} of {len(event)} samples have unknown "
            f"events in column 'L Event Info': {found:.200}; known are Fixation, Visual Intake, "
            f"Saccade, Blink and -; {AGAIN}"
        )
    return event


def _reasons(
    table: Table, event: NDArray[np.str_], frame: Samples, pixel: Samples, clip: Clip
) -> Reasons:
    lost = (table.numbers["L POR X [px]"] == 0) & (table.numbers["L POR Y [px]"] == 0)
    size = np.array([[clip.width], [clip.height]])
    others = ("saccade", "blink", "unclassified", "unknown_event")
    return [
        ("after_last_frame", frame >= clip.frames),
        *((reason, event == reason) for reason in others),
        ("lost", lost | ~np.isfinite(pixel).all(axis=0)),
        ("between_frames", frame == np.floor(frame)),
        ("outside", ((pixel <= 0) | (pixel >= size)).any(axis=0)),
    ]


def _check_screen(table: Table, event: NDArray[np.str_]) -> None:
    x, y = table.numbers["L POR X [px]"], table.numbers["L POR Y [px]"]
    fixating = (event == "fixation") & ~((x == 0) & (y == 0))
    outside = fixating & ((x < 0) | (x > SCREEN[0]) | (y < 0) | (y > SCREEN[1]))
    if 2 * np.count_nonzero(outside) > np.count_nonzero(fixating):
        raise ReaderError(
            f"{table.path}: {np.count_nonzero(outside)} of {np.count_nonzero(fixating)} fixation "
            f"samples lie outside the screen of {SCREEN[0]} x {SCREEN[1]} pixels: recorded on "
            "another screen? Use the recordings of DHF1K itself"
        )


def _crossed(gaze: Gaze) -> Gaze:
    """All combinations of the x and y of one observer's pixels in each frame, each once."""
    empty = np.empty((0, 3), dtype=np.float32)
    parts = [empty]
    for frame in np.unique(gaze.frame):
        here = gaze.frame == frame
        x, y = (np.unique(np.floor(line[here] + 0.5)) for line in (gaze.x, gaze.y))
        parts.append(np.stack(np.broadcast_arrays(frame, x, y[:, None]), axis=-1).reshape(-1, 3))
    frame, x, y = np.concatenate(parts).T
    return replace(
        gaze,
        frame=frame.astype(np.int32),
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        observer=np.full(len(x), gaze.observer[0] if len(x) else 0, dtype=np.int16),
    )


@np.errstate(over="ignore", invalid="ignore")  # absurd coordinates become inf, and are dropped
def _read_observer(path: Path, observer: int, clip: Clip) -> Gaze:
    numbers = ("Time", "L POR X [px]", "L POR Y [px]")
    table = read_table(
        path,
        COLUMNS,
        numbers=numbers,
        words=("L Event Info",),
        split=by_tabs,
        header=True,
        clock="Time",
        lowest=0,
    )
    event = _events(table)
    _check_screen(table, event)
    time = table.numbers["Time"]
    frame = clip.position((time - time[0]) / 1e6)
    scale = clip.width / SCREEN[0]
    margin = (SCREEN[1] - clip.height / scale) / 2
    x = scale * table.numbers["L POR X [px]"]
    y = scale * (table.numbers["L POR Y [px]"] - margin)
    pixel = np.floor(np.stack([x, y]) + 0.5)
    reasons = _reasons(table, event, frame, pixel, clip)
    seconds = float(time[-1] - time[0]) / 1e6
    return table.counted(keep(np.floor(frame), x - 1, y - 1, observer, reasons, seconds=seconds))


def read(files: Sequence[Path], clip: Clip, *, official_quirk: bool = False) -> Gaze:
    """Return the fixation samples of one DHF1K video, from one `P*_Trail*.txt` per observer.

    With `official_quirk` all combinations of x and y are marked, as `record_mapping.m` does.

    Raises:
        ReaderError: No file, two of one observer, or a file that does not fit the layout or has
            other events.
    """
    if not files:
        raise ReaderError(
            f"{clip.name}: no P*_Trail{clip.name}.txt; the gaze of videos 701 to 1000 is not "
            "released, so use another split"
        )
    found = by_observer(files, _observer, _EXPECTED)
    parts = [_read_observer(path, observer, clip) for observer, path in found.items()]
    return join([_crossed(part) for part in parts] if official_quirk else parts)
