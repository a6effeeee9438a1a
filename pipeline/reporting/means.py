"""Means of what a model scored on a dataset, and the frames that they leave out.

Which frames enter a mean is the protocol's business (`pipeline.evaluation.protocols`): a value
whose status it leaves out does not count, a NaN never does, and some protocols draw some frames for
each metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.draws import half_of, sampled_frames
from pipeline.evaluation.metrics.registry import QUOTIENTS
from pipeline.evaluation.protocols import Average, MetricStatus, Protocol, protocol, reported
from pipeline.reporting.intervals import ClipSums, Interval, Quotient, drawn_clips, interval
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import plain, read_rows
from pipeline.stores.score_sheets import sheet_facts

STATUSES: Final[tuple[MetricStatus, ...]] = get_args(MetricStatus)
NO_ATTRIBUTE: Final = "no attribute"

Codes = NDArray[np.int8]
"""Per frame an index into `STATUSES`."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A file of scores, as read."""

    path: Path
    rules: Protocol
    frames: pd.DataFrame
    """A row per frame: clip, frame (index in the clip, from 0), a column per metric (NaN where it
    has no value)."""
    statuses: dict[str, Codes]
    """Metric of the sheet -> status of each frame."""

    def left_out(self, metric: str) -> NDArray[np.bool_]:
        """The frames whose status keeps them out of the mean."""
        codes = [STATUSES.index(status) for status in self.rules.left_out]
        return np.isin(self.statuses[metric], codes)


@dataclass(frozen=True, eq=False)
class Measurement:
    """One model on one dataset: means, and what went into them."""

    average: Average
    frames: int
    clips: tuple[str, ...]
    """Names, ascending."""
    by_clip: dict[str, ClipSums]
    """Metric -> sums and counts in the order of `clips`."""
    means: dict[str, float]
    """Mean per metric, NaN where no frame has a value."""
    intervals: dict[str, Interval | None]
    """Interval of each mean; None where fewer than six clips have a value."""
    statuses: dict[str, dict[str, int]]
    """Metric -> status -> number of frames, those that are left out included."""
    undefined: dict[str, int]
    """Metric that is NaN in frames that do count -> number of those frames."""


def read_scores(path: Path, name: str) -> Sheet:
    """Read a file of scores; `name` is the protocol that it must be of.

    Raises:
        InputError: The file is missing, of another protocol, has other columns, or no row.
    """
    rules = protocol(name)
    remedy = f"make it again with: snakemake --force {path}"
    facts = sheet_facts(path)
    found = facts["protocol"]
    if found != rules.name:
        raise InputError(f"{path}: expected protocol {rules.name}, found {found}; {remedy}")
    metrics = _metrics(path, rules, remedy)
    try:
        # Names of clips such as 001 or NA are text.
        frames = pd.read_csv(
            path,
            skiprows=1,
            dtype={"clip": str, "frame": np.int64, "status": str},
            keep_default_na=False,
            na_values={metric: [""] for metric in metrics},
        )
        frames = frames.astype({metric: np.float64 for metric in metrics})
        frames["clip"] = frames["clip"].map(plain)
        frames["frame"] -= facts["first_frame"]
    except ValueError as error:
        raise InputError(f"{path}: not a table of numbers ({error}); {remedy}") from error
    if frames.empty:
        raise InputError(f"{path}: holds no frame; {remedy}")
    try:
        statuses = _statuses(frames.pop("status"), metrics)
    except ValueError as error:
        raise InputError(f"{path}: {error}; {remedy}") from None
    return Sheet(path, rules, frames, statuses)


def _metrics(path: Path, rules: Protocol, remedy: str) -> list[str]:
    """Metrics of the sheet, between its columns frame and status; checks the header."""
    # Other bytes in place of text are no such line, or pandas finds them.
    with path.open(encoding="utf-8", errors="replace") as lines:
        _, header = next(lines, ""), next(lines, "").strip()
    words = header.split(",")
    metrics = [metric for metric in reported(rules, words) if metric in words]
    if header != ",".join(["clip", "frame", *metrics, "status"]) or not metrics:
        raise InputError(
            f"{path}: expected columns clip,frame,{','.join(rules.reports)},status (or without "
            f"some of these metrics), found {header}; {remedy}"
        )
    return metrics


def _statuses(column: pd.Series[str], metrics: Sequence[str]) -> dict[str, Codes]:
    """Status of each frame by metric, from a column of texts, of which few differ."""
    codes, texts = pd.factorize(column)
    found = [_parsed(text) for text in texts]
    if unknown := {metric for one in found for metric in one} - {*metrics}:
        raise ValueError(f"a status is of {', '.join(sorted(unknown))}, which has no column")
    indices = {m: [STATUSES.index(one.get(m, "ok")) for one in found] for m in metrics}
    return {metric: np.array(of_texts, np.int8)[codes] for metric, of_texts in indices.items()}


def _parsed(text: str) -> dict[str, MetricStatus]:
    """Metric -> status, from `ok` or a list such as `AUC-J=no_fixation NSS=no_fixation`."""
    known: dict[str, MetricStatus] = {status: status for status in STATUSES}
    found = {}
    for part in text.split() if text != "ok" else ():
        metric, _, status = part.partition("=")
        if status not in known:
            raise ValueError(f"status {text!r}: expected ok, or metric=one of {', '.join(known)}")
        found[metric] = known[status]
    if not text:
        raise ValueError("a frame has no status")
    return found


def summarise(sheet: Sheet, average: Average, seed: int) -> Measurement:
    """Means of a file of scores over frames, or over each clip's frames and then over clips.

    `seed` is that of the draws of clips for the intervals, and of frames where the protocol
    averages only some.
    """
    codes, names = pd.factorize(sheet.frames["clip"], sort=True)
    by_clip, undefined = dict[str, ClipSums](), dict[str, int]()
    for metric in sheet.statuses:
        values = sheet.frames[metric].to_numpy()
        drawn_frames = sampled_frames(sheet.rules, len(values), metric, seed=seed)
        chosen = ~sheet.left_out(metric) & np.isin(np.arange(len(values)), drawn_frames)
        if metric in sheet.rules.half:
            chosen &= _halved(sheet.rules, metric, codes)
        missing = np.isnan(values)
        undefined[metric] = int(np.count_nonzero(chosen & missing))
        by_clip[metric] = _clip_sums(codes, len(names), values, chosen & ~missing)
    for metric, parts in QUOTIENTS.items():
        if metric in by_clip:
            by_clip[metric] = _quotient(sheet, parts, codes, len(names))
    drawn = drawn_clips(len(names), seed)
    return Measurement(
        average=average,
        frames=len(sheet.frames),
        clips=tuple(map(str, names)),
        by_clip=by_clip,
        means={metric: scores.mean(average) for metric, scores in by_clip.items()},
        intervals={metric: interval(one, average, drawn) for metric, one in by_clip.items()},
        statuses={metric: _counts(found) for metric, found in sheet.statuses.items()},
        undefined={metric: count for metric, count in undefined.items() if count},
    )


def _quotient(
    sheet: Sheet, parts: tuple[str, str], codes: NDArray[np.intp], clips: int
) -> Quotient:
    """Explained information: what a prediction gains, in percent of what people do.

    `parts` are what the prediction gains on people, and what people gain on the centre bias.
    """
    lost, possible = (sheet.frames[metric].to_numpy() for metric in parts)
    used = ~(np.isnan(lost) | np.isnan(possible) | sheet.left_out(parts[0]))
    gained, below = (
        _clip_sums(codes, clips, values, used) for values in (possible + lost, possible)
    )
    return Quotient(gained.sums, gained.counts, below)


def _halved(rules: Protocol, metric: str, codes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which frames enter a mean of which the scorer takes half of a clip's, by clip of each."""
    found = np.zeros(len(codes), bool)
    for clip in np.unique(codes):
        of_clip = np.flatnonzero(codes == clip)
        found[of_clip[half_of(len(of_clip), rules, metric)]] = True
    return found


def _clip_sums(
    codes: NDArray[np.intp], clips: int, values: NDArray[np.float64], used: NDArray[np.bool_]
) -> ClipSums:
    sums = np.bincount(codes[used], weights=values[used], minlength=clips).astype(np.float64)
    return ClipSums(sums, np.bincount(codes[used], minlength=clips))


def _counts(codes: Codes) -> dict[str, int]:
    counts = np.bincount(codes, minlength=len(STATUSES))
    return {status: int(n) for status, n in zip(STATUSES, counts, strict=True) if n}


def by_attribute(entry: Measurement, attributes: Path) -> dict[str, dict[str, float]]:
    """Means over the clips that have an attribute: attribute -> metric -> mean.

    The CSV clip,attribute has a row for each of a clip's attributes; clips of other splits may be
    in it, and clips without any make up `NO_ATTRIBUTE`.

    Raises:
        InputError: The attributes cannot be read, or none of the clips has one.
    """
    means: dict[str, dict[str, float]] = {}
    for name, rows in _attributes(attributes, entry.clips).items():
        parts = {m: ClipSums(s.sums[rows], s.counts[rows]) for m, s in entry.by_clip.items()}
        means[name] = {metric: part.mean(entry.average) for metric, part in parts.items()}
    return means


def _attributes(path: Path, clips: tuple[str, ...]) -> Mapping[str, NDArray[np.intp]]:
    """Attribute -> indices of its clips, attributes in ascending order."""
    indices = {clip: index for index, clip in enumerate(clips)}
    groups: dict[str, set[int]] = {}
    for row in read_rows(path, ("clip", "attribute")):
        if row["clip"] in indices:
            groups.setdefault(row["attribute"], set()).add(indices[row["clip"]])
    if not groups:
        raise InputError(
            f"{path}: none of its clips was scored; the first scored one is {clips[0]}; correct "
            "the names, or give another sheet of attributes"
        )
    if rest := {*indices.values()}.difference(*groups.values()):
        groups[NO_ATTRIBUTE] = rest
    return {name: np.array(sorted(groups[name]), np.intp) for name in sorted(groups)}
