"""Estimators of optical flow that are networks: PWC-Net, and flow from a still image.

As in `flow_estimators`, frames [T, y, x, 3] become flow on a quarter of their grid.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.flow.image_flow import ImageFlow
from model.flow.pwcnet import PWCNet
from pipeline.config.data import ImageFlowEstimator, PwcnetFlow
from pipeline.preprocessing.tensors import upsampled
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import QUARTER
from pipeline.stores.weights import check_digest, load_pickled, load_weights, weights_facts

_LICENCE = "PWC-Net weights of NVIDIA: CC BY-NC-SA 4.0, not for commercial use"


@torch.inference_mode()
def _estimated(
    flow_of: Callable[[Tensor], Tensor],
    frames: NDArray[np.uint8],
    settings: PwcnetFlow | ImageFlowEstimator,
    overlap: int,
) -> Tensor:
    """Float flow [n, 2, y, x] of frames, batch by batch, in the precision of the settings.

    A batch, float [B, 3, y, x] in 0..1, begins with the last `overlap` frames of the one before.
    """
    dtype = getattr(torch, settings.precision)
    flows = []
    for start in range(0, len(frames) - overlap, settings.batch):
        batch = np.ascontiguousarray(frames[start : start + settings.batch + overlap])
        pictures = torch.from_numpy(batch).to(device()).permute(0, 3, 1, 2) / 255.0
        with torch.autocast(device().type, dtype=dtype, enabled=dtype != torch.float32):
            flows.append(flow_of(pictures).float())
    return torch.cat(flows)


class Pwcnet:
    """PWC-Net (Sun et al., CVPR 2018); the features of each frame are computed once."""

    def __init__(self, settings: PwcnetFlow) -> None:
        """Load the weights; errors are those of `load_pwcnet`."""
        self._settings = settings
        self._network = load_pwcnet(Path(settings.weights), settings.sha256).to(device())

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the flow of consecutive frames, [T - 1, 2, y/4, x/4]."""
        flow = _estimated(self._network.clip_flow, frames, self._settings, overlap=1)
        return np.asarray(flow.cpu().numpy())


class StillImage:
    """Flow of each frame by itself (Walker et al., ICCV 2015), by `model/flow/image_flow.py`."""

    def __init__(self, settings: ImageFlowEstimator) -> None:
        """Load the weights; errors are those of `load_image_flow`."""
        self._settings = settings
        self._network = load_image_flow(Path(settings.weights), settings.sha256).to(device())

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the flow of every frame [T, 2, y/4, x/4], bilinearly from the network's grid."""
        flow = _estimated(self._network.expected_flow, frames, self._settings, overlap=0)
        size = (frames.shape[1] // QUARTER, frames.shape[2] // QUARTER)
        return np.asarray(upsampled(flow, size).cpu().numpy())


def load_image_flow(path: Path, sha256: str | None) -> ImageFlow:
    """Return a network with weights of `train_image_flow`, in evaluation mode.

    Raises:
        InputError: The file is missing, damaged, not the expected one or of another network.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such weights of ImageFlow; make them with the target train_image_flow, or "
            "name a file as weights of that flow, in other_flows of config.yaml"
        )
    check_digest(path, sha256)
    weights = load_weights(path)
    try:
        network = ImageFlow(**weights_facts(path)["network"])
        network.load_state_dict(weights)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        # torch lists every tensor that does not fit; the first of them say enough.
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: not weights of train_image_flow ({reason}); make them again"
        ) from error
    return network.eval()


def load_pwcnet(path: Path, sha256: str | None) -> PWCNet:
    """Return a PWC-Net with weights of `train_flow` or of its authors, in evaluation mode.

    Raises:
        InputError: The file is missing, damaged, not the expected one or not of a PWC-Net.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such weights of PWC-Net; name a file in flow.weights of config.yaml, make "
            "one with the target train_flow, or choose estimator: dis"
        )
    check_digest(path, sha256)
    pickled = path.suffix != ".safetensors"
    weights = load_pickled(path) if pickled else load_weights(path, ours=False)
    try:
        network = PWCNet() if pickled else PWCNet(**weights_facts(path)["network"])
        (network.load_released if pickled else network.load_state_dict)(weights)
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not weights of a PWC-Net ({reason}); fetch it again") from error
    if pickled:
        print(f"{path}: {_LICENCE}")
    return network.eval()


def build_network_estimator(
    settings: PwcnetFlow | ImageFlowEstimator, threads: int
) -> Pwcnet | StillImage:
    """Load the network that the settings name; errors are those of its weights."""
    torch.set_num_threads(threads)
    return Pwcnet(settings) if isinstance(settings, PwcnetFlow) else StillImage(settings)
