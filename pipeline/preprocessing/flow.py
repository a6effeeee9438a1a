"""Stage flow: optical flow from each frame to the next (Sec. IV-B), or of each by itself."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config.data import DeepFlow, DisFlow, Flow, ImageFlowEstimator, PwcnetFlow
from pipeline.preprocessing.flow_estimators import Estimator, build_estimator
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.stores.kinds import FLOW, FRAMES, QUARTER, SHARD
from pipeline.stores.manifests import frame_facts
from pipeline.stores.reading import named, open_store
from pipeline.stores.seals import name_of
from pipeline.stores.settings import flow_settings
from pipeline.stores.verify import damage
from pipeline.stores.weights import weights_digest
from pipeline.stores.writing import write_store

_COARSE = 16
"""Factor by which frames are shrunk to be compared for cuts; motion changes such frames little."""


def change(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean change of grey from one RGB frame [y, x, 3] to another on a coarse grid, 0 to 1."""
    size = (max(1, first.shape[1] // _COARSE), max(1, first.shape[0] // _COARSE))
    coarse = [
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
        for frame in (first, second)
    ]
    return float(np.abs(coarse[0].astype(np.float32) - coarse[1]).mean() / 255)


def cuts(frames: NDArray[np.uint8], numbers: Sequence[int], limit: float | None) -> list[bool]:
    """Whether a scene ends with a frame, for each of the frames [time, y, x, 3] but the last.

    A change above `limit` is a cut, and so is a gap in the numbers of numbered pictures, which are
    empty for a video. Without a limit only gaps are cuts.
    """
    gaps = [after - before > 1 for before, after in pairwise(numbers or range(len(frames)))]
    if limit is None:
        return gaps
    return [
        gap or change(first, second) > limit
        for gap, (first, second) in zip(gaps, pairwise(frames), strict=True)
    ]


def flow_by_frame(frames: zarr.Array[Any], estimator: Estimator) -> Iterator[NDArray[np.float32]]:
    """Flow of each frame by itself, in blocks [time, component, y/4, x/4]; no frame is special."""
    for start in range(0, frames.shape[0], SHARD):
        yield estimator(np.asarray(frames[start : start + SHARD]))


def clip_flow(
    frames: zarr.Array[Any],
    numbers: Sequence[int],
    estimator: Estimator,
    settings: DisFlow | DeepFlow | PwcnetFlow,
) -> Iterator[NDArray[np.float32]]:
    """Flow of a clip in blocks [time, component, y/4, x/4].

    At a cut and at the end the flow before it is repeated, as `pipeline.stores.kinds` says.
    """
    count, height, width = frames.shape[:3]
    last = np.zeros((2, height // QUARTER, width // QUARTER), np.float32)
    for start in range(0, count - 1, SHARD):
        block = np.asarray(frames[start : start + SHARD + 1])
        flows = estimator(block)
        cut_after = cuts(block, numbers[start : start + SHARD + 1], settings.cut)
        for i, is_cut in enumerate(cut_after):
            if is_cut:
                flows[i] = last
            last = flows[i]
        yield flows
    yield last[None]


def flow(*, frames: Path, settings: Flow, threads: int, store: Path, manifest: Path) -> None:
    """Turn a FRAMES store, whose manifest is given, into a FLOW store.

    Raises:
        InputError: A side of the frame grid is no multiple of 4, or weights do not fit.
    """
    source = open_store(FRAMES, frames)
    estimator = build_estimator(settings, threads)
    with write_store(FLOW, store, manifest, flow_settings(settings)) as writer:
        writer.inputs |= named([source])
        if weights := getattr(settings, "weights", None):
            writer.inputs[name_of(Path(weights))] = weights_digest(Path(weights))
        writer.left_out |= source.left_out
        pace = Pace(sum(facts["shape"][0] for facts in source.clips.values()), "frames")
        for clip, facts in source.clips.items():
            array = source[clip]
            if array.shape[1] % QUARTER or array.shape[2] % QUARTER:
                raise InputError(
                    f"config.yaml: frames: width and height must be multiples of {QUARTER}; "
                    f"found {array.shape[2]} x {array.shape[1]}"
                )
            if isinstance(settings, ImageFlowEstimator):
                flows = flow_by_frame(array, estimator)
            else:
                flows = clip_flow(array, facts.get("numbers", []), estimator, settings)
            count = writer.add(clip, pace.along(flows, len), **frame_facts(facts))
            print(f"{clip}: flow of {count} frames, {settings.estimator}")


if __name__ == "__main__":
    main(flow, damage=damage)
