"""Which samples come in which iteration, read ahead by worker processes.

Order and augmentation of an iteration follow from the seed and its number alone, so a training that
resumes needs only that number.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from shutil import disk_usage
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from rich.filesize import decimal
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import remove
from pipeline.runtime.interruption import outlive_signals
from pipeline.runtime.processes import Processes

SHARED = Path("/dev/shm")
"""Where Linux keeps shared memory, through which workers hand over what they read."""
AnyBatch = TypeVar("AnyBatch", bound=NamedTuple)
"""A NamedTuple of tensors that have the same first dimension."""
AnyBatch_co = TypeVar("AnyBatch_co", bound=NamedTuple, covariant=True)


def part(batch: AnyBatch, start: int, count: int) -> AnyBatch:
    """Up to `count` samples of a batch, from `start` on."""
    return batch._make(tensor[start : start + count] for tensor in batch)


class Samples(Protocol[AnyBatch_co]):
    """What a training learns from, numbered from 0."""

    def __len__(self) -> int: ...

    @property
    def epoch(self) -> int:
        """Number of samples that make up an epoch."""

    @property
    def digests(self) -> list[str]:
        """Digests of the content, for the fingerprint of a training."""

    def batch(self, indices: Sequence[int]) -> AnyBatch_co:
        """The samples of some numbers.

        Raises:
            InputError: One of them cannot be read.
        """

    def start_worker(self) -> None:
        """Prepare a worker process, which was just started, for reading."""


class Draw(NamedTuple):
    """What one process reads for one iteration."""

    indices: list[int]
    """Numbers of the samples."""
    shrink: int
    """Factor by which the frames are made smaller."""
    mirrored: bool = False
    """Whether left and right change places."""


@dataclass(eq=False, kw_only=True)
class Order(Sampler[Draw]):
    """Every sample once an epoch, in a new random order each; an epoch may end within a batch.

    Datasets that are used together are mixed frame by frame, so each weighs by the number of its
    frames; Sec. IV-B says nothing else.
    """

    count: int
    """Number of samples."""
    batch: int
    """Samples of an iteration, of all processes together."""
    iterations: int
    seed: int
    processes: Processes
    shrinks: Sequence[int] = (1,)
    """Factors of which each iteration draws one."""
    mirror: bool = False
    """Whether half of the iterations, by chance, are mirrored."""
    shuffled: bool = True
    """Whether samples come in random orders, not in that of their numbers."""
    start: int = 0
    """Iterations that are already done."""

    def indices(self, iteration: int) -> list[int]:
        """Samples of an iteration, of all processes together."""
        positions = range(iteration * self.batch, (iteration + 1) * self.batch)
        if not self.shuffled:
            return [position % self.count for position in positions]
        placed = (divmod(position, self.count) for position in positions)
        return [_permutation(self.count, self.seed, epoch)[place] for epoch, place in placed]

    def __iter__(self) -> Iterator[Draw]:
        for iteration in range(self.start, self.iterations):
            indices = self.indices(iteration)
            chance = np.random.default_rng((self.seed, iteration))
            shrink, mirrored = int(chance.choice(self.shrinks)), chance.random() < 0.5
            own = indices[self.processes.rank :: self.processes.count]
            yield Draw(own, shrink, self.mirror and mirrored)

    def __len__(self) -> int:
        return self.iterations - self.start


@lru_cache(maxsize=16)  # two epochs of several datasets
def _permutation(count: int, seed: int, epoch: int) -> list[int]:
    """The order of an epoch."""
    # The factor, a prime, keeps the epochs of nearby seeds apart.
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order


@dataclass(eq=False, kw_only=True)
class MixedOrder(Order):
    """Batches of one dataset each, in a new random order each epoch.

    Of samples that stand for each other, as the clips of a video can, an epoch has one at random.
    The last batch of a dataset is filled up from its next epoch.
    """

    choices: Sequence[Sequence[range]]
    """Numbers of the samples that stand for each other, dataset by dataset."""
    batches: Sequence[int]
    """Samples of an iteration of each dataset."""

    @cached_property
    def rounds(self) -> tuple[int, ...]:
        """Batches of an epoch of each dataset."""
        pairs = zip(self.choices, self.batches, strict=True)
        return tuple(-(-len(choices) // batch) for choices, batch in pairs)

    def turn(self, iteration: int) -> tuple[int, int]:
        """Number of an iteration's dataset, and of the batches of it that came before."""
        epoch, place = divmod(iteration, sum(self.rounds))
        turns = _turns(self.rounds, self.seed, epoch)
        dataset = turns[place]
        return dataset, epoch * self.rounds[dataset] + turns[:place].count(dataset)

    def indices(self, iteration: int) -> list[int]:
        """Samples of an iteration, of all processes together."""
        dataset, earlier = self.turn(iteration)
        choices, batch = self.choices[dataset], self.batches[dataset]
        found = []
        for position in range(earlier * batch, (earlier + 1) * batch):
            epoch, place = divmod(position, len(choices))
            # Each dataset has an order of its own, also among datasets of the same length.
            order = _permutation(len(choices), self.seed * len(self.choices) + dataset, epoch)
            chosen = choices[order[place]]
            chance = np.random.default_rng((self.seed, dataset, position))
            found.append(chosen[int(chance.integers(len(chosen)))])
        return found


@lru_cache(maxsize=2)
def _turns(rounds: tuple[int, ...], seed: int, epoch: int) -> list[int]:
    """The dataset of each batch of an epoch."""
    every = np.repeat(np.arange(len(rounds)), rounds)
    shuffled: list[int] = np.random.default_rng((seed, epoch)).permutation(every).tolist()
    return shuffled


class _Batches(Dataset["AnyBatch | Draw | str"], Generic[AnyBatch]):
    def __init__(self, samples: Samples[AnyBatch]) -> None:
        self._samples: Samples[AnyBatch] = samples

    def start_worker(self, _worker: int) -> None:
        outlive_signals()
        self._samples.start_worker()

    def read(self, draw: Draw) -> AnyBatch:
        batch = shrunk(self._samples.batch(draw.indices), draw.shrink)
        return mirrored(batch) if draw.mirrored else batch

    def __getitem__(self, draw: Draw) -> AnyBatch | Draw | str:
        """A batch, the message of an `InputError`, or the draw if shared memory has no room for it.

        Raised in a worker, the error would reach the user with the worker's traceback in it.
        """
        try:
            batch = self.read(draw)
        except InputError as error:
            return str(error)
        return batch if get_worker_info() is None or _shared(batch) else draw


def _shared(batch: NamedTuple) -> bool:
    """Move a batch to where the other process sees it; return whether there is room.

    Left to the loader, the want of room would be printed by a thread, and waited for without end.
    """
    try:
        for tensor in batch:
            tensor.share_memory_()
    except RuntimeError:
        for left in SHARED.glob(f"torch_{os.getpid()}_*"):  # what torch leaves of its attempt
            remove(left)
        return False
    return True


_SHRINK: dict[str, Callable[[Tensor, int], Tensor]] = {
    "frame": lambda levels, factor: avg_pool2d(levels, factor).round(),
    "flow": lambda flow, factor: avg_pool2d(flow, factor) / factor,
    "density": avg_pool2d,
    "fixated": max_pool2d,
}
"""How each field of a batch is made smaller by a factor."""


def shrunk(batch: AnyBatch, factor: int) -> AnyBatch:
    """The batch with smaller frames, as if seen from farther away; their flow is shorter, too.

    The predecessor paper's augmentation: whole sequences at half and a quarter of their size.
    """
    if factor == 1:
        return batch
    smaller = {}
    for name, tensor in batch._asdict().items():
        made = _SHRINK[name](tensor.flatten(0, -4).float(), factor).to(tensor.dtype)
        smaller[name] = made.view(*tensor.shape[:-3], *made.shape[1:])
    return batch._replace(**smaller)


def mirrored(batch: AnyBatch) -> AnyBatch:
    """The batch with left and right exchanged; flow to the right is then flow to the left."""
    turned = {name: tensor.flip(-1) for name, tensor in batch._asdict().items()}
    if "flow" in turned:
        turned["flow"][..., 0, :, :].neg_()  # `flip` copies
    return batch._replace(**turned)


def load(samples: Samples[AnyBatch], order: Order, workers: int) -> Iterator[AnyBatch]:
    """The batches of an order, read ahead by workers; with 0 of them, read when they are needed.

    What the workers find no shared memory for is read here, with one line that says so.

    Raises:
        InputError: A sample cannot be read, or a worker was killed; all batches before were good.
    """
    dataset = _Batches(samples)
    batches, readers = _reading(dataset, order, workers)
    short = False
    try:
        while True:
            how = None
            try:
                batch = next(batches, None)
            except (RuntimeError, OSError, EOFError):
                if (how := end_of_one(readers)) is None:
                    raise
            if how is not None:  # raised here, where no error of torch's keeps `batches` alive
                raise InputError(
                    f"a process that reads data ended with {how}; if memory ran out, give the job "
                    "more (mem_mb) or fewer threads, then rerun"
                )
            if batch is None:
                return
            if isinstance(batch, Draw):
                if not short:
                    _print_shortage(f"{decimal(disk_usage(SHARED).free)} free, too little for this")
                short, batch = True, dataset.read(batch)
            if isinstance(batch, str):
                raise InputError(batch)
            yield batch
    finally:
        # Ends the workers now, while the loader's queues still work. What an error keeps alive is
        # left to the garbage collection, which comes too late for that.
        del batches


def _reading(
    dataset: _Batches[AnyBatch], order: Order, workers: int
) -> tuple[Iterator[AnyBatch | Draw | str], list[BaseProcess]]:
    """What the dataset has for each draw, and the processes that read it ahead."""
    loader = partial(
        DataLoader,
        dataset,
        batch_size=None,
        sampler=order,
        worker_init_fn=dataset.start_worker,
        pin_memory=torch.cuda.is_available(),
    )
    others, on_end = multiprocessing.active_children(), signal.getsignal(signal.SIGCHLD)
    try:
        if workers:
            multiprocessing.Lock()  # as the loader's queues need
    except OSError as error:
        _print_shortage(error.strerror or str(error))
        workers = 0
    batches = iter(loader(num_workers=workers))
    # Torch raises the death of a worker wherever the training is; found while a batch is waited
    # for, it leaves the state whole, so that it can be saved.
    signal.signal(signal.SIGCHLD, on_end)
    return batches, [child for child in multiprocessing.active_children() if child not in others]


def end_of_one(readers: list[BaseProcess]) -> str | None:
    """How one of the processes ended that should not have, if one did."""
    ended = wait([reader.sentinel for reader in readers], timeout=1)  # it may be about to end
    for reader in readers:
        if reader.sentinel in ended:
            reader.join()  # its files are closed a moment before the system tells how it ended
    codes = [reader.exitcode for reader in readers if reader.exitcode]
    if not codes:
        return None
    return signal.Signals(-codes[0]).name if codes[0] < 0 else f"status {codes[0]}"


def _print_shortage(why: str) -> None:
    print(
        f"{SHARED}: {why}; what processes cannot read ahead, the training reads itself, more "
        "slowly; for full speed enlarge it (docker run --shm-size=2g)",
        flush=True,
    )
