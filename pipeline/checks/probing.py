"""Faults of a dataset's raw files, found without converting them.

Names come first (missing, empty and extra files), then contents: of a video the header and the time
of each frame, as stage frames has them, of an image the header, and of a clip's gaze whatever the
dataset's reader makes of it, which includes the length of each recording. No video is decoded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_high
from threading import Lock

from pipeline.config.data import Dataset, DatasetFrames
from pipeline.datasets.readers import read_gaze
from pipeline.datasets.records import Clip
from pipeline.datasets.released import pair
from pipeline.raw.patterns import (
    clips_of,
    files_matching,
    numbered_files,
    patterns,
    stays_inside,
    video_file,
)
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import is_picture, numbered_pictures, picture_size
from pipeline.raw.video import probe as probe_video
from pipeline.runtime.errors import InputError

_READING = Lock()
"""One reader at a time: readers set filters of warnings, which all threads share."""
SHORT = 0.2
"""Share of its video by which a recording may be shorter, and the other way round."""
OUTLAST = 0.5
"""Seconds by which recordings may outlast a video of any length."""


@dataclass(frozen=True)
class Finding:
    """A fault of one file of a clip."""

    clip: str
    file: str
    problem: str


@dataclass(frozen=True)
class Probed:
    """What was found in the files of a clip."""

    frames: int | None
    """Frames that the clip will have within the range of its sheet; None: not known."""
    unreadable: tuple[Finding, ...] = ()
    short: tuple[Finding, ...] = ()
    noted: tuple[Finding, ...] = ()
    """What a user should know, and is no fault."""


def _existing(root: Path, dataset: Dataset, pattern: str, clip: SheetClip) -> list[Path]:
    try:
        files = files_matching(root, pattern, dataset.gaze, clip.name, clip.split)
    except InputError:  # two files bear one number, which `missing_files` reports
        return []
    return [file for file in files if file.is_file()]


def empty_files(root: Path, dataset: Dataset, clips: Iterable[SheetClip]) -> list[Finding]:
    """Return a finding for each file of 0 bytes."""
    found = {
        file: clip.name
        for clip in clips
        for pattern in patterns(dataset)
        for file in _existing(root, dataset, pattern, clip)
        if not file.stat().st_size
    }
    return [Finding(clip, str(file), "empty file") for file, clip in found.items()]


def extra_clips(root: Path, dataset: Dataset, listed: Iterable[str]) -> dict[str, list[str]]:
    """Return pattern -> clips whose files fit it but that are in no row of the split sheet."""
    known = set(listed)
    clip_patterns = [pattern for pattern in patterns(dataset) if "{clip}" in pattern]
    extra = {
        pattern: sorted({clip for clip, _ in clips_of(root, pattern)} - known)
        for pattern in clip_patterns
    }
    return {pattern: clips for pattern, clips in extra.items() if clips}


def _probe_video(video: Path, dataset: DatasetFrames, name: str) -> Clip:
    """Size, rate, frames and times of a whole video after resampling."""
    rate = dataset.rate
    width, height, timing = probe_video(video, rate, square=dataset.square_pixels)
    edges = tuple(timing.edges())
    return Clip(name, len(timing), width, height, rate or timing.mean_rate, times=edges)


def _whole_clip(root: Path, dataset: Dataset, clip: SheetClip) -> tuple[Clip, list[int]]:
    """The whole video or all pictures of a clip, and the numbers missing from them."""
    pattern = dataset.frames.video
    if "{frame}" in pattern:
        files, absent, size = numbered_pictures(root, pattern, clip)
        rate = dataset.frames.rate or 1.0
        return Clip(clip.name, len(files), *size, rate, tuple(files)), absent
    video = video_file(root, pattern, clip.name, clip.split)
    stays_inside(root, [video])
    if is_picture(video):
        return Clip(clip.name, 1, *picture_size(video), 1.0), []
    return _probe_video(video, dataset.frames, clip.name), []


def probe(root: Path, dataset: Dataset, clip: SheetClip) -> Probed:
    """Look into the files of a clip; missing ones are for `missing_files` to report."""
    pattern = dataset.frames.video
    video = video_file(root, pattern, clip.name, clip.split)
    if not _existing(root, dataset, pattern, clip):
        return Probed(None)
    try:
        whole, absent = _whole_clip(root, dataset, clip)
    except InputError as error:
        problem = str(error).removeprefix(f"{video}: ")
        return Probed(None, (Finding(clip.name, str(video), problem),))
    problems = [f"{len(absent)} pictures are missing, the first is {absent[0]}"] if absent else []
    frames = whole.frames
    if not whole.numbers:
        if whole.frames < (clip.last or 0):
            problems.append(f"{whole.frames} frames; the split sheet asks for {clip.last}")
        frames = max(0, min(whole.frames, clip.last or whole.frames) - (clip.first or 1) + 1)
    unreadable, short, noted = _probe_gaze(root, dataset, clip, whole, video)
    mispaired, paired = _probe_maps(root, dataset, clip, whole)
    pictures = (Finding(clip.name, str(video), problem) for problem in problems)
    return Probed(
        frames, (*unreadable, *mispaired), (*pictures, *short), tuple(dict.fromkeys(noted + paired))
    )


def _probe_maps(
    root: Path, dataset: Dataset, clip: SheetClip, whole: Clip
) -> tuple[list[Finding], list[Finding]]:
    """Findings about the numbers of a clip's maps: unusable ones, and what should be known."""
    unusable, noted = [], []
    numbers = whole.numbers or range(1, whole.frames + 1)
    for pattern in patterns(dataset)[1:]:
        if "{frame}" not in pattern:
            continue
        where = str(video_file(root, pattern, clip.name, clip.split).parent)
        try:
            files = numbered_files(root, pattern, clip.name, clip.split)
            found = pair(files, numbers, clip.name, cut=clip.last is not None)
        except InputError as error:
            unusable.append(Finding(clip.name, where, str(error).removeprefix(f"{where}: ")))
        else:
            noted += [Finding(clip.name, where, finding) for finding in found.findings]
    return unusable, noted


def _probe_gaze(
    root: Path, dataset: Dataset, clip: SheetClip, whole: Clip, video: Path
) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Findings about a clip's gaze: unreadable files, recordings that are too short, and others.

    Gaze is not read if an option of its reader is not set yet, nor are maps of one frame each,
    which have no length.
    """
    settings = dataset.gaze
    recordings, common = list[Path](), list[Path]()
    for pattern in settings.files:
        files = _existing(root, dataset, pattern, clip)
        if "{clip}" not in pattern:
            common += files
        elif "{frame}" not in pattern:
            recordings += [file for file in files if file.stat().st_size]
    if not any("{clip}" in pattern for pattern in settings.files):
        recordings, common = common, []  # files of all clips
    if not recordings or None in settings.options.values():
        return [], [], []
    where = recordings[0].parent if len(recordings) > 1 else recordings[0]
    try:
        stays_inside(root, recordings)
        with _READING:
            gaze = read_gaze(settings.reader, [*recordings, *common], whole, settings.options)
    except InputError as error:
        return [Finding(clip.name, str(where), str(error))], [], []
    noted = [Finding(clip.name, str(where), finding) for finding in gaze.findings]
    return [], _short(clip.name, recordings, gaze.seconds, whole, video), noted


def _short(
    clip: str, files: Sequence[Path], seconds: Sequence[float], whole: Clip, video: Path
) -> list[Finding]:
    """Findings about recordings shorter than their video, or a video shorter than most of them."""
    if not seconds:
        return []
    length = whole.seconds
    # The median: one recording that was never stopped says nothing about the video.
    usual = median_high(seconds)
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
