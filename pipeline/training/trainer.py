"""What a training is, for the loop: a network, an optimiser, a loss and the values of its log."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.config.training import FlowTraining, Loss, Training
from pipeline.planning.schedule import iterations_of
from pipeline.runtime.devices import device
from pipeline.runtime.processes import Processes
from pipeline.training.batches import AnyBatch, Order, Samples, part
from pipeline.training.tensorboard import Board

Row = list[float | None]
"""Values of one iteration, in the order of a trainer's `columns`; None: not measured."""


class Run(NamedTuple):
    """All that makes a training reproducible, and where it keeps its state on the way."""

    settings: Training | FlowTraining
    loss: Loss | None
    """Weights of Eq. (6); None: the trainer's loss has no weights."""
    seed: int
    threads: int
    network: dict[str, Any]
    """Arguments of the network: some change the result but no tensor of the start."""
    code: str
    """Digest of the code that trains."""
    checkpoints: Path
    """Folder of the state: written every `settings.checkpoint` iterations, removed at the end."""
    board: Path | None
    """Folder for TensorBoard; None: no curves."""
    checkpoint_minutes: float = math.inf
    """Minutes after which the state is written in any case."""


class Trainer(ABC, Generic[AnyBatch]):
    """A network, its optimiser and the rows of its log.

    A trainer that resumes from a checkpoint goes on, bit for bit, as if it had never stopped.
    """

    logged: ClassVar[tuple[str, ...]]
    """Names of the values that `learn` returns; the first is the loss."""
    measured: ClassVar[tuple[str, ...]]
    """Names of the values that `validate` returns."""
    micro_batch: int | None = None
    """Samples that a process computes at once; None: all of its share of a batch."""
    bfloat16 = False
    """Whether to compute in bfloat16 where that is safe."""
    shuffled = True
    """Whether each epoch has an order of its own."""
    shrinks: tuple[int, ...] = (1,)
    """Factors of which each batch draws one, to be made smaller by it."""
    mirror = False
    """Whether half of the batches, by chance, are mirrored."""

    @abstractmethod
    def build_optimiser(self) -> torch.optim.Optimizer:
        """An optimiser of the network's parameters."""

    @abstractmethod
    def build_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        """The schedule of the optimiser's learning rate, in iterations."""

    @abstractmethod
    def counts(self, batch: AnyBatch) -> Tensor:
        """The numbers that the terms of a batch's loss are divided by."""

    @abstractmethod
    def learn(self, samples: AnyBatch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a part of a batch, and the values of `logged`; both add up over the parts."""

    @abstractmethod
    def validate(self, samples: Samples[AnyBatch]) -> list[float]:
        """The values of `measured`, on held-out samples."""

    def trained(self) -> Iterable[nn.Parameter]:
        """All parameters that steps may change."""
        return self.network.parameters()

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network on its device, as it is trained."""
        return network.to(self.device)

    def start_step(self) -> None:
        """Puts the network into the mode of a training step."""
        self.network.train()

    def clip_gradients(self) -> None:
        """Limits the gradients of the whole batch; here not at all."""

    def show(self, board: Board, batch: AnyBatch, iteration: int) -> None:
        """Adds pictures to a board, at a checkpoint; here none."""

    def finish(self) -> None:
        """Brings the trained network back into its own layout."""

    def exported(self) -> nn.Module:
        """The finished network as its weights are saved."""
        return self.network

    def columns(self) -> tuple[str, ...]:
        """Names of a row's values."""
        return ("iteration", *self.logged, "learning_rate", *self.measured)

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        self.run, self.processes, self.device = run, processes, device()
        self.network = self.prepare(network)
        self.forward: Any = self.network
        self.optimiser = self.build_optimiser()
        self.schedule = self.build_schedule()
        self.rows: list[Row] = []

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rows": self.rows,
        }

    def resume(self, state: dict[str, Any] | None) -> None:
        """Goes on from the content of a checkpoint, if there is one."""
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.rows = state["rows"]
        print(f"resuming at iteration {len(self.rows)}")

    def autocast(self) -> torch.autocast:
        """A context that computes in the precision of the settings."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def order(self, samples: Samples[AnyBatch]) -> Order:
        """Which of the samples this process reads, iteration by iteration."""
        return Order(
            count=len(samples),
            batch=self.run.settings.batch,
            iterations=iterations_of(self.run.settings, samples.epoch),
            seed=self.run.seed,
            processes=self.processes,
            shrinks=self.shrinks,
            mirror=self.mirror,
            shuffled=self.shuffled,
        )

    def held_out(self, samples: Samples[AnyBatch]) -> Iterator[AnyBatch]:
        """This process's share of held-out samples, batch by batch."""
        size = self.micro_batch or self.run.settings.batch
        for start in range(self.processes.rank * size, len(samples), self.processes.count * size):
            yield samples.batch(range(start, min(start + size, len(samples))))

    def step(self, batch: AnyBatch) -> Row:
        """One step of the optimiser on this process's share of a batch; returns its row."""
        # Chance follows from the number of the iteration, not from the past, so that a resumed
        # training draws the same. The factor, a prime, keeps the streams of nearby seeds apart.
        torch.manual_seed(self.run.seed * 1_000_003 + len(self.rows))
        self.start_step()
        counts = self.processes.all_sum(self.counts(batch).to(self.device))
        self.optimiser.zero_grad(set_to_none=True)
        share = len(batch[0])
        size = min(self.micro_batch or share, share)
        logged = torch.zeros(len(self.logged), device=self.device)
        for start in range(0, share, size):
            loss, values = self.learn(part(batch, start, size), counts)
            loss.backward()  # type: ignore[no-untyped-call]
            logged += values.detach()
        gradients = (parameter.grad for parameter in self.trained())
        self.processes.all_reduce_([gradient for gradient in gradients if gradient is not None])
        self.clip_gradients()
        rate = self.schedule.get_last_lr()[0]
        self.optimiser.step()
        self.schedule.step()
        summed: list[float] = self.processes.all_sum(logged).tolist()
        return [len(self.rows) + 1, *summed, float(rate), *(None for _ in self.measured)]
