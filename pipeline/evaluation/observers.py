"""Stage observers: how well the other observers' gaze predicts an observer's, frame by frame.

The score of a frame is the mean over observers who are left out one at a time: what the others
looked at, blurred by the recipe of the dataset's density, is the prediction; what the one looked at
is the truth. No model that knows neither is expected to surpass it by much. A frame at which fewer
than two looked has no score, and enters no mean.

AUC-J is the Mann-Whitney area here, whatever the protocol. MIT's area is larger by up to half the
share of pixels above the lowest fixated one, divided by the number of fixations: that is nothing
with fifty of them and half of the error with one, which is what an observer has in a video's frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.config.data import Density, GaussianDensity, ReleasedDensity
from pipeline.evaluation.frame_lists import listed_frames
from pipeline.evaluation.metrics.fast import Scorer
from pipeline.evaluation.protocols import MetricScore
from pipeline.evaluation.protocols import protocol as rules_of
from pipeline.evaluation.scoring import (
    Frame,
    GroundTruth,
    Row,
    Scores,
    ground_truth,
    score_frame,
    write_scores,
)
from pipeline.preprocessing.density_recipes import PointDensity, Shape, density_map
from pipeline.preprocessing.fixations import fixated_map, video_pixels
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.workers import computed
from pipeline.stores.kinds import GAZE, SHARD
from pipeline.stores.reading import open_parts
from pipeline.stores.verify import damage

Looks = NDArray[np.int32]
"""[n, (y, x)], a row for each look."""


@dataclass(frozen=True)
class Clip:
    """Who looked where in the frames of a clip."""

    grid: Shape
    """(height, width) of the frame grid."""
    video: Shape
    """(height, width) of the picture whose pixels the recipe counts in."""
    observers: list[dict[int, tuple[Looks, Looks]]]
    """Per frame: observer -> looks on the frame grid, and on that picture."""


def observers(
    *,
    gaze: list[Path],
    density: list[Path],
    frame_list: list[Path],
    recipe: Density,
    held_out: int,
    protocol: str,
    seed: int,
    threads: int,
    scores: Path,
) -> None:
    """GAZE and DENSITY stores of a test split to a sheet with a row per frame.

    `frame_list` is the list of a meta dataset, or none for every frame; `held_out` is how many
    observers of each frame are left out in turn, drawn by chance where there are more.
    """
    if isinstance(recipe, ReleasedDensity):
        raise InputError(
            "config.yaml: models: held_out: this dataset's densities are released maps, which do "
            "not tell observers apart; choose a variant with raw gaze, or take the row out"
        )
    truth = ground_truth(density, gaze)
    blocks = computed(
        _tasks(gaze, truth, frame_list, recipe, held_out, protocol, seed), "threads", threads
    )
    write_scores(scores, rules_of(protocol), (row for block in blocks for row in block))


def _tasks(
    gaze: Sequence[Path],
    truth: GroundTruth,
    frame_list: Sequence[Path],
    recipe: PointDensity,
    held_out: int,
    protocol: str,
    seed: int,
) -> Iterator[Delayed]:
    """The frames that count, a shard at a time."""
    known, stores = delayed(truth, pure=False), open_parts(GAZE, gaze)
    facts = {clip: truth.density[clip].clips[clip] for clip in stores}
    block = delayed(_score_block, pure=False)
    for name, frames in listed_frames(frame_list, facts).items():
        points = np.asarray(stores[name][name][:])
        clip = delayed(
            _clip(points, stores[name].clips[name], truth.shape(name), recipe), pure=False
        )
        for start in range(0, len(frames), SHARD):
            chosen = frames[start : start + SHARD]
            yield block(known, clip, name, chosen, recipe, held_out, protocol, seed)


def _clip(
    points: NDArray[np.float32], facts: dict[str, int], grid: Shape, recipe: PointDensity
) -> Clip:
    video = grid if isinstance(recipe, GaussianDensity) else (facts["height"], facts["width"])
    found: list[dict[int, tuple[Looks, Looks]]] = [{} for _ in range(facts["frames"])]
    for observer in np.unique(points[:, 3]):
        own = points[points[:, 3] == observer]
        placed = (video_pixels(own, facts["frames"], grid, on) for on in (grid, video))
        for frame, looks in enumerate(zip(*placed, strict=True)):
            if len(looks[0]):
                found[frame][int(observer)] = looks
    return Clip(grid, video, found)


def _score_block(
    truth: GroundTruth,
    clip: Clip,
    name: str,
    frames: Sequence[int],
    recipe: PointDensity,
    held_out: int,
    protocol: str,
    seed: int,
) -> list[Row]:
    rules, scorer, rows = rules_of(protocol), Scorer(clip.grid), list[Row]()
    of_one = replace(rules, auc="mann_whitney")
    for frame in frames:
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), frame])
        everybody = np.asarray(truth.density[name][name][frame])
        pixels = truth.pixels[name][frame]
        fixated = fixated_map(pixels, clip.grid)
        reference = truth.elsewhere(rules, name, frame, fixated, rng)
        # Which frames count is everybody's business: so all rows of a table have the same frames.
        given = Frame(everybody, everybody, pixels, fixated)
        counted = score_frame(rules, scorer, given, reference, rng)
        looked = clip.observers[frame]
        each = [
            score_frame(of_one, scorer, _left_out(clip, looked, one, recipe), reference, rng)
            for one in _drawn(looked, held_out, rng)
        ]
        rows.append((name, frame, _mean(counted, each)))
    return rows


def _drawn(looked: dict[int, tuple[Looks, Looks]], held_out: int, rng: Generator) -> list[int]:
    """Observers of a frame that are left out in turn; none where there is only one."""
    if len(looked) < 2:
        return []
    count = min(held_out, len(looked))
    return sorted(map(int, rng.choice(sorted(looked), count, replace=False)))


def _left_out(
    clip: Clip, looked: dict[int, tuple[Looks, Looks]], one: int, recipe: PointDensity
) -> Frame:
    """The others' density as prediction of one observer's gaze."""
    others = np.concatenate([looks[1] for observer, looks in looked.items() if observer != one])
    own, on_video = looked[one]
    prediction, density = (
        density_map(points, clip.video, recipe, clip.grid).astype(np.float32)
        for points in (others, on_video)
    )
    return Frame(prediction, density, own, fixated_map(own, clip.grid))


def _mean(counted: Scores, each: Sequence[Scores]) -> Scores:
    """Mean of what could be scored; NaN, and counted so, where nothing could."""
    found = dict(counted)
    for metric, whole in counted.items():
        if whole.status != "ok":
            continue
        values = [one[metric].value for one in each if one[metric].status == "ok"]
        found[metric] = MetricScore(float(np.mean(values)) if values else np.nan, "ok")
    return found


if __name__ == "__main__":
    main(observers, damage=damage)
