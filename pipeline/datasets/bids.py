"""Eye tracking in BIDS, version 1.11 (Gorgolewski et al., Scientific Data 2016).

Observers, task, rate and screen: as the sidecars say. Files, all listed in `gaze.files`, those of
an observer with {observer}:

- `sub-01_task-ball_recording-eye1_physio.tsv.gz`: tabs, no header, a recording of one eye; columns
  timestamp, x_coordinate, y_coordinate and others as Columns of its JSON says.
- Its JSON: PhysioType eyetrack, SamplingFrequency, StartTime, RecordedEye, SampleCoordinateSystem
  gaze-on-screen, and x_coordinate.Units.
- `sub-01_task-ball_events.tsv`: onset, duration and stim_file of each stimulus, in seconds on the
  clock of StartTime; its JSON has StimulusPresentation: ScreenResolution, ScreenOrigin, ScreenSize.
- `sub-01_task-ball_recording-eye1_physioevents.tsv.gz`, where only fixations shall count.

A JSON holds for all files below its folder whose names have its entities, the nearest overrides.
BIDS does not say how large a video was shown: `fit` or `rectangle` does (`BidsOptions`).

Conventions: a sample's time is StartTime plus its timestamp since the first one, or its row by
SamplingFrequency where timestamp has no unit of time. A stimulus begins at its onset, and ends with
its duration or its last frame; other samples are of other stimuli, and not counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.bids_metadata import (
    BidsFile,
    BidsOptions,
    Events,
    Recording,
    bids_files,
    checked,
    inherited,
    metadata,
    position_of,
    screen_of,
    without_eye,
)
from pipeline.datasets.csv import named, numbered
from pipeline.datasets.records import Clip, Gaze, ReaderError, Reasons, Samples, join, keep
from pipeline.datasets.screen import options, outside, usable
from pipeline.datasets.table import by_tabs, read_table

_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "µs": 1e6, "ns": 1e9}
_AGAIN = "correct the file or its JSON"


@dataclass(frozen=True)
class _Eye:
    """A recording of one eye: arrays [n], places in pixels of the video."""

    path: Path
    time: Samples
    point: Samples
    counts: NDArray[np.bool_]
    """Where no event is against it."""
    dropped: dict[str, int]


def _during(
    file: BidsFile, files: list[BidsFile], clock: Samples, rows: Samples, wanted: Sequence[str]
) -> NDArray[np.bool_]:
    """[n] True for samples of a recording within one of the events wanted."""
    there = inherited(file.entities, file.path.parent, "physioevents", "tsv.gz", files)
    if not there:
        raise ReaderError(
            f"{file.path}: no physioevents.tsv.gz of this recording; list it in gaze.files of this "
            "dataset in config.yaml, or leave out gaze.options.events"
        )
    path = there[-1].path
    sidecars = inherited(there[-1].entities, path.parent, "physioevents", "json", files)
    facts = checked(Events, metadata(sidecars), path)
    _need(("onset", "duration", "trial_type"), facts.columns, path)
    table = read_table(
        path,
        facts.columns,
        numbers=("onset", "duration"),
        words=("trial_type",),
        split=by_tabs,
        again=_AGAIN,
    )
    chosen = np.isin(table.words["trial_type"], list(wanted))
    begin = table.numbers["onset"]
    end = begin + np.nan_to_num(table.numbers["duration"])
    spans = np.stack([begin, end], axis=1)[chosen & np.isfinite(begin)]
    if not len(spans):
        found = ", ".join(np.unique(table.words["trial_type"])[:9])
        raise ReaderError(
            f"{path}: no event of trial_type {', '.join(wanted)}, found {found:.200}; correct "
            "gaze.options.events of this dataset in config.yaml"
        )
    begin, end = spans[np.argsort(spans[:, 0])].T
    moment = clock if facts.source == "timestamp" else rows
    last = np.searchsorted(begin, moment, side="right") - 1
    return (last >= 0) & (moment <= np.maximum.accumulate(end)[last])


def _need(columns: Sequence[str], there: Sequence[str], where: Path) -> None:
    missing = [column for column in columns if there.count(column) != 1]
    if missing:
        raise ReaderError(
            f"{where}: no column {', '.join(missing)} among Columns of its JSON, "
            f"{', '.join(there):.200}; {_AGAIN}"
        )


def _eye(
    file: BidsFile, facts: Recording, files: list[BidsFile], clip: Clip, chosen: BidsOptions
) -> _Eye:
    numbers = ("timestamp", "x_coordinate", "y_coordinate")
    _need(numbers, facts.columns, file.path)
    table = read_table(
        file.path, facts.columns, numbers=numbers, split=by_tabs, clock="timestamp", again=_AGAIN
    )
    clock, x, y = (table.numbers[column] for column in numbers)
    rows = np.asarray(table.lines - 1, np.float64)
    ticks = _TICKS.get(facts.timestamp.units or "")
    # The first row, whose time StartTime is, may have been left out.
    since = (clock - clock[0]) / ticks + rows[0] / facts.rate if ticks else rows / facts.rate
    screen = screen_of(file, files, chosen)
    position, (right, down) = position_of(facts.x, screen, chosen, file.path)
    counts = np.full(len(x), True)
    if chosen.events is not None:
        counts = _during(file, files, clock, rows, chosen.events)
    point = position.on_video(x * right, y * down, clip)
    time = np.asarray(facts.start + since, np.float64)
    return _Eye(file.path, time, point, counts, table.dropped)


def _merged(eyes: Mapping[str, _Eye], chosen: BidsOptions) -> _Eye:
    """The eyes that count as one, at each moment at which one of them was recorded."""
    wanted = (chosen.eyes,) if chosen.eyes != "mean" else ("left", "right")
    there = [eyes[eye] for eye in wanted if eye in eyes]
    if not there and chosen.eyes == "mean":
        there = list(eyes.values())
    if not there:
        one = next(iter(eyes.values()))
        raise ReaderError(
            f"{one.path}: no recording of RecordedEye {chosen.eyes}, only of {', '.join(eyes)}; "
            "correct gaze.options.eyes of this dataset in config.yaml"
        )
    if len(there) == 1:
        return there[0]
    # A microsecond: eyes that were sampled together may differ by the rounding of their numbers.
    times = [np.round(eye.time, 6) for eye in there]
    time = times[0]
    if not np.array_equal(times[0], times[1]):
        time = np.unique(np.concatenate(times))
    points = np.full((2, 2, len(time)), np.nan)
    counts = np.zeros((2, len(time)), dtype=bool)
    same = 0
    for k, (eye, its) in enumerate(zip(there, times, strict=True)):
        at = np.arange(len(its)) if time is times[0] else np.searchsorted(time, its)
        points[k][:, at], counts[k, at] = eye.point, eye.counts
        same += len(its) - len(np.unique(at))
    finite = np.isfinite(points).all(axis=1)
    valid = finite & (counts | ~(finite & counts).any(axis=0))
    total = np.where(valid[:, None], points, 0.0).sum(axis=0)
    amount = valid.sum(axis=0)
    mean = np.where(amount > 0, total / np.maximum(amount, 1), np.nan)
    dropped = dict(sum((Counter(eye.dropped) for eye in there), Counter(same_time=same)))
    return _Eye(there[0].path, time, mean, (valid & counts).any(axis=0) | (amount == 0), dropped)


def _onsets(
    file: BidsFile, files: list[BidsFile], clip: str, stimulus: str
) -> list[tuple[float, float]]:
    """Onset and duration in seconds, or infinity, of each time that a run shows the clip."""
    there = inherited(without_eye(file), file.path.parent, "events", "tsv", files)
    if not there:
        raise ReaderError(
            f"{file.path}: no events.tsv of this recording; list it in gaze.files of this dataset "
            "in config.yaml, or set gaze.options.start to zero or first"
        )
    columns = ("onset", "duration", stimulus)
    table = read_table(
        there[-1].path,
        columns,
        numbers=columns[:2],
        words=columns[2:],
        split=by_tabs,
        header=True,
        again=_AGAIN,
    )
    shown = named(clip, table.words[stimulus]) & np.isfinite(table.numbers["onset"])
    duration = table.numbers["duration"][shown]
    duration[~(duration > 0)] = np.inf
    return list(zip(table.numbers["onset"][shown].tolist(), duration.tolist(), strict=True))


def _parts(
    eye: _Eye, onsets: Sequence[tuple[float, float | None]], clip: Clip, observer: int
) -> Iterator[Gaze]:
    """The gaze of each time that an observer saw the clip: its onset, and how long it lasted."""
    for onset, lasted in onsets:
        # To a microsecond: a sample at the change of a frame belongs to the frame that begins.
        time, point, counts = np.round(eye.time - onset, 6), eye.point, eye.counts
        if lasted is not None:
            shown = (time >= 0) & (time < min(lasted, clip.seconds))
            time, point, counts = time[shown], point[:, shown], counts[shown]
        frame = np.floor(clip.position(time))
        reasons: Reasons = [
            ("before_first_frame", frame < 0),
            ("after_last_frame", frame >= clip.frames),
            ("other_event", ~counts),
            ("lost", np.asarray(~np.isfinite(point).all(axis=0))),
            ("outside", outside(point, clip)),
        ]
        seconds = float(time.max(initial=0.0))
        yield keep(frame, point[0], point[1], observer, reasons, seconds=seconds)
    nothing = np.empty(0)
    yield replace(keep(nothing, nothing, nothing, observer, ()), dropped=eye.dropped)


def _runs(
    files: list[BidsFile],
) -> dict[tuple[Path, str], dict[str, tuple[BidsFile, Recording]]]:
    """Run -> eye -> its recording, of all runs with eye tracking."""
    runs: dict[tuple[Path, str], dict[str, tuple[BidsFile, Recording]]] = {}
    for file in files:
        if (file.suffix, file.extension) != ("physio", "tsv.gz"):
            continue
        sidecars = inherited(file.entities, file.path.parent, "physio", "json", files)
        found = metadata(sidecars)
        if found.get("PhysioType") != "eyetrack":
            continue
        facts = checked(Recording, found, file.path)
        eyes = runs.setdefault((file.path.parent, str(sorted(without_eye(file).items()))), {})
        if facts.eye in eyes:
            raise ReaderError(
                f"{file.path}: {eyes[facts.eye][0].path} is of the same RecordedEye, {facts.eye}; "
                "correct their JSON"
            )
        eyes[facts.eye] = file, facts
    return runs


@np.errstate(over="ignore", invalid="ignore")  # absurd coordinates become inf, and are dropped
def read(files: Sequence[Path], clip: Clip, **given: Any) -> Gaze:
    """Return the gaze of one clip from a BIDS dataset; the options are those of `BidsOptions`.

    Raises:
        ReaderError: An option does not fit, a file is missing or does not fit, nobody saw the clip,
            or no sample can be used.
    """
    chosen = options(BidsOptions, given)
    names = bids_files(files)
    runs = _runs(names)
    if not runs:
        raise ReaderError(
            f"{', '.join(map(str, files[:3]))}: no physio.tsv.gz with PhysioType eyetrack in its "
            "JSON; list both in gaze.files of this dataset in config.yaml"
        )
    shown: list[tuple[_Eye, list[tuple[float, float | None]], str]] = []
    for eyes in runs.values():
        first, _ = next(iter(eyes.values()))
        onsets: list[tuple[float, float | None]] = [(0.0, None)]
        if chosen.start == "events":
            onsets = [*_onsets(first, names, clip.name, chosen.stimulus)]
        if not onsets:
            continue
        read_eyes = {eye: _eye(*its, names, clip, chosen) for eye, its in eyes.items()}
        merged = _merged(read_eyes, chosen)
        if chosen.start == "first":
            onsets = [(float(merged.time[0]), None)]
        shown.append((merged, onsets, first.entities.get("sub", "")))
    if not shown:
        raise ReaderError(
            f"{', '.join(map(str, files[:3]))}: no onset of {clip.name} in column "
            f"{chosen.stimulus} of events.tsv; name it there as in the split sheet, or correct "
            "gaze.options.stimulus in config.yaml"
        )
    observers = numbered(subject for _, _, subject in shown)
    return usable(
        join(
            part
            for eye, onsets, subject in shown
            for part in _parts(eye, onsets, clip, observers[subject])
        ),
        files,
        clip,
    )
