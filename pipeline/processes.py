"""The processes that train together, one per GPU, or one alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True)
class Processes:
    """Who this process is among how many."""

    rank: int
    count: int

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def total(self, tensor: Tensor) -> Tensor:
        """Sum of everybody's tensor, the same for all."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def add_up(self, tensors: list[Tensor]) -> None:
        """Makes each tensor the sum of everybody's, in one exchange."""
        if self.count == 1:
            return
        together = self.total(torch.cat([tensor.flatten() for tensor in tensors]))
        pieces = torch.split(together, [tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view(tensor.shape))


@contextmanager
def together() -> Iterator[Processes]:
    """The processes that `torchrun` started with this one; without it, this one alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(0, 1)
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
