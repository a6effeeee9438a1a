"""Maps against gaze and density by a protocol: a row per frame (Sec. IV-C)."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.frame_scores import score_by
from pipeline.evaluation.metrics.auc import auc_shuffled
from pipeline.evaluation.metrics.distributions import chi_square
from pipeline.evaluation.metrics.fast import Scorer
from pipeline.evaluation.metrics.scaling import Map
from pipeline.evaluation.protocols import Metric, MetricScore, Reference
from pipeline.evaluation.protocols import Protocol as Rules
from pipeline.evaluation.protocols import protocol as rules_of
from pipeline.evaluation.shuffled_reference import reference_frames, reference_positions
from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole
from pipeline.stores.kinds import DENSITY, GAZE, SHARD
from pipeline.stores.reading import Store, open_parts

Scores = dict[Metric, MetricScore]
Row = tuple[str, int, Scores]
"""Clip, frame and its scores."""


EVERYWHERE = Reference("other_frames", None, repeats=True)
"""The reference set that is too large to be put together frame by frame."""


class Maps(Protocol):
    """Saliency maps of clips, ours or anybody's."""

    def frames(self, clip: str) -> list[int]:
        """The frames of a clip that have a map, from 0."""
        ...

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[Map | None]:
        """The maps of some of them [y, x]; None for one that turns out to be unreadable."""
        ...


@dataclass(frozen=True)
class StoredMaps:
    """The maps of a SALIENCY store."""

    store: Store

    def frames(self, clip: str) -> list[int]:
        """Those that the manifest lists, or all."""
        facts = self.store.clips[clip]
        count = facts["shape"][0]
        return list(range(count)) if facts["frames"] is None else list(facts["frames"])

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[Map]:
        """As float32."""
        array, places = self.store[clip], {f: i for i, f in enumerate(self.frames(clip))}
        for frame in frames:
            yield np.asarray(array[places[frame]], np.float32)


@dataclass(frozen=True)
class GroundTruth:
    """What a dataset's maps are compared with."""

    density: Mapping[str, Store]
    pixels: Mapping[str, list[NDArray[np.int32]]]
    """Clip -> per frame [n, (y, x)], a row for each look."""

    @cached_property
    def clips(self) -> list[str]:
        """In a fixed order."""
        return sorted(self.pixels)

    @cached_property
    def _lengths(self) -> list[int]:
        return [len(self.pixels[clip]) for clip in self.clips]

    def shape(self, clip: str) -> tuple[int, int]:
        """Height and width of a clip's densities."""
        _, height, width = self.density[clip].clips[clip]["shape"]
        return height, width

    @cached_property
    def _grids(self) -> set[tuple[int, int]]:
        return {self.shape(clip) for clip in self.clips}

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Every look of every frame, clip by clip, and where each frame's end."""
        frames = [pixels for clip in self.clips for pixels in self.pixels[clip]]
        return np.concatenate(frames), np.cumsum([len(pixels) for pixels in frames])

    def _all_but(self, clip: str, frame: int, width: int) -> NDArray[np.intp]:
        """Places of all looks but those of one frame."""
        looks, ends = self._flat
        place = sum(self._lengths[: self.clips.index(clip)]) + frame
        end = int(ends[place])
        others = np.delete(looks, slice(end - len(self.pixels[clip][frame]), end), axis=0)
        return others[:, 0].astype(np.intp) * width + others[:, 1]

    def elsewhere(
        self, rules: Rules, clip: str, frame: int, fixated: NDArray[np.bool_], rng: Generator
    ) -> NDArray[np.intp] | None:
        """The reference set of sAUC for a frame, if the protocol has one."""
        if rules.reference is None:
            return None
        if rules.reference == EVERYWHERE and len(self._grids) == 1:
            return self._all_but(clip, frame, fixated.shape[1])
        place = self.clips.index(clip)
        chosen = reference_frames(rules, self._lengths, place, frame, rng)
        names = [self.clips[other] for other, _ in chosen]
        return reference_positions(
            rules,
            [self.pixels[name][i] for name, (_, i) in zip(names, chosen, strict=True)],
            [self.shape(name) for name in names],
            fixated,
        )


def ground_truth(density: Sequence[Path], gaze: Sequence[Path]) -> GroundTruth:
    """Opens the DENSITY and GAZE parts of a dataset's scored split."""
    gazes = open_parts(GAZE, gaze)
    pixels = {
        clip: pixels_by_frame(np.asarray(store[clip][:]), store.clips[clip]["frames"])
        for clip, store in gazes.items()
    }
    return GroundTruth(open_parts(DENSITY, density), pixels)


def score_frames(
    maps: Maps, truth: GroundTruth, clip: str, frames: Sequence[int], name: str, seed: int
) -> list[Row]:
    """Scores some frames of a clip by the protocol of that name.

    Raises:
        InputError: A map holds NaN or infinity.
    """
    rules, shape = rules_of(name), truth.shape(clip)
    scorer = Scorer(shape)  # scratch is not shared by threads
    density, rows = truth.density[clip][clip], list[Row]()
    for frame, saliency in zip(frames, maps.read(clip, frames), strict=True):
        if saliency is None:
            continue
        pixels = truth.pixels[clip][frame]
        rng = np.random.default_rng([seed, zlib.crc32(clip.encode()), frame])
        given = Frame(saliency, np.asarray(density[frame]), pixels, fixated_map(pixels, shape))
        reference = truth.elsewhere(rules, clip, frame, given.fixated, rng)
        try:
            found = score_frame(rules, scorer, given, reference, rng)
        except ValueError as error:
            raise InputError(
                f"clip {clip}, frame {frame}: {error}; make that store or map anew"
            ) from None
        rows.append((clip, frame, found))
    return rows


class Frame(NamedTuple):
    """A prediction and what it is compared with."""

    saliency: Map
    density: Map
    pixels: NDArray[np.int32]
    fixated: NDArray[np.bool_]


def score_frame(
    rules: Rules,
    scorer: Scorer,
    frame: Frame,
    reference: NDArray[np.intp] | None,
    rng: Generator,
) -> Scores:
    """By `score_by`; usual frames of the default protocol several times as fast."""
    saliency, density, pixels, fixated = frame
    quickly = rules.name == "mit" and rules.auc == "expected" and saliency.shape == scorer.shape
    if quickly and reference is not None:
        quick = scorer.score(saliency, density, fixated)
        if quick.status == "ok" and reference.size and not np.isnan(quick.values["KLDiv"]):
            values = {
                **quick.values,
                "sAUC": auc_shuffled(saliency, fixated, reference),
                "chi-square": chi_square(saliency, density.astype(np.float32, copy=False)),
            }
            return {metric: MetricScore(values[metric], "ok") for metric in rules.reports}
    noise = rng if rules.auc == "jitter" else None
    return score_by(rules, saliency, density, pixels, reference=reference, rng=noise)


def tasks(
    maps: Maps, truth: GroundTruth, clips: Iterable[str], name: str, seed: int
) -> Iterator[Delayed]:
    """The frames of clips that have a map, a shard at a time."""
    known = delayed(truth, pure=False)
    source = delayed(maps, pure=False)
    score_block = delayed(score_frames, pure=False)
    for clip in clips:
        frames = maps.frames(clip)
        for start in range(0, len(frames), SHARD):
            yield score_block(source, known, clip, frames[start : start + SHARD], name, seed)


def status_of(scores: Scores) -> str:
    """`ok`, or what is wrong with which metrics: `AUC-J=no_fixation NSS=no_fixation`."""
    odd = [f"{metric}={score.status}" for metric, score in scores.items() if score.status != "ok"]
    return " ".join(odd) or "ok"


def write_scores(path: Path, rules: Rules, rows: Iterable[Row]) -> int:
    """Writes a sheet with a row per frame, and says how many there are."""
    count = 0
    metrics = [name for name in rules.reports if name != "sAUC" or rules.reference is not None]
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# protocol: {rules.name}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["clip", "frame", *metrics, "status"])
        for clip, frame, scores in rows:
            values = (scores[metric].value for metric in metrics)
            cells = ("" if np.isnan(value) else f"{value:.6f}" for value in values)
            writer.writerow([clip, frame, *cells, status_of(scores)])
            count += 1
    return count
