"""The processes that train together, one per GPU, or one alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from pipeline.runtime.errors import InputError


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

    def most(self, value: int, where: torch.device) -> int:
        """The largest of everybody's values."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, device=where)
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return int(tensor)

    def alike(self, value: int, where: torch.device) -> bool:
        """Whether everybody has the same value."""
        return self.most(value, where) == -self.most(-value, where)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Gives everybody the first process's tensors."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

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
    # Some schedulers set WORLD_SIZE too.
    if count == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Processes(0, 1)
        return
    _take_gpu(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def _take_gpu(rank: int) -> None:
    if not torch.cuda.is_available():
        return
    if rank >= torch.cuda.device_count():
        raise InputError(
            f"process {rank + 1} has no GPU: {torch.cuda.device_count()} are there; "
            "lower resources processes"
        )
    torch.cuda.set_device(rank)
