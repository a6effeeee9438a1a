"""Clips against gaze and density by a protocol: a row per frame (Sec. IV-C)."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self
from typing import Protocol as Interface

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.calibration import Calibration
from pipeline.evaluation.draws import reference_frames, reference_positions
from pipeline.evaluation.frame_scores import Frame, Scores, score_frame
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.metrics.preparing import on_grid
from pipeline.evaluation.metrics.registry import METRICS
from pipeline.evaluation.metrics.scaling import Map
from pipeline.evaluation.own_truth import Looks, OwnTruth, on_picture, reduced
from pipeline.evaluation.people import gold_standard
from pipeline.evaluation.protocols import Protocol, Reference, protocol, reported
from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.runtime.sheets import write_rows
from pipeline.stores.kinds import DENSITY, GAZE, SHARD
from pipeline.stores.reading import Store, named, open_parts
from pipeline.stores.score_sheets import seal_sheet
from pipeline.stores.settings import score_settings

ScoredFrame = tuple[str, int, Scores]
"""Clip, frame from 0, and its scores."""
FIRST_FRAME = 1
"""Number of a clip's first frame in sheets and messages; in memory frames are indices."""
EVERYWHERE = Reference("other_frames", None, repeats="looks")
"""A reference set that is too large to be put together frame by frame."""
MARKED = replace(EVERYWHERE, repeats="frames", without_own=True)
"""The same with each fixated pixel of a frame once, and without those of the scored frame."""


class MapSource(Interface):
    """Saliency maps of clips, from a store or from anybody's files."""

    def frames(self, clip: str) -> list[int]:
        """Return the frames of a clip that have a map, from 0."""

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[Map | None]:
        """Yield the maps [y, x] of some of them; None for one that turns out to be unreadable."""


@dataclass(frozen=True)
class StoredMaps:
    """The maps of a SALIENCY store."""

    store: Store

    def frames(self, clip: str) -> list[int]:
        """Return the frames that the manifest lists, or all."""
        facts = self.store.clips[clip]
        count = facts["shape"][0]
        return list(range(count)) if facts["frames"] is None else list(facts["frames"])

    def read(self, clip: str, frames: Sequence[int]) -> Iterator[Map]:
        """Yield maps [y, x] in float16, as they are stored."""
        indices = {frame: i for i, frame in enumerate(self.frames(clip))}
        yield from self.store.frames_at(clip, [indices[frame] for frame in frames])


@dataclass(frozen=True)
class GroundTruth:
    """What a dataset's maps are compared with."""

    density: Mapping[str, Store]
    pixels: Mapping[str, list[NDArray[np.int32]]]
    """Clip -> per frame [n, (y, x)], a row for each look."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name of each store that it was read from -> its digest."""
    gaze: Mapping[str, Store] = field(default_factory=dict)
    """Clip -> its looks, as they were stored."""
    people: Mapping[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    """Clip -> per frame how likely each look is by the other observers' looks, in bits."""
    own: OwnTruth | None = None
    """Densities that the protocol makes by itself, which then count instead."""

    def by(self, rules: Protocol) -> Self:
        """Return the ground truth of a protocol: this one, unless its scorer makes its own."""
        if rules.truth is None:
            return self
        sizes, looks = dict[str, tuple[int, int]](), dict[str, Looks]()
        for clip in self.clips:
            facts = self.gaze[clip].clips[clip]
            sizes[clip] = reduced((facts["height"], facts["width"]), rules.truth)
            points = np.asarray(self.gaze[clip][clip][:])
            looks[clip] = on_picture(points, facts["frames"], self.shape(clip), sizes[clip])
        own = OwnTruth(rules.truth, sizes, looks)
        return replace(self, pixels=own.pixels(), own=own)

    def asked(self, clips: Iterable[str], columns: Iterable[str]) -> Self:
        """Return the ground truth with what metrics of people need, for some clips."""
        if not any(METRICS[metric].needs == "observers" for metric in columns):
            return self
        found = {}
        for clip in clips:
            points = np.asarray(self.gaze[clip][clip][:])
            # In the order of the pixels.
            points = points[np.argsort(points[:, 0].astype(np.int64), kind="stable")]
            ends = np.cumsum([len(frame) for frame in self.pixels[clip]])[:-1]
            who = np.split(points[:, 3], ends)
            found[clip] = gold_standard(self.pixels[clip], who, self.shape(clip))
        return replace(self, people=found)

    def densities(self, clip: str, frames: Sequence[int]) -> Iterator[Map]:
        """Yield the densities [y, x] of some of a clip's frames."""
        if self.own:
            yield from (self.own.density(clip, frame) for frame in frames)
        else:
            yield from self.density[clip].frames_at(clip, frames)

    @cached_property
    def clips(self) -> list[str]:
        """Names of the clips, in a fixed order."""
        return sorted(self.pixels)

    @cached_property
    def _lengths(self) -> list[int]:
        return [len(self.pixels[clip]) for clip in self.clips]

    def shape(self, clip: str) -> tuple[int, int]:
        """Return height and width of a clip's densities."""
        if self.own:
            return self.own.sizes[clip]
        _, height, width = self.density[clip].clips[clip]["shape"]
        return height, width

    @cached_property
    def _grids(self) -> set[tuple[int, int]]:
        return {self.shape(clip) for clip in self.clips}

    @cached_property
    def _flat(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """Looks [n, (y, x)] of all frames, clip by clip, and the index behind each frame's last."""
        frames = [pixels for clip in self.clips for pixels in self.pixels[clip]]
        return np.concatenate(frames), np.cumsum([len(pixels) for pixels in frames])

    def _all_but(self, clip: str, frame: int, width: int) -> NDArray[np.intp]:
        """Return the positions, in a flattened map, of all looks but those of one frame."""
        looks, ends = self._flat
        end = int(ends[sum(self._lengths[: self.clips.index(clip)]) + frame])
        others = np.delete(looks, slice(end - len(self.pixels[clip][frame]), end), axis=0)
        return others[:, 0].astype(np.intp) * width + others[:, 1]

    @cached_property
    def _marked(self) -> dict[tuple[int, int], NDArray[np.intp]]:
        """Size of a picture -> in how many frames of clips of that size each position is fixated.

        The positions are those of the flattened picture.
        """
        found = {shape: np.zeros(shape, np.intp) for shape in self._grids}
        for clip in self.clips:
            for pixels in self.pixels[clip]:
                found[self.shape(clip)] += fixated_map(pixels, self.shape(clip))
        return {shape: counts.ravel() for shape, counts in found.items()}

    def _marked_elsewhere(self, clip: str, fixated: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the positions fixated in other frames and not in this one, once for each frame."""
        counts = np.where(fixated.ravel(), 0, self._marked[self.shape(clip)])
        return np.repeat(np.arange(counts.size), counts)

    def elsewhere(
        self, rules: Protocol, clip: str, frame: int, fixated: NDArray[np.bool_], rng: Generator
    ) -> NDArray[np.intp] | None:
        """Return the reference set of sAUC for a frame, or None if the protocol has none."""
        if rules.reference is None:
            return None
        if rules.reference == EVERYWHERE and len(self._grids) == 1:
            return self._all_but(clip, frame, fixated.shape[1])
        if rules.reference == MARKED and len(self._grids) == 1:
            return self._marked_elsewhere(clip, fixated)
        chosen = reference_frames(
            rules.reference, self._lengths, self.clips.index(clip), frame, rng
        )
        names = [self.clips[other] for other, _ in chosen]
        return reference_positions(
            rules.reference,
            [self.pixels[name][i] for name, (_, i) in zip(names, chosen, strict=True)],
            [self.shape(name) for name in names],
            fixated,
        )


def ground_truth(density: Sequence[Path], gaze: Sequence[Path]) -> GroundTruth:
    """Open the DENSITY and GAZE parts of a dataset's scored split."""
    densities, gazes = open_parts(DENSITY, density), open_parts(GAZE, gaze)
    pixels = {
        clip: pixels_by_frame(np.asarray(store[clip][:]), store.clips[clip]["frames"])
        for clip, store in gazes.items()
    }
    inputs = named([*densities.values(), *gazes.values()])
    return GroundTruth(densities, pixels, inputs, gazes)


@dataclass(frozen=True)
class Request:
    """What is to be scored, and how."""

    protocol: str
    """Name of the protocol."""
    metrics: tuple[str, ...]
    """Metrics asked for besides those that the protocol always reports."""
    seed: int
    """Seed of the draws; clip and frame are added to it."""

    @property
    def rules(self) -> Protocol:
        """The protocol of that name."""
        return protocol(self.protocol)

    @property
    def columns(self) -> tuple[str, ...]:
        """Metrics of the sheet."""
        return reported(self.rules, self.metrics)

    def generator(self, clip: str, frame: int) -> Generator:
        """Return a frame's own generator, whoever scores it and in whatever order."""
        return np.random.default_rng([self.seed, zlib.crc32(clip.encode()), frame])


def score_frames(
    maps: MapSource,
    truth: GroundTruth,
    clip: str,
    frames: Sequence[int],
    request: Request,
    change: Calibration | None = None,
) -> list[ScoredFrame]:
    """Score some frames of a clip, changed first by `change`; an unreadable map is left out.

    Raises:
        InputError: A map holds NaN or infinity, or a stored one is damaged.
    """
    rules = request.rules
    # An engine for each call, for its scratch is not shared by threads.
    score = partial(score_frame, rules, metrics=request.columns, engine=Engine(truth.shape(clip)))
    scored = list[ScoredFrame]()
    read = zip(frames, maps.read(clip, frames), truth.densities(clip, frames), strict=True)
    for index, saliency, density in read:
        if saliency is None:
            continue
        if change and np.isfinite(saliency).all():
            grid = on_grid(rules, saliency.astype(np.float64), truth.shape(clip))
            saliency = change.applied(grid)
        rng = request.generator(clip, index)
        gold = truth.people[clip][index] if truth.people else None
        frame = Frame(saliency, density, truth.pixels[clip][index], gold)
        reference = truth.elsewhere(rules, clip, index, frame.fixated, rng)
        try:
            scores = score(frame, reference=reference, rng=noise(rules, rng))
        except ValueError as error:
            raise InputError(
                f"clip {clip}, frame {FIRST_FRAME + index}: {error}; make that store or map again"
            ) from None
        scored.append((clip, index, scores))
    return scored


def noise(rules: Protocol, rng: Generator) -> Generator | None:
    """Return the generator for protocols that draw, and None for those that take expectations."""
    return rng if rules.draws else None


def tasks(
    maps: MapSource,
    truth: GroundTruth,
    clips: Iterable[str],
    request: Request,
    changes: Mapping[str, Calibration] | None = None,
) -> Iterator[Delayed]:
    """Yield a task for every shard of a clip's frames that have a map.

    `changes` are the clips' calibrations, where the protocol has them.
    """
    # `delayed` once each: otherwise every task would carry a copy of the ground truth.
    clips = list(clips)
    truth = truth.by(request.rules).asked(clips, request.columns)
    known, source = delayed(truth, pure=False), delayed(maps, pure=False)
    score_block = delayed(score_frames, pure=False)
    for clip in clips:
        frames = maps.frames(clip)
        for start in range(0, len(frames), SHARD):
            change = (changes or {}).get(clip)
            yield score_block(source, known, clip, frames[start : start + SHARD], request, change)


def status_of(scores: Scores) -> str:
    """Return `ok`, or each odd metric with its status: `AUC-J=no_fixation NSS=no_fixation`."""
    odd = [f"{metric}={score.status}" for metric, score in scores.items() if score.status != "ok"]
    return " ".join(odd) or "ok"


def write_scores(
    path: Path,
    request: Request,
    scored: Iterable[ScoredFrame],
    inputs: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """Write a sheet with a row per frame, and return how many there are.

    The sheet says what it was made from, `inputs` by name and digest, and with which `settings` of
    config.yaml, by default those of the request.

    Raises:
        InputError: The disk refuses it.
    """
    columns = request.columns
    rows = (
        (
            *(clip, FIRST_FRAME + frame),
            *(_cell(scores[metric].value) for metric in columns),
            status_of(scores),
        )
        for clip, frame, scores in scored
    )
    header = ("clip", "frame", *columns, "status")
    with atomic(path) as partial:
        count = write_rows(partial, header, rows)
        settings = score_settings(request.seed) if settings is None else settings
        seal_sheet(partial, request.protocol, settings, inputs or {}, FIRST_FRAME)
    return count


def _cell(value: float) -> str:
    """Return six decimals, twice what tables show; nothing where there is no value."""
    return "" if np.isnan(value) else f"{value:.6f}"
