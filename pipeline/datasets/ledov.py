"""LEDOV: fixations of 32 observers on 538 videos (Jiang et al., ECCV 2018; IJCV 2021).

Observers and task: 32, free viewing. Rate: Tobii TX300 at 300 Hz, released as fixations; videos of
15 to 60 frames/s and at least 1280 x 720. Screen coordinates are already pixels of the video.
Files: `<video>/Data.mat` with the struct Data: VideoFrames, VideoFrameRate, VideoSize = [W H],
fixdata with a row per fixation: subject, start (ms), duration (ms), x, y, in pixels that count
from 1.

The official rule (`demo.m`) is followed: a new recording begins where the start time decreases;
its fixations are skipped until the first that lies inside the video and, horizontally and
vertically, farther than round(H / 20) from the centre; then those strictly inside 0 and the size
count, in the frames ceil(start / d) to ceil((start + duration) / d), from 1, the frame duration d
in ms. Time is in ms, so frames stored at another rate than the video's need only their own d, and
frames of several durations the moments at which they appear.

Known defects: one name is listed twice in the official lists; the rule above is a cross rather
than a box, so a first fixation on the vertical or horizontal midline is skipped too. With `begin:
box` only those inside the box of round(H / 20) around the centre are skipped.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.mat import as_numbers, read_struct
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, keep

BEGIN = ("official", "box")
_MOST_SUBJECTS = 9999


def _fixations(path: Path, clip: Clip) -> Samples:
    """[fixation, (subject, start ms, duration ms, x, y)] as in the file."""
    data = read_struct(path, "Data", ("VideoSize", "fixdata"))
    size = as_numbers(path, "VideoSize", data["VideoSize"]).ravel().tolist()
    if size != [clip.width, clip.height]:
        raise ReaderError(
            f"{path}: the gaze is for a video of {size} pixels, the video here has "
            f"{clip.width} x {clip.height}; use the original mp4"
        )
    numbers = as_numbers(path, "fixdata", data["fixdata"])
    fixations: Samples = np.atleast_2d(numbers).astype(np.float64)
    if fixations.ndim != 2 or fixations.shape[1] != 5 or not len(fixations):
        raise ReaderError(
            f"{path}: expected fixdata with rows of subject, start, duration, x, y, found "
            f"the shape {fixations.shape}; copy the file again from the original archive"
        )
    _check_rows(path, fixations)
    return fixations


def _check_rows(path: Path, fixations: Samples) -> None:
    subject, start, duration = fixations[:, :3].T
    for wrong, expected in [
        (~np.isin(subject, range(_MOST_SUBJECTS + 1)), "the number of a subject first"),
        (~((start >= 0) & (start < np.inf)), "a start of at least 0 ms second"),
        (~((duration >= 0) & (start + duration < np.inf)), "a duration of at least 0 ms third"),
    ]:
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ReaderError(
                f"{path}, row {row + 1} of fixdata: expected {expected}, found "
                f"{fixations[row].tolist()}; copy the file again from the original archive"
            )


def _begun(new: NDArray[np.bool_], starting: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True from the first starting fixation of each recording on; `new` where one begins."""
    row = np.arange(len(new))
    latest = np.maximum.accumulate(np.where(starting, row, -1))
    return np.asarray(latest >= np.maximum.accumulate(np.where(new, row, 0)))


def _starting(x: Samples, y: Samples, clip: Clip, begin: str) -> NDArray[np.bool_]:
    """Fixations away from the centre, as far as `begin` demands."""
    # Matlab rounds halves away from zero.
    centre = np.floor(clip.height / 20 + 0.5)
    right, down = np.abs(x - clip.width / 2) > centre, np.abs(y - clip.height / 2) > centre
    return np.asarray(right & down if begin == "official" else right | down)


def _frames(fixations: Samples, clip: Clip) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frame, 0-based, of each fixation; last < first if the clip ends before it."""
    start, end = fixations[:, 1], fixations[:, 1] + fixations[:, 2]
    if clip.times:
        start, end = clip.position(start / 1000), clip.position(end / 1000)
    else:
        start, end = start / (1000 / clip.rate), end / (1000 / clip.rate)
    first, last = np.minimum(np.ceil(start), clip.frames + 1), np.ceil(end)
    first, last = np.maximum(first, 1) - 1, np.minimum(last, clip.frames) - 1
    return first.astype(np.int64), last.astype(np.int64)


@np.errstate(over="ignore", invalid="ignore")  # the end of absurd times is refused
def read(files: Sequence[Path], clip: Clip, *, begin: str = "official") -> Gaze:
    """Return the fixations in the one Data.mat of a LEDOV video, a point for each frame of each.

    `begin` says where the fixations of a recording begin to count: "official" or "box". `dropped`
    counts fixations, not samples.

    Raises:
        ReaderError: An unknown `begin`, not one file, or a file that does not fit the layout.
    """
    if begin not in BEGIN:
        raise ReaderError(
            f"datasets.ledov: gaze.options.begin in config.yaml is {begin!r}; set it to one of "
            f"{', '.join(BEGIN)}"
        )
    if len(files) != 1:
        raise ReaderError(
            f"{clip.name}: expected one Data.mat, found {len(files)}; "
            "correct ledov's gaze.files in config.yaml"
        )
    fixations = _fixations(files[0], clip)
    subject, start, duration, x, y = fixations.T
    inside = (x > 0) & (x < clip.width) & (y > 0) & (y < clip.height)
    new = np.concatenate([[True], start[1:] < start[:-1]])
    first, last = _frames(fixations, clip)
    reasons: Reasons = [
        ("lost", ~(np.isfinite(x) & np.isfinite(y))),
        ("before_start", ~_begun(new, inside & _starting(x, y, clip, begin))),
        # Less than half a pixel from 0 is no pixel that counts from 1.
        ("outside", ~inside | (x < 0.5) | (y < 0.5)),
        ("after_last_frame", last < first),
    ]
    counted = keep(np.arange(len(x), dtype=np.float64), x, y, 0, reasons)
    kept = counted.frame
    lasts = (last - first + 1)[kept]
    row = np.repeat(kept, lasts)
    since = np.arange(len(row)) - np.repeat(np.cumsum(lasts) - lasts, lasts)
    return Gaze(
        frame=(first[row] + since).astype(np.int32),
        x=(x[row] - 1).astype(np.float32),
        y=(y[row] - 1).astype(np.float32),
        observer=subject[row].astype(np.int16),
        dropped=counted.dropped,
        seconds=tuple(((start + duration)[np.append(new[1:], True)] / 1000).tolist()),
    )
