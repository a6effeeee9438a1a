"""Estimators of optical flow: RGB frames [T, y, x, 3] -> flow [T - 1, component, y/4, x/4].

Components are right and down, in pixels of the frames per frame. OpenCV's estimators work at full
size, and a cell of the quarter grid gets the mean of their flow over its 4x4 pixels. The networks
stand in `network_flow`, which is imported when the settings name one: it takes torch, and torch
takes as long as OpenCV's flow of two hundred small frames.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config.data import DeepFlow, DisFlow, Flow, ImageFlowEstimator, PwcnetFlow
from pipeline.stores.kinds import QUARTER

Estimator = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Frames [T, y, x, 3] -> flow [T - 1, 2, y/4, x/4], or of each frame by itself [T, 2, y/4, x/4]."""

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}


def quarter(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over cells of 4x4 pixels: [component, y, x] -> [component, y/4, x/4].

    Values stay in pixels of the full grid.
    """
    size = (flow.shape[2] // QUARTER, flow.shape[1] // QUARTER)
    # OpenCV's mean takes a thirtieth of the time of NumPy's, which takes longer than DIS.
    cells = cv2.resize(np.moveaxis(flow, 0, -1), size, interpolation=cv2.INTER_AREA)
    return np.moveaxis(np.asarray(cells, np.float32), -1, 0)


def _pair_by_pair(calculator: Any, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Flow of consecutive frames, [T - 1, 2, y/4, x/4], by an estimator of OpenCV."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    flows = [calculator.calc(*pair, None) for pair in pairwise(greys)]
    return np.stack([quarter(np.moveaxis(np.asarray(flow, np.float32), -1, 0)) for flow in flows])


def build_estimator(settings: Flow, threads: int) -> Estimator:
    """Build the estimator that the settings name; it may use so many threads.

    Raises:
        InputError: A file of weights is missing, damaged or not the expected one.
    """
    cv2.setNumThreads(threads)
    match settings:
        case DisFlow():
            # Dense Inverse Search (Kroeger et al., ECCV 2016).
            dis = cv2.DISOpticalFlow.create(_PRESETS[settings.preset])
            return partial(_pair_by_pair, dis)
        case DeepFlow():
            # Weinzaepfel et al., ICCV 2013, without its matching of descriptors.
            return partial(_pair_by_pair, cv2.optflow.createOptFlow_DeepFlow())
        case PwcnetFlow() | ImageFlowEstimator():
            from pipeline.preprocessing.network_flow import build_network_estimator

            return build_network_estimator(settings, threads)
