"""Clips against gaze and density by a protocol: a row per frame (Sec. IV-C)."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.evaluation.draws import reference_frames, reference_positions
from pipeline.evaluation.frame_scores import Frame, Scores, score_frame
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.metrics.scaling import Map, copy_single
from pipeline.evaluation.protocols import Protocol, Reference, protocol, reported
from pipeline.preprocessing.fixations import pixels_by_frame
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
EVERYWHERE = Reference("other_frames", None, repeats=True)
"""The reference set that is too large to be put together frame by frame."""


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
        """Yield maps [y, x] in float32."""
        indices = {frame: i for i, frame in enumerate(self.frames(clip))}
        for half in self.store.frames_at(clip, [indices[frame] for frame in frames]):
            single = np.empty(half.shape, np.float32)
            copy_single(half, single)
            yield single


@dataclass(frozen=True)
class GroundTruth:
    """What a dataset's maps are compared with."""

    density: Mapping[str, Store]
    pixels: Mapping[str, list[NDArray[np.int32]]]
    """Clip -> per frame [n, (y, x)], a row for each look."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Name of each store that it was read from -> its digest."""

    @cached_property
    def clips(self) -> list[str]:
        """Names of the clips, in a fixed order."""
        return sorted(self.pixels)

    @cached_property
    def _lengths(self) -> list[int]:
        return [len(self.pixels[clip]) for clip in self.clips]

    def shape(self, clip: str) -> tuple[int, int]:
        """Return height and width of a clip's densities."""
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

    def elsewhere(
        self, rules: Protocol, clip: str, frame: int, fixated: NDArray[np.bool_], rng: Generator
    ) -> NDArray[np.intp] | None:
        """Return the reference set of sAUC for a frame, or None if the protocol has none."""
        if rules.reference is None:
            return None
        if rules.reference == EVERYWHERE and len(self._grids) == 1:
            return self._all_but(clip, frame, fixated.shape[1])
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
    return GroundTruth(densities, pixels, named([*densities.values(), *gazes.values()]))


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
    maps: MapSource, truth: GroundTruth, clip: str, frames: Sequence[int], request: Request
) -> list[ScoredFrame]:
    """Score some frames of a clip; a frame whose map is unreadable is left out.

    Raises:
        InputError: A map holds NaN or infinity, or a stored one is damaged.
    """
    rules = request.rules
    # An engine for each call, for its scratch is not shared by threads.
    score = partial(score_frame, rules, metrics=request.columns, engine=Engine(truth.shape(clip)))
    densities, scored = truth.density[clip].frames_at(clip, frames), list[ScoredFrame]()
    pairs = zip(frames, maps.read(clip, frames), densities, strict=True)
    for index, saliency, density in pairs:
        if saliency is None:
            continue
        rng = request.generator(clip, index)
        frame = Frame(saliency, density, truth.pixels[clip][index])
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
    maps: MapSource, truth: GroundTruth, clips: Iterable[str], request: Request
) -> Iterator[Delayed]:
    """Yield a task for every shard of a clip's frames that have a map."""
    # `delayed` once each: otherwise every task would carry a copy of the ground truth.
    known, source = delayed(truth, pure=False), delayed(maps, pure=False)
    score_block = delayed(score_frames, pure=False)
    for clip in clips:
        frames = maps.frames(clip)
        for start in range(0, len(frames), SHARD):
            yield score_block(source, known, clip, frames[start : start + SHARD], request)


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
