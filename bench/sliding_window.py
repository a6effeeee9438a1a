"""How much faster TASED-Net slides over a clip than it sees each window anew.

One CPU thread, float32, random weights at the authors' width. The ways of a table take turns, and a
way's time is the processor time of its fastest round: of all figures the one that other work on the
machine disturbs least. Every map is compared with that of its window alone. Run from anywhere:

    python bench/sliding_window.py [--rounds 3] [--windows 8 16 32]

Writes bench/results/sliding_window.md.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import conv3d, max_pool3d

from model.rivals.parts.s3d import Pool
from model.rivals.parts.sliding import Columns, Convolution, Maximum

SIZES = ((96, 128), (224, 384))
"""Height and width: the demo's and the authors'."""


def seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Processor time of each way's fastest round."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.thread_time()
            way()
            taken[name].append(time.thread_time() - start)
    return {name: min(values) for name, values in taken.items()}


class Plain(nn.Module):
    """A layer as torch has it for clips [B, C, T, H, W], in place of one that slides."""

    def __init__(self, layer: Convolution | Maximum | Pool) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, window: Columns) -> Columns:
        """Compute a whole window."""
        clip = window.maps.unflatten(0, (window.length, window.batch)).permute(1, 2, 0, 3, 4)
        found = self.of(clip.contiguous())
        maps = found.permute(2, 0, 1, 3, 4).flatten(0, 1)
        return window._replace(maps=maps, length=found.shape[2], left=found.shape[2])

    def of(self, clip: Tensor) -> Tensor:
        """Compute by torch's layer over space and time."""
        layer = self.layer
        if isinstance(layer, Convolution):
            stride, padding = (layer.step, 1, 1), (layer.margin, 0, 0)
            return conv3d(clip, layer.weight[..., None], stride=stride, padding=padding)
        if isinstance(layer, Pool):
            stride = layer.space.stride
            times = (3, stride) if isinstance(layer.time, Maximum) else (1, 1)
            padding = (times[0] // 2, 1, 1)
            return max_pool3d(clip, (times[0], 3, 3), (times[1], stride, stride), padding)
        return max_pool3d(clip, (layer.size, 1, 1), (layer.step, 1, 1), (layer.margin, 0, 0))
