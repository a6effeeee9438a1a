"""What is wrong with a dataset's raw files, told without converting them.

Names first (missing, empty and left-over files), then contents: a video is asked for its header,
its first picture and the number of its packets, an image for its header, and the gaze of a clip is
read by the dataset's reader, which knows how long each recording is. No video is decoded.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pipeline.config.data import Dataset
from pipeline.datasets.records import Clip
from pipeline.raw.ffmpeg import count_frames
from pipeline.raw.patterns import (
    asked_for,
    clips_of,
    fitting,
    numbered_files,
    patterns,
    stays_inside,
    video_file,
)
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import is_picture, picture_size
from pipeline.raw.video import probe as probe_video
from pipeline.runtime.errors import InputError

_ONE_AT_A_TIME = Lock()
"""Readers set filters of warnings, which all threads share."""
SHORT = 0.2
"""Share of a video by which a recording, or of a recording by which a video, may be shorter."""
OUTLAST = 0.5
"""Seconds by which recordings may outlast even the shortest video."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with a file of a clip."""

    clip: str
    file: str
    problem: str


@dataclass(frozen=True)
class Probed:
    """What the files of a clip hold."""

    frames: int | None
    """Frames that the clip will have, within what the sheet asks for; None: cannot be told."""
    unreadable: tuple[Finding, ...] = ()
    short: tuple[Finding, ...] = ()


def _there(root: Path, dataset: Dataset, pattern: str, clip: SheetClip) -> list[Path]:
    try:
        files = fitting(root, pattern, dataset.gaze, clip.name, clip.split)
    except InputError:  # two files of one number: `missing_files` tells
        return []
    return [file for file in files if file.is_file()]


def empty_files(root: Path, dataset: Dataset, clips: Iterable[SheetClip]) -> list[Finding]:
    """Files without a single byte."""
    found = {
        file: clip.name
        for clip in clips
        for pattern in patterns(dataset)
        for file in _there(root, dataset, pattern, clip)
        if not file.stat().st_size
    }
    return [Finding(clip, str(file), "empty file") for file, clip in found.items()]


def extra_clips(root: Path, dataset: Dataset, listed: Iterable[str]) -> dict[str, list[str]]:
    """Pattern -> clips whose files fit it and that no row of the split sheet names."""
    known = set(listed)
    extra: dict[str, list[str]] = {}
    for pattern in patterns(dataset):
        if "{clip}" in pattern:
            names = sorted({clip for clip, _ in clips_of(root, pattern)} - known)
            if names:
                extra[pattern] = names
    return extra


def _video(video: Path, rate: float | None, name: str) -> Clip:
    """Size, rate and frames of a whole video after resampling to `rate`.

    Raises:
        InputError: Its header or its first picture cannot be read.
    """
    width, height, own = probe_video(video)
    frames = count_frames(video)
    if not frames:
        raise InputError(f"{video}: no frame in it; fetch it again")
    if rate is not None:
        frames = round(frames / own * rate)
    return Clip(name, frames, width, height, rate or own)


def _pictures(root: Path, dataset: Dataset, clip: SheetClip) -> tuple[Clip, list[int]]:
    """A folder of numbered pictures, and the numbers that it lacks."""
    found = numbered_files(root, dataset.frames.video, clip.name, clip.split)
    files, absent = asked_for(found, clip)
    if not files:
        raise InputError("no picture within the sheet's range")
    sizes = {picture_size(file): file for file in files.values()}
    if len(sizes) > 1:
        raise InputError(f"pictures of several sizes, {sizes}; fetch the folder again")
    width, height = next(iter(sizes))
    rate = dataset.frames.rate or 1.0
    return Clip(clip.name, len(files), width, height, rate, tuple(files)), absent


def _whole(root: Path, dataset: Dataset, clip: SheetClip) -> tuple[Clip, list[int]]:
    """The pictures of a clip as far as they go, and the numbers that they lack.

    Raises:
        InputError: They cannot be read.
    """
    pattern = dataset.frames.video
    stays_inside(root, _there(root, dataset, pattern, clip))
    if "{frame}" in pattern:
        return _pictures(root, dataset, clip)
    video = video_file(root, pattern, clip.name, clip.split)
    if is_picture(video):
        return Clip(clip.name, 1, *picture_size(video), 1.0), []
    return _video(video, dataset.frames.rate, clip.name), []


def probe(root: Path, dataset: Dataset, clip: SheetClip) -> Probed:
    """Looks into the files of a clip; what is not there is not its business."""
    pattern = dataset.frames.video
    video = video_file(root, pattern, clip.name, clip.split)
    if not _there(root, dataset, pattern, clip):
        return Probed(None)
    try:
        whole, absent = _whole(root, dataset, clip)
    except InputError as error:
        problem = str(error).removeprefix(f"{video}: ")
        return Probed(None, (Finding(clip.name, str(video), problem),))
    problems = [f"{len(absent)} pictures lack, the first is {absent[0]}"] if absent else []
    frames = whole.frames
    if not whole.numbers:
        if whole.frames < (clip.last or 0):
            problems.append(f"{whole.frames} frames; the split sheet asks for {clip.last}")
        frames = max(0, min(whole.frames, clip.last or whole.frames) - (clip.first or 1) + 1)
    unreadable, short = _gaze(root, dataset, clip, whole, video)
    pictures = (Finding(clip.name, str(video), problem) for problem in problems)
    return Probed(frames, tuple(unreadable), (*pictures, *short))


def _gaze(
    root: Path, dataset: Dataset, clip: SheetClip, whole: Clip, video: Path
) -> tuple[list[Finding], list[Finding]]:
    """What is unreadable and what is short, by the gaze of a clip.

    Not read: gaze whose reader waits for an option, and maps, a file a frame, which have no length.
    """
    settings = dataset.gaze
    recordings = [
        file
        for pattern in settings.files
        if "{clip}" in pattern and "{frame}" not in pattern
        for file in _there(root, dataset, pattern, clip)
        if file.stat().st_size
    ]
    if not recordings or None in settings.options.values():
        return [], []
    common = [
        file
        for pattern in settings.files
        if "{clip}" not in pattern
        for file in _there(root, dataset, pattern, clip)
    ]
    try:
        stays_inside(root, recordings)
        reader = importlib.import_module(f"pipeline.datasets.{settings.reader}")
        with _ONE_AT_A_TIME:
            seconds = reader.read([*recordings, *common], whole, **settings.options).seconds
    except (ValueError, TypeError, OSError, ImportError) as error:
        where = recordings[0].parent if len(recordings) > 1 else recordings[0]
        return [Finding(clip.name, str(where), str(error))], []
    return [], _lengths(clip.name, recordings, seconds, whole, video)


def _lengths(
    clip: str, files: Sequence[Path], seconds: Sequence[float], whole: Clip, video: Path
) -> list[Finding]:
    """Recordings shorter than their video, and a video shorter than most of its recordings."""
    if not seconds:
        return []
    length = whole.frames / whole.rate
    usual = sorted(seconds)[len(seconds) // 2]
    if length < (1 - SHORT) * usual and length < usual - OUTLAST:
        problem = f"{whole.frames} frames, {length:.2f} s; recordings last {usual:.2f} s"
        return [Finding(clip, str(video), problem)]
    found = []
    for number, lasts in enumerate(seconds, start=1):
        if lasts < (1 - SHORT) * length:
            one_each = len(files) == len(seconds)
            name = str(files[number - 1] if one_each else files[0])
            which = "" if one_each else f"recording {number} of {len(seconds)}: "
            found.append(Finding(clip, name, f"{which}{lasts:.2f} s of a video of {length:.2f} s"))
    return found
