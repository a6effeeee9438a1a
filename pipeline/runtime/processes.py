"""The processes that train one network together, one per GPU; or one process alone."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from pipeline.runtime.errors import InputError


@dataclass(frozen=True)
class Processes:
    """The rank of this process, and how many there are.

    Every method but `first` is collective: all processes must call it.
    """

    rank: int
    count: int

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self.rank == 0

    def all_sum(self, tensor: Tensor) -> Tensor:
        """The sum of the tensor over all processes; overwrites the tensor."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def all_max(self, value: int, device: torch.device) -> int:
        """The largest value over all processes."""
        if self.count == 1:
            return value
        tensor = torch.tensor(value, device=device)
        distributed.all_reduce(tensor, distributed.ReduceOp.MAX)
        return int(tensor)

    def all_equal(self, value: int, device: torch.device) -> bool:
        """Whether all processes have the same value."""
        return self.all_max(value, device) == -self.all_max(-value, device)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrites the tensors with those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def all_reduce_(self, tensors: list[Tensor]) -> None:
        """Overwrites each tensor with its sum over all processes, in one exchange."""
        if self.count == 1:
            return
        summed = self.all_sum(torch.cat([tensor.flatten() for tensor in tensors]))
        pieces = torch.split(summed, [tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view(tensor.shape))


@contextmanager
def process_group() -> Iterator[Processes]:
    """The processes that `torchrun` started along with this one; without it, this one alone.

    Raises:
        InputError: There are more processes than GPUs.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    # Some schedulers set WORLD_SIZE too, so it does not prove that torchrun is there.
    if count == 1 or "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Processes(0, 1)
        return
    _select_gpu(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def _select_gpu(rank: int) -> None:
    if not torch.cuda.is_available():
        return
    if rank >= torch.cuda.device_count():
        raise InputError(
            f"no GPU for process {rank + 1} of this machine, which has "
            f"{torch.cuda.device_count()}; lower the rule's resource `processes`"
        )
    torch.cuda.set_device(rank)
