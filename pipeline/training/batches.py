"""Which samples come when, read by worker processes.

Order and augmentation of an iteration are known from the seed and its number alone, so a training
that resumes needs no more than the number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.runtime.errors import InputError
from pipeline.runtime.interruption import outlive_signals
from pipeline.runtime.processes import Processes
from pipeline.stores.reading import read_in_rust
from pipeline.training.samples import AnyBatch, Samples


class Draw(NamedTuple):
    """What one process reads for one iteration."""

    places: list[int]
    """In the samples."""
    shrink: int
    """Factor by which the pictures get smaller."""


class Order(Sampler[Draw]):
    """Every sample once an epoch, in a new order each; an epoch may end within a batch.

    Of several datasets each weighs by the number of its frames (Sec. IV-B says nothing else).
    """

    def __init__(
        self,
        *,
        count: int,
        batch: int,
        iterations: int,
        seed: int,
        processes: Processes,
        shrinks: Sequence[int] = (1,),
    ) -> None:
        """Takes the number of samples, and the batch of all processes together."""
        self._count, self._batch, self._iterations = count, batch, iterations
        self._seed, self._processes, self._shrinks = seed, processes, tuple(shrinks)
        self.start = 0
        """Iterations that are done."""

    def _epoch(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(self._count, generator=generator).tolist()
        return order

    def __iter__(self) -> Iterator[Draw]:
        epoch, order = -1, list[int]()
        for iteration in range(self.start, self._iterations):
            places = []
            for place in range(iteration * self._batch, (iteration + 1) * self._batch):
                if place // self._count != epoch:
                    epoch = place // self._count
                    order = self._epoch(epoch)
                places.append(order[place % self._count])
            shrink = np.random.default_rng((self._seed, iteration)).choice(self._shrinks)
            yield Draw(places[self._processes.rank :: self._processes.count], int(shrink))

    def __len__(self) -> int:
        return self._iterations - self.start


class _Batches(Dataset[AnyBatch | str], Generic[AnyBatch]):
    def __init__(self, samples: Samples[AnyBatch]) -> None:
        self._samples: Samples[AnyBatch] = samples

    def start(self, _worker: int) -> None:
        """Makes a worker of a process that was just started."""
        outlive_signals()
        read_in_rust()
        self._samples.close()

    def __getitem__(self, draw: Draw) -> AnyBatch | str:
        try:
            return shrunk(self._samples.batch(draw.places), draw.shrink)
        except InputError as error:  # raised, it would leave a worker with a traceback in it
            return str(error)


def _mean_level(frame: Tensor, factor: int) -> Tensor:
    return avg_pool2d(frame.float(), factor).round()


def _shorter(flow: Tensor, factor: int) -> Tensor:
    return avg_pool2d(flow.float(), factor) / factor


def _mean(density: Tensor, factor: int) -> Tensor:
    return avg_pool2d(density.float(), factor)


def _any(fixated: Tensor, factor: int) -> Tensor:
    return max_pool2d(fixated.float(), factor) > 0


_SHRINK: dict[str, Callable[[Tensor, int], Tensor]] = {
    "frame": _mean_level,
    "flow": _shorter,
    "density": _mean,
    "fixated": _any,
}
"""What a batch may hold, and what becomes of it when it is seen from farther away."""


def shrunk(batch: AnyBatch, factor: int) -> AnyBatch:
    """The same frames seen from farther away: smaller by a factor, and so is their flow.

    The predecessor's augmentation: whole sequences at half and a quarter of the size.
    """
    if factor == 1:
        return batch
    smaller = {
        name: _SHRINK[name](tensor, factor).to(tensor.dtype)
        for name, tensor in batch._asdict().items()
    }
    return batch._replace(**smaller)


def load(samples: Samples[AnyBatch], order: Order, workers: int) -> Iterator[AnyBatch]:
    """The batches of an order, read ahead by workers (0: when they are asked for).

    Raises:
        InputError: A store cannot be read.
    """
    dataset = _Batches(samples)
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        worker_init_fn=dataset.start,
        pin_memory=torch.cuda.is_available(),
    )
    batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, str):
                raise InputError(batch)
            yield batch
    finally:
        # Now, while its queues work: what an error keeps alive is found by the garbage collection,
        # too late to tell workers to end.
        del batches
