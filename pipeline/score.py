"""Stage score: saliency maps against gaze and density, a row per frame (Sec. IV-C)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.base import compute
from dask.delayed import delayed
from numpy.typing import NDArray

from pipeline.config import Score
from pipeline.errors import InputError
from pipeline.fixations import fixated_map, pixels_by_frame
from pipeline.metrics import METRICS, FrameScore, Scorer
from pipeline.stage import main
from pipeline.stores import DENSITY, GAZE, SALIENCY, SHARD, Store, open_parts, open_store

COLUMNS = ("clip", "frame", *METRICS, "status")


def _score_block(
    saliency: NDArray[Any],
    density: NDArray[Any],
    pixels: list[NDArray[np.int32]],
    jitter: bool,
) -> list[FrameScore]:
    scorer = Scorer((saliency.shape[1], saliency.shape[2]))  # scratch is not shared by threads
    return [
        scorer.score(
            saliency[i],
            density[i],
            fixated_map(pixels[i], saliency.shape[1:]),
            jitter=jitter,
        )
        for i in range(len(saliency))
    ]


def clip_scores(
    clip: str, saliency: Store, density: Store, gaze: Store, settings: Score
) -> tuple[list[int], list[Any]]:
    """The frames of a clip that have a map, and lazily their scores, a shard at a time."""
    maps = da.from_zarr(saliency[clip], chunks=(SHARD, -1, -1))  # type: ignore[no-untyped-call]
    truth = da.from_zarr(density[clip], chunks=(SHARD, -1, -1))  # type: ignore[no-untyped-call]
    length = gaze.clips[clip]["frames"]
    frames = saliency.clips[clip]["frames"]
    frames = list(range(length)) if frames is None else frames
    if maps.shape[0] != len(frames) or maps.shape[1:] != truth.shape[1:]:
        raise InputError(
            f"{saliency.path / clip}: maps {maps.shape} do not fit {len(frames)} frames of "
            f"{truth.shape[1:]}; rerun {saliency.path.with_suffix('.json')}"
        )
    pixels = pixels_by_frame(np.asarray(gaze[clip][:]), length)
    truth = truth[frames]
    score_block = delayed(_score_block)
    blocks = [
        score_block(
            maps[start : start + SHARD],
            truth[start : start + SHARD],
            [pixels[frame] for frame in frames[start : start + SHARD]],
            settings.auc_jitter == "expectation",
        )
        for start in range(0, len(frames), SHARD)
    ]
    return frames, blocks


def score(
    *,
    saliency: Path,
    density: list[Path],
    gaze: list[Path],
    settings: Score,
    threads: int,
    scores: Path,
) -> None:
    """SALIENCY, DENSITY and GAZE stores to a sheet with a row per frame."""
    maps = open_store(SALIENCY, saliency)
    densities, gazes = open_parts(DENSITY, density), open_parts(GAZE, gaze)
    partial = scores.with_name(scores.name + ".partial")
    with partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for clip in maps.clips:
            frames, blocks = clip_scores(clip, maps, densities[clip], gazes[clip], settings)
            done = compute(*blocks, scheduler="threads", num_workers=threads)  # type: ignore[no-untyped-call]
            rows = [row for block in done for row in block]
            for frame, row in zip(frames, rows, strict=True):
                values = (row.values[metric] for metric in METRICS)
                cells = ("" if np.isnan(value) else f"{value:.6f}" for value in values)
                writer.writerow([clip, frame, *cells, row.status])
    partial.replace(scores)


if __name__ == "__main__":
    main(score)
