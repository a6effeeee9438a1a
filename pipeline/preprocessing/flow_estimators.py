"""Estimators of optical flow: RGB frames [T, y, x, 3] -> flow [T - 1, component, y/4, x/4].

Components are right and down, in pixels of the frames per frame. OpenCV's estimators work at full
size, and a cell of the quarter grid gets their mean over its 4x4 pixels. The estimator that looks
at frames one by one, `StillImage`, gives the flow of all T.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from model.flow.image_flow import ImageFlow
from model.flow.pwcnet import PWCNet
from pipeline.config.data import DeepFlow, DisFlow, Flow, ImageFlowEstimator, PwcnetFlow
from pipeline.preprocessing.tensors import upsampled
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.stores.weights import check_digest, load_weights, weights_facts

Estimator = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Frames [T, y, x, 3] -> flow [T - 1, 2, y/4, x/4], or of each frame by itself [T, 2, y/4, x/4]."""

QUARTER = 4
"""Flow is stored on the frame grid's size divided by this, as PWC-Net predicts it."""
_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
_LICENCE = "PWC-Net weights of NVIDIA: CC BY-NC-SA 4.0, not for commercial use"


def quarter(flow: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over cells of 4x4 pixels: [component, y, x] -> [component, y/4, x/4], values kept."""
    component, height, width = flow.shape
    cells = flow.reshape(component, height // QUARTER, QUARTER, width // QUARTER, QUARTER)
    return np.asarray(cells.mean(axis=(2, 4)), np.float32)


def _pair_by_pair(frames: NDArray[np.uint8], calculate: Any) -> NDArray[np.float32]:
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    flows = [calculate(greys[i], greys[i + 1], None) for i in range(len(greys) - 1)]
    return np.stack([quarter(np.moveaxis(np.asarray(flow, np.float32), -1, 0)) for flow in flows])


class Dis:
    """Dense Inverse Search."""

    def __init__(self, settings: DisFlow) -> None:
        self._dis = cv2.DISOpticalFlow.create(_PRESETS[settings.preset])

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow of consecutive frames; see the module."""
        return _pair_by_pair(frames, self._dis.calc)


class OpenCvDeepFlow:
    """DeepFlow."""

    def __init__(self) -> None:
        self._deepflow = cv2.optflow.createOptFlow_DeepFlow()

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow of consecutive frames; see the module."""
        return _pair_by_pair(frames, self._deepflow.calc)


class Pwcnet:
    """PWC-Net; the features of each frame are computed once."""

    def __init__(self, settings: PwcnetFlow) -> None:
        """Loads the weights.

        Raises:
            InputError: The file is missing, damaged, not the expected one or not of a PWC-Net.
        """
        self._batch = settings.batch
        self._dtype = getattr(torch, settings.precision)
        network = load_pwcnet(Path(settings.weights), settings.sha256)
        self._network = network.to(device())

    @torch.inference_mode()
    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow of consecutive frames; see the module."""
        where = device()
        flows = []
        for start in range(0, len(frames) - 1, self._batch):
            some = np.ascontiguousarray(frames[start : start + self._batch + 1])
            pictures = torch.from_numpy(some).to(where).permute(0, 3, 1, 2) / 255.0
            low = self._dtype != torch.float32
            with torch.autocast(where.type, dtype=self._dtype, enabled=low):
                flow = self._network.clip_flow(pictures)
            flows.append(flow.float().cpu().numpy())
        return np.concatenate(flows)


class StillImage:
    """Flow of each frame by itself, by the network of `model/flow/image_flow.py`."""

    def __init__(self, settings: ImageFlowEstimator) -> None:
        """Loads the weights.

        Raises:
            InputError: The file is missing, damaged, not the expected one or of another network.
        """
        self._batch = settings.batch
        self._dtype = getattr(torch, settings.precision)
        network = load_image_flow(Path(settings.weights), settings.sha256)
        self._network = network.to(device())

    @torch.inference_mode()
    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Flow of every frame [T, 2, y/4, x/4], bilinearly from the network's grid."""
        where, size = device(), [side // QUARTER for side in frames.shape[1:3]]
        flows = []
        for start in range(0, len(frames), self._batch):
            some = np.ascontiguousarray(frames[start : start + self._batch])
            pictures = torch.from_numpy(some).to(where).permute(0, 3, 1, 2) / 255.0
            low = self._dtype != torch.float32
            with torch.autocast(where.type, dtype=self._dtype, enabled=low):
                flow = self._network.expected_flow(pictures)
            flows.append(upsampled(flow, (size[0], size[1])).cpu().numpy())
        return np.concatenate(flows)


def load_image_flow(path: Path, sha256: str | None) -> ImageFlow:
    """A network with weights of `train_image_flow`, to be used as it is.

    Raises:
        InputError: The file is missing, damaged, not the expected one or of another network.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such weights of ImageFlow; make them with the target train_image_flow, or "
            "name a file as weights of that flow, in other_flows of config.yaml"
        )
    check_digest(path, sha256)
    try:
        network = ImageFlow(**weights_facts(path)["network"])
        network.load_state_dict(load_weights(path))
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: not weights of train_image_flow ({reason}); make them again"
        ) from error
    return network.eval()


def load_pwcnet(path: Path, sha256: str | None) -> PWCNet:
    """A PWC-Net with weights of `train_flow` or of the network's authors, to be used as it is.

    Raises:
        InputError: The file is missing, damaged, not the expected one or not of a PWC-Net.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such weights of PWC-Net; name a file in flow.weights of config.yaml, make "
            "one with the target train_flow, or choose estimator: dis"
        )
    check_digest(path, sha256)
    read = _own if path.suffix == ".safetensors" else _released
    try:
        return read(path).eval()
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError, EOFError) as error:
        raise InputError(f"{path}: not weights of a PWC-Net ({error}); fetch it again") from error
    except Exception as error:  # pickle raises what it likes on a damaged file
        raise InputError(f"{path}: cannot be read ({error!r}); fetch it again") from error


def _own(path: Path) -> PWCNet:
    network = PWCNet(**weights_facts(path)["network"])
    network.load_state_dict(load_weights(path))
    return network


def _released(path: Path) -> PWCNet:
    network = PWCNet()
    network.load_released(torch.load(path, map_location="cpu", weights_only=True))
    print(f"{path}: {_LICENCE}")
    return network


def build_estimator(settings: Flow) -> Estimator:
    """The estimator that the settings name."""
    match settings:
        case DisFlow():
            return Dis(settings)
        case DeepFlow():
            return OpenCvDeepFlow()
        case PwcnetFlow():
            return Pwcnet(settings)
        case ImageFlowEstimator():
            return StillImage(settings)
