"""Tensors of stored frames and flow, as networks read them; values of flow are never scaled."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def upsampled(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize flow, as stored [B, 2, H/4, W/4], to float [B, 2, H, W], bilinearly; values stay."""
    return torch.nn.functional.interpolate(
        flow.float(), size=size, mode="bilinear", align_corners=False
    )


def frame_tensor(frame: Any) -> Tensor:
    """Turn a frame, uint8 [y, x, channel], into float [3, H, W] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(np.asarray(frame), -1, 0))) / 255.0


def flow_tensor(flow: Any, size: tuple[int, int]) -> Tensor:
    """Turn stored flow [component, y/4, x/4] into float [2, H, W]; see `upsampled`."""
    return upsampled(torch.from_numpy(np.asarray(flow, np.float32))[None], size)[0]


def batches_of(
    frames: Any, flow: Any, chosen: Sequence[int], batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield frames [B, 3, H, W] and flow [B, 2, H, W] of a clip's chosen frames, in their order.

    Frames count from 0, and a batch has at most `batch` of them.
    """
    for start in range(0, len(chosen), batch):
        times = chosen[start : start + batch]
        pictures = torch.stack([frame_tensor(frames[time]) for time in times])
        size = (pictures.shape[2], pictures.shape[3])
        yield pictures, torch.stack([flow_tensor(flow[time], size) for time in times])
