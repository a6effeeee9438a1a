"""LEDOV: fixations of 32 observers on 538 videos (Jiang et al., ECCV 2018; IJCV 2021).

Observers and task: 32, free viewing. Rate: Tobii TX300 at 300 Hz, released as fixations; videos of
24 to 60 frames/s and at least 1280 x 720. Screen coordinates are already pixels of the video.
Files: `<video>/Data.mat` with the struct Data: VideoFrames, VideoFrameRate, VideoSize = [W H],
fixdata with a row per fixation: subject, start (ms), duration (ms), x, y, in pixels that count
from 1.

The official rule (`demo.m`) is followed: a new recording begins where the start time decreases;
its fixations are skipped until the first that lies inside the video and, horizontally and
vertically, farther than round(H / 20) from the centre; then those strictly inside 0 and the size
count, in the frames ceil(start / d) to ceil((start + duration) / d), from 1, the frame duration d
in ms. Time is in ms, so frames stored at another rate than the video's need only their own d.

Known defects: one name is listed twice in the official lists; the rule above is a cross rather
than a box, so a first fixation on the vertical or horizontal midline is skipped too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.mat import read_mat
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, keep

_COLUMNS = 5


def _field(path: Path, data: np.ndarray, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(data[name][0, 0], dtype=np.float64)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ReaderError(
            f"{path}: expected a struct Data with a numeric field {name} ({error}); "
            "copy the file again from the original archive"
        ) from error


def _fixations(path: Path, clip: Clip) -> Samples:
    """[fixation, (subject, start ms, duration ms, x, y)] as in the file."""
    data = read_mat(path, "Data")
    size = _field(path, data, "VideoSize").ravel().tolist()
    if size != [clip.width, clip.height]:
        raise ReaderError(
            f"{path}: the gaze is for a video of {size} pixels, the video here has "
            f"{clip.width} x {clip.height}; use the original mp4"
        )
    fixations = _field(path, data, "fixdata")
    if fixations.ndim != 2 or fixations.shape[1] != _COLUMNS or not len(fixations):
        raise ReaderError(
            f"{path}: expected fixdata with rows of subject, start, duration, x, y, found "
            f"the shape {fixations.shape}; copy the file again from the original archive"
        )
    return fixations


def _begun(start: Samples, starting: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True from the first starting fixation of each recording on."""
    begun = np.zeros(len(start), dtype=bool)
    for i in range(len(start)):
        new = i == 0 or start[i] < start[i - 1]
        begun[i] = starting[i] or (not new and begun[i - 1])
    return begun


def _frames(fixations: Samples, clip: Clip) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last frame, 0-based, of each fixation; last < first if the clip ends before it."""
    duration = 1000 / clip.rate
    first = np.ceil(fixations[:, 1] / duration)
    last = np.ceil((fixations[:, 1] + fixations[:, 2]) / duration)
    first, last = np.maximum(first, 1) - 1, np.minimum(last, clip.frames) - 1
    return first.astype(np.int64), last.astype(np.int64)


def _read(path: Path, clip: Clip) -> Gaze:
    fixations = _fixations(path, clip)
    subject, start, _, x, y = fixations.T
    inside = (x > 0) & (x < clip.width) & (y > 0) & (y < clip.height)
    # Matlab rounds halves away from zero.
    centre = np.floor(clip.height / 20 + 0.5)
    aside = (np.abs(x - clip.width / 2) > centre) & (np.abs(y - clip.height / 2) > centre)
    first, last = _frames(fixations, clip)
    reasons: Reasons = [
        ("before_start", ~_begun(start, inside & aside)),
        ("outside", ~inside),
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
    )


def read(files: Sequence[Path], clip: Clip) -> Gaze:
    """Fixations of one LEDOV video, one point for each frame that a fixation lasts.

    `dropped` counts fixations, not samples.

    Args:
        files: The one Data.mat.
        clip: The video, or its frames stored at another rate.

    Raises:
        ReaderError: Not one file, or a file that does not fit the layout.
    """
    if len(files) != 1:
        raise ReaderError(
            f"{clip.name}: expected one Data.mat, found {len(files)}; "
            "correct ledov's gaze.files in config.yaml"
        )
    return _read(files[0], clip)
