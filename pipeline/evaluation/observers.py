"""Stage observers: how well the other observers' gaze predicts an observer's, frame by frame.

The score of a frame is the mean over observers who are left out one at a time: what the others
looked at, blurred by the recipe of the dataset's density or by the protocol that makes its own, is
the prediction; what the one looked at is the truth. No model that knows neither is expected to
surpass it by much. A frame at which fewer than two looked has no score, and enters no mean.

AUC-J is the Mann-Whitney area here, whatever the protocol. MIT's area is larger by up to half the
share of pixels above the lowest fixated one, divided by the number of fixations: that is nothing
with fifty of them and half of the error with one, which is what an observer has in a video's frame.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dask.delayed import Delayed, delayed
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.config.data import Density, GaussianDensity, ReleasedDensity
from pipeline.evaluation.frame_lists import listed_frames
from pipeline.evaluation.frame_scores import Frame, Scores, score_frame
from pipeline.evaluation.metrics.engine import Engine
from pipeline.evaluation.own_truth import density as density_of_looks
from pipeline.evaluation.own_truth import on_picture, on_pixels
from pipeline.evaluation.protocols import MetricScore, Truth
from pipeline.evaluation.scoring import (
    GroundTruth,
    Request,
    ScoredFrame,
    ground_truth,
    noise,
    write_scores,
)
from pipeline.preprocessing.density_recipes import PointDensity, Shape, density_map
from pipeline.preprocessing.fixations import video_pixels
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.runtime.workers import computed
from pipeline.stores.kinds import GAZE, SHARD
from pipeline.stores.reading import Store, open_parts, refuse_nothing
from pipeline.stores.settings import observers_settings
from pipeline.stores.verify import damage

Looks = tuple[NDArray[np.int32], NDArray[Any]]
"""One observer's pixels [n, (y, x)] in a frame, on the scored grid and on the recipe's picture."""


@dataclass(frozen=True)
class Clip:
    """Who looked where in the frames of a clip."""

    grid: Shape
    """(height, width) of what is scored: the frame grid, or a scorer's own pictures."""
    video: Shape
    """(height, width) of the picture whose pixels the recipe counts in."""
    observers: list[dict[int, Looks]]
    """Per frame: observer -> looks."""


def observers(
    *,
    gaze: list[Path],
    density: list[Path],
    frame_list: list[Path],
    recipe: Density,
    held_out: int,
    protocol: str,
    metrics: list[str],
    seed: int,
    threads: int,
    scores: Path,
) -> None:
    """Turn GAZE and DENSITY stores of a test split into a sheet with a row per frame.

    `frame_list` is the list of a meta dataset, or none for every frame; `held_out` is how many
    observers of each frame are left out in turn, drawn by chance where there are more; `metrics`
    are those that tables ask for besides what the protocol always reports.

    Raises:
        InputError: The dataset's densities are released maps, or there is no clip.
    """
    if isinstance(recipe, ReleasedDensity):
        raise InputError(
            "config.yaml: models: held_out: this dataset's densities are released maps, which do "
            "not tell observers apart; choose a variant with raw gaze, or take the row out"
        )
    truth = ground_truth(density, gaze)
    refuse_nothing(truth.pixels, gaze)
    request = Request(protocol, tuple(metrics), seed)
    stores = open_parts(GAZE, gaze)
    listed = listed_frames(frame_list, {clip: truth.density[clip].clips[clip] for clip in stores})
    blocks = computed(_tasks(stores, truth, listed, recipe, held_out, request), "threads", threads)
    pace = Pace(sum(map(len, listed.values())), "frames")
    frames = (frame for block in pace.along(blocks, len) for frame in block)
    settings = observers_settings(recipe, held_out, seed)
    write_scores(scores, request, frames, truth.inputs, settings)


def _tasks(
    stores: Mapping[str, Store],
    truth: GroundTruth,
    listed: Mapping[str, Sequence[int]],
    recipe: PointDensity,
    held_out: int,
    request: Request,
) -> Iterator[Delayed]:
    """Yield a task for every shard of the frames that count."""
    scored = truth.by(request.rules).asked(truth.clips, request.columns)
    known, block = delayed(scored, pure=False), delayed(_score_block, pure=False)
    for name, frames in listed.items():
        points = np.asarray(stores[name][name][:])
        own, count = scored.own, stores[name].clips[name]["frames"]
        clip = delayed(
            _clip(points, stores[name].clips[name], truth.shape(name), recipe)
            if own is None
            else _own_clip(points, count, truth.shape(name), own.sizes[name]),
            pure=False,
        )
        for start in range(0, len(frames), SHARD):
            chosen = frames[start : start + SHARD]
            yield block(known, clip, name, chosen, recipe, held_out, request)


def _clip(
    points: NDArray[np.float32], facts: dict[str, int], grid: Shape, recipe: PointDensity
) -> Clip:
    """Sort a clip's gaze points by frame and observer."""
    video = grid if isinstance(recipe, GaussianDensity) else (facts["height"], facts["width"])
    found: list[dict[int, Looks]] = [{} for _ in range(facts["frames"])]
    for observer in np.unique(points[:, 3]):
        own = points[points[:, 3] == observer]
        on_both = (video_pixels(own, facts["frames"], grid, on) for on in (grid, video))
        for frame, looks in enumerate(zip(*on_both, strict=True)):
            if len(looks[0]):
                found[frame][int(observer)] = looks
    return Clip(grid, video, found)


def _own_clip(points: NDArray[np.float32], frames: int, grid: Shape, picture: Shape) -> Clip:
    """Sort a clip's gaze points by frame and observer, on a scorer's own pictures."""
    found: list[dict[int, Looks]] = [{} for _ in range(frames)]
    for observer in np.unique(points[:, 3]):
        moved = on_picture(points[points[:, 3] == observer], frames, grid, picture)
        for frame, looks in enumerate(moved):
            if len(looks):
                found[frame][int(observer)] = on_pixels(looks, picture), looks
    return Clip(picture, picture, found)


def _score_block(
    truth: GroundTruth,
    clip: Clip,
    name: str,
    frames: Sequence[int],
    recipe: PointDensity,
    held_out: int,
    request: Request,
) -> list[ScoredFrame]:
    """Score some frames of a clip, each as the mean over observers left out in turn."""
    rules, engine, scored = request.rules, Engine(clip.grid), list[ScoredFrame]()
    of_one = replace(rules, auc="mann_whitney")
    made = recipe if rules.truth is None else rules.truth
    for frame in frames:
        rng = request.generator(name, frame)
        everybody = next(truth.densities(name, [frame]))
        gold = truth.people[name][frame] if truth.people else None
        own = Frame(everybody, everybody, truth.pixels[name][frame], gold)
        reference = truth.elsewhere(rules, name, frame, own.fixated, rng)
        score = partial(score_frame, metrics=request.columns, reference=reference)
        # Which frames count is everybody's business: so all rows of a table have the same frames.
        counted = score(rules, own, rng=noise(rules, rng), engine=engine)
        looked = clip.observers[frame]
        drawn = _drawn(looked, held_out, rng)
        each = [score(of_one, _left_out(clip, looked, one, made)) for one in drawn]
        scored.append((name, frame, _mean(counted, each)))
    return scored


def _drawn(looked: dict[int, Looks], held_out: int, rng: Generator) -> list[int]:
    """Return the observers of a frame that are left out in turn; none where there is only one."""
    if len(looked) < 2:
        return []
    count = min(held_out, len(looked))
    return sorted(map(int, rng.choice(sorted(looked), count, replace=False)))


def _left_out(
    clip: Clip, looked: dict[int, Looks], one: int, recipe: PointDensity | Truth
) -> Frame:
    """Return the others' density as prediction of one observer's gaze."""
    others = np.concatenate([looks[1] for observer, looks in looked.items() if observer != one])
    own, on_video = looked[one]
    prediction, density = (
        (
            density_of_looks(recipe, points, clip.grid)
            if isinstance(recipe, Truth)
            else density_map(points, clip.video, recipe, clip.grid)
        ).astype(np.float32)
        for points in (others, on_video)
    )
    return Frame(prediction, density, own)


def _mean(counted: Scores, each: Sequence[Scores]) -> Scores:
    """Return the mean of what could be scored; NaN with status ok where nothing could."""
    found = dict(counted)
    for metric, whole in counted.items():
        if whole.status != "ok":
            continue
        values = [one[metric].value for one in each if one[metric].status == "ok"]
        found[metric] = MetricScore(float(np.mean(values)) if values else np.nan, "ok")
    return found


if __name__ == "__main__":
    main(observers, damage=damage)
