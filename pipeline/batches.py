"""Which samples come when, read by worker processes.

Order and augmentation of an iteration are known from the seed and its number alone, so a training
that resumes needs no more than the number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, max_pool2d
from torch.utils.data import DataLoader, Dataset, Sampler

from pipeline.errors import InputError
from pipeline.interruption import outlive_signals
from pipeline.processes import Processes
from pipeline.samples import Batch, TrainingSamples
from pipeline.stores import read_in_rust


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


class _Batches(Dataset[Batch | str]):
    def __init__(self, samples: TrainingSamples) -> None:
        self._samples = samples

    def start(self, _worker: int) -> None:
        """Makes a worker of a process that was just started."""
        outlive_signals()
        read_in_rust()
        self._samples.close()

    def __getitem__(self, draw: Draw) -> Batch | str:
        try:
            return shrunk(self._samples.batch(draw.places), draw.shrink)
        except InputError as error:  # raised, it would leave a worker with a traceback in it
            return str(error)


def shrunk(batch: Batch, factor: int) -> Batch:
    """The same frames seen from farther away: smaller by a factor, and so is their flow.

    The predecessor's augmentation: whole sequences at half and a quarter of the size.
    """
    if factor == 1:
        return batch
    return Batch(
        avg_pool2d(batch.frame.float(), factor).round().to(torch.uint8),
        (avg_pool2d(batch.flow.float(), factor) / factor).to(batch.flow.dtype),
        avg_pool2d(batch.density.float(), factor).to(batch.density.dtype),
        max_pool2d(batch.fixated.float(), factor) > 0,
    )


def load(samples: TrainingSamples, order: Order, workers: int) -> Iterator[Batch]:
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
