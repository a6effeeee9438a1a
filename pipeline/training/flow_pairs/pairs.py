"""Batches of drawn pairs, for a training and for the measurement of its error."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from pipeline.training.flow_pairs.geometry import Size
from pipeline.training.flow_pairs.scenes import pair
from pipeline.training.flow_pairs.textures import Pictures

_TRAINING, _HELD_OUT = 0, 1
"""First words of the seeds: no held-out pair is ever one of a training, whatever its seed."""


class PairBatch(NamedTuple):
    """Pairs of pictures with the flow between them, along a first dimension B."""

    first: Tensor
    """[B, 3, H, W] uint8, RGB."""
    second: Tensor
    """[B, 3, H, W] uint8, RGB."""
    flow: Tensor
    """[B, 2, H, W] float, right and down, pixels, from each pixel of the first picture."""


def training_seed(seed: int, index: int) -> tuple[int, int, int]:
    """Seed of a pair of the training with a seed; pairs are counted over all iterations."""
    return _TRAINING, seed, index


def held_out_seed(index: int) -> tuple[int, int]:
    """Seed of a held-out pair; these are the same for every training."""
    return _HELD_OUT, index


def picture_facts(pictures: Pictures | None) -> dict[str, Any]:
    """Return the number of the pictures, and a digest of their names and sizes in bytes."""
    files = pictures.files if pictures is not None else []
    text = json.dumps([[path.name, path.stat().st_size] for path in files])
    return {"count": len(files), "digest": hashlib.sha256(text.encode()).hexdigest()[:16]}


def draw_pairs(
    seeds: Sequence[tuple[int, ...]], size: Size, pictures: Pictures | None
) -> PairBatch:
    """The pairs of some seeds.

    Raises:
        InputError: A picture cannot be read.
    """
    drawn = [pair(seed, size, pictures) for seed in seeds]
    first, second = (
        torch.stack([torch.from_numpy(np.moveaxis(one[i], -1, 0)) for one in drawn]) for i in (0, 1)
    )
    return PairBatch(first, second, torch.stack([torch.from_numpy(one[2]) for one in drawn]))


class Pairs:
    """The pairs of a training, each drawn when it is asked for and none of them twice."""

    def __init__(self, count: int, size: Size, pictures: Pictures | None, seed: int) -> None:
        """Takes the number of pairs of the whole training, and where textures are cut from."""
        self._count, self._size, self._pictures, self._seed = count, size, pictures, seed
        self.start_worker()

    def __len__(self) -> int:
        return self._count

    @property
    def epoch(self) -> int:
        """All pairs."""
        return self._count

    @property
    def digests(self) -> list[str]:
        """Digest of the pictures; all else follows from the training's settings and code."""
        return [str(picture_facts(self._pictures))]

    def batch(self, indices: Sequence[int]) -> PairBatch:
        """The pairs of some numbers."""
        seeds = [training_seed(self._seed, index) for index in indices]
        return draw_pairs(seeds, self._size, self._pictures)

    def start_worker(self) -> None:
        """Leaves the other cores to the training: OpenCV would take all of them."""
        cv2.setNumThreads(1)


class HeldOutPairs:
    """Pairs that no training sees, drawn once and kept."""

    def __init__(self, count: int, size: Size, pictures: Pictures | None) -> None:
        self.pairs = draw_pairs([held_out_seed(index) for index in range(count)], size, pictures)

    def __len__(self) -> int:
        return len(self.pairs.flow)

    @property
    def epoch(self) -> int:
        """All pairs."""
        return len(self.pairs.flow)

    @property
    def digests(self) -> list[str]:
        """None: they follow from the training's settings, code and pictures."""
        return []

    def batch(self, indices: Sequence[int]) -> PairBatch:
        """The pairs of some numbers."""
        return PairBatch(*(tensor[list(indices)] for tensor in self.pairs))

    def start_worker(self) -> None:
        """Nothing to prepare: all pairs are in memory."""
