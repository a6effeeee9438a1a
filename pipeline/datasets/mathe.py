"""Gaze of Mathe and Sminchisescu on UCF-Sports and Hollywood-2 (ECCV 2012; TPAMI 2015).

Observers and task: 16, some free-viewing (4 on UCF-Sports, 3 on Hollywood-2, GFSalNet Sec. IV-A),
the others recognising actions. Which numbers are the free-viewing ones is not public, so
`observers` has no default. Rate: 500 Hz. Screen: 1280 x 1024 (the last two of the five numbers in
`geometry.txt`), the video scaled to the screen with its aspect kept, and centred.

Files: `samples/001_<video>.avi.txt`, blanks, columns as in `COLUMNS`; `resolution.txt` with a line
`<video>.avi width height frames/s` for each video.

Conventions: time starts with the video. Its unit is nowhere stated; public readers divide by
1,000,000, so do we (`ticks_per_second`). A sample belongs to the frame on the screen at its time,
floor(rate * t) where frames follow each other at one rate; `resolution.txt` is only used to check
the size. Screen coordinates are taken to run from 0 at the left edge to 1280 at the right
one, so half a pixel of the video is taken off.

Known defects: of the event letters only B (blink) is explained. Recordings outlast the video.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.recordings import by_observer
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, join, keep
from pipeline.datasets.table import AGAIN, Table, lines_of, read_table, text_of

COLUMNS = ("time", "unused 1", "unused 2", "screen x", "screen y", "event")
_SMALLEST = 100
"""Pixels of a screen's side; smaller numbers are its size in metres or centimetres."""
_NUMBER = re.compile(r"[0-9]{1,4}")
_SAMPLES = re.compile(r"([0-9]{1,4})_(.+)\.avi\.txt")


def _one(files: Sequence[Path], name: str) -> Path:
    for path in files:
        if path.name == name:
            return path
    raise ReaderError(f"{name} is not among the gaze files; add it to gaze.files in config.yaml")


def _screen(path: Path) -> tuple[float, float]:
    words = text_of(path).split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    positive = all(0 < number < np.inf for number in numbers)
    if len(numbers) != 5 or not positive or min(numbers[3:]) < _SMALLEST:
        raise ReaderError(
            f"{path}: expected five positive numbers, the last two the screen's width and height "
            f"in pixels, found {len(words)} words: {' '.join(words)[:60]!r}; {AGAIN}"
        )
    return numbers[3], numbers[4]


def _check_size(path: Path, clip: Clip) -> None:
    for number, line in enumerate(lines_of(path), start=1):
        # Names may hold blanks.
        name, *size = line.strip().rsplit(maxsplit=3) or [""]
        if name != f"{clip.name}.avi":
            continue
        try:
            width, height, _ = map(float, size)
        except ValueError:
            raise ReaderError(
                f"{path}, line {number}: expected the name, width, height and rate of a video, "
                f"found {line[:60]!r}; {AGAIN}"
            ) from None
        if (width, height) != (clip.width, clip.height):
            raise ReaderError(
                f"{path}, line {number}: {clip.name} was shown at {width:g} x {height:g} pixels, "
                f"the video here has {clip.width} x {clip.height}; use the videos that the gaze "
                "was recorded on"
            )
        return
    raise ReaderError(
        f"{path}: no line for {clip.name}.avi; the split sheet's clips must be named as there"
    )


def _numbers(observers: Sequence[str | int] | str | None) -> set[int]:
    if observers is None:
        raise ReaderError(
            "which observers viewed freely is not public: set gaze.options.observers of this "
            "dataset in config.yaml, to a list like ['002', '005'] or to all"
        )
    names = [str(name) for name in observers] if isinstance(observers, Sequence) else []
    # The letters of a word would be a list of observers, too.
    if isinstance(observers, str) or not names or not all(map(_NUMBER.fullmatch, names)):
        raise ReaderError(
            f"gaze.options.observers of this dataset in config.yaml is {observers!r}; set it to a "
            "list of observers' numbers like ['002', '005'] or to all"
        )
    return {int(name) for name in names}


def _wanted(
    files: Sequence[Path], clip: Clip, observers: Sequence[str | int] | str | None
) -> dict[int, Path]:
    found = by_observer(files, _observer, "expected a name like 001_<video>.avi.txt")
    if observers != "all":
        wanted = _numbers(observers)
        found = {number: path for number, path in found.items() if number in wanted}
    if not found:
        raise ReaderError(
            f"{clip.name}: no samples/<observer>_{clip.name}.avi.txt of the observers {observers}; "
            "correct gaze.options.observers in config.yaml or add the files"
        )
    return found


def _observer(path: Path) -> int | None:
    match = _SAMPLES.fullmatch(path.name)
    return int(match[1]) if match else None


def _reasons(
    table: Table, frame: Samples, point: Samples, clip: Clip, events: Sequence[str] | None
) -> Reasons:
    event = table.words["event"]
    lost = (table.numbers["screen x"] == 0) & (table.numbers["screen y"] == 0)
    size = np.array([[clip.width], [clip.height]])
    return [
        ("before_first_frame", frame < 0),
        ("after_last_frame", frame >= clip.frames),
        ("blink", event == "B"),
        ("other_event", np.zeros_like(lost) if events is None else ~np.isin(event, list(events))),
        ("lost", lost | ~np.isfinite(point).all(axis=0)),
        ("outside", ((point < -0.5) | (point >= size - 0.5)).any(axis=0)),
    ]


@np.errstate(over="ignore", invalid="ignore")  # absurd coordinates become inf, and are dropped
def _read_observer(
    path: Path,
    number: int,
    clip: Clip,
    screen: Samples,
    events: Sequence[str] | None,
    ticks_per_second: float,
) -> Gaze:
    numbers = ("time", "screen x", "screen y")
    table = read_table(path, COLUMNS, numbers=numbers, words=("event",), clock="time")
    time = table.numbers["time"] / ticks_per_second
    size = np.array([[clip.width], [clip.height]])
    scale = np.min(screen / size)
    shown = np.stack([table.numbers["screen x"], table.numbers["screen y"]])
    point = (shown - (screen - size * scale) / 2) / scale - 0.5
    frame = np.floor(clip.position(time))
    reasons = _reasons(table, frame, point, clip, events)
    seconds = max(float(time[-1]), 0.0)
    return table.counted(keep(frame, point[0], point[1], number, reasons, seconds=seconds))


def read(
    files: Sequence[Path],
    clip: Clip,
    *,
    observers: Sequence[str | int] | str | None,
    events: Sequence[str] | None = None,
    ticks_per_second: float = 1e6,
) -> Gaze:
    """Return the samples of one UCF-Sports or Hollywood-2 video.

    The files are those of every observer, geometry.txt and resolution.txt. `observers` must be
    set, to numbers or "all"; `events` are the letters to keep, None keeps all but B.

    Raises:
        ReaderError: `observers` is not set, or a file is missing or does not fit the layout.
    """
    wanted = _wanted(files, clip, observers)
    screen = np.array(_screen(_one(files, "geometry.txt")))[:, None]
    _check_size(_one(files, "resolution.txt"), clip)
    if not 0 < ticks_per_second < np.inf:
        raise ReaderError(
            f"gaze.options.ticks_per_second of this dataset in config.yaml is {ticks_per_second}; "
            "set it to a positive number"
        )
    return join(
        _read_observer(path, number, clip, screen, events, ticks_per_second)
        for number, path in sorted(wanted.items())
    )
