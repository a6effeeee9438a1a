"""Stage flow: optical flow from each frame to the next (Sec. IV-B)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Flow
from pipeline.errors import InputError
from pipeline.stage import main
from pipeline.stores import FLOW, FRAMES, SHARD, open_store, write_store

QUARTER = 4
"""Flow is stored on the frame grid's size divided by this, as PWC-Net predicts it."""
_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


class Dis:
    """Dense Inverse Search (Kroeger et al., ECCV 2016), OpenCV's implementation."""

    def __init__(self, settings: Flow) -> None:
        self._dis = cv2.DISOpticalFlow.create(_PRESETS[settings.preset])

    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow [component, y, x] (right, down; pixels) from one RGB frame [y, x, 3] to the next."""
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
        flow = self._dis.calc(grey[0], grey[1], None)  # type: ignore[call-overload]
        return np.moveaxis(np.asarray(flow, np.float32), -1, 0)


def quarter(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over cells of 4x4 pixels: [component, y, x] -> [component, y/4, x/4], values kept."""
    component, height, width = flow.shape
    cells = flow.reshape(component, height // QUARTER, QUARTER, width // QUARTER, QUARTER)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)


def clip_flow(frames: zarr.Array[Any], estimator: Dis) -> Iterator[NDArray[np.float32]]:
    """Flow of a clip, [1, component, y/4, x/4] for each frame; stores.py defines its end."""
    previous = np.asarray(frames[0])
    flow = np.zeros((2, frames.shape[1] // QUARTER, frames.shape[2] // QUARTER), np.float32)
    for i in range(1, frames.shape[0]):
        current = np.asarray(frames[i])
        flow = quarter(estimator(previous, current))
        yield flow[None]
        previous = current
    yield flow[None]


def flow(*, frames: Path, settings: Flow, store: Path, manifest: Path) -> None:
    """FRAMES store (its manifest is given) to FLOW store."""
    cv2.setNumThreads(1)
    source = open_store(FRAMES, frames)
    estimator = Dis(settings)
    with write_store(FLOW, store, manifest) as writer:
        for clip in source.clips:
            array = source[clip]
            if array.shape[1] % QUARTER or array.shape[2] % QUARTER:
                raise InputError(f"config.yaml: frames: sides must be multiples of {QUARTER}")
            count = writer.add(clip, clip_flow(array, estimator))
            print(f"{clip}: flow of {count} frames, shards of {SHARD}")


if __name__ == "__main__":
    main(flow)
