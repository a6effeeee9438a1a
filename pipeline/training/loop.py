"""The training loop (Sec. IV-B). It knows no network but by what config.yaml calls it.

What is learnt, by which loss, and what is logged of it is a `Trainer`'s: that of saliency is here.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.batch_norm import fold, freeze, unfold
from pipeline.config.training import Adam, Loss, Training
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole, writing
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.processes import Processes, together
from pipeline.runtime.progress import progress_bar
from pipeline.stores.weights import save_weights
from pipeline.training.batches import Order, load
from pipeline.training.checkpoints import Checkpoint
from pipeline.training.samples import AnyBatch, Samples
from pipeline.training.tensorboard import Board

Row = list[float | None]
"""Of a trainer's `columns()`."""


class Run(NamedTuple):
    """What makes a training reproducible, and where it keeps what it needs on the way."""

    settings: Training
    loss: Loss | None
    """Weights of Eq. (6); None: another trainer's loss, which has none."""
    seed: int
    threads: int
    network: dict[str, Any]
    """Arguments of the network: some change no tensor."""
    code: str
    """Digest of the code that trains."""
    checkpoints: Path
    """Folder for the state, written every `settings.checkpoint` iterations, removed at the end."""
    board: Path | None
    """Folder for TensorBoard."""


def fingerprint(
    network: nn.Module, data: Sequence[Samples[Any] | None], run: Run, processes: int
) -> str:
    """Digest of all that decides the result; a checkpoint with another one is not resumed."""
    start = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        start.update(name.encode() + tensor.cpu().numpy().tobytes())
    facts = [
        run.settings.model_dump(exclude={"checkpoint"}),
        run.loss and run.loss.model_dump(),
        run.seed,
        run.threads,
        processes,
        run.network,
        run.code,
        [samples.digests for samples in data if samples is not None],
        start.hexdigest(),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def iterations_of(settings: Training, samples: int) -> int:
    """Iterations asked for, or those that make up the epochs asked for."""
    if settings.iterations is not None:
        return settings.iterations
    assert settings.epochs is not None
    return math.ceil(settings.epochs * samples / settings.batch)


class Trainer(ABC, Generic[AnyBatch]):
    """Network, optimiser and log; one that resumes is as if it never stopped."""

    logged: ClassVar[tuple[str, ...]]
    """What `learn` tells of an iteration; the first is the loss."""
    measured: ClassVar[tuple[str, ...]]
    """What `validate` tells of the held-out clips."""

    @abstractmethod
    def counts(self, batch: AnyBatch) -> Tensor:
        """What the terms of a batch's loss are divided by."""

    @abstractmethod
    def learn(self, part: AnyBatch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a part of a batch, and `logged` of it; both add up over parts."""

    @abstractmethod
    def validate(self, samples: Samples[AnyBatch]) -> list[float]:
        """What is `measured` on the frames of the held-out clips."""

    def show(self, board: Board, batch: AnyBatch, iteration: int) -> None:
        """Adds pictures to a board at a checkpoint."""

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of a row's values."""
        return ("iteration", *cls.logged, "learning_rate", *cls.measured)

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        settings = run.settings
        self.run, self.processes, self.where = run, processes, device()
        self.network = network.to(self.where, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.folded = fold(network) if settings.batch_norm == "folded" else []
        if settings.recompute:
            _recompute(network)
        self.optimiser = _optimiser(network, settings)
        self.schedule = torch.optim.lr_scheduler.StepLR(
            self.optimiser, settings.step, settings.gamma
        )
        self.forward: Any = torch.compile(network) if settings.compile else network
        self.rows: list[Row] = []

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rows": self.rows,
        }

    def resume(self, state: dict[str, Any] | None) -> None:
        """Goes on from a checkpoint, if there is one."""
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.rows = state["rows"]
        print(f"resuming at iteration {len(self.rows)}")

    def narrow(self) -> torch.autocast:
        """Computes in the precision of the settings."""
        enabled = self.run.settings.precision == "bfloat16"
        return torch.autocast(self.where.type, dtype=torch.bfloat16, enabled=enabled)

    def held_out(self, samples: Samples[AnyBatch]) -> Iterator[AnyBatch]:
        """This process's share of held-out frames, some at a time."""
        size = self.run.settings.micro_batch or self.run.settings.batch
        for start in range(self.processes.rank * size, len(samples), self.processes.count * size):
            yield samples.batch(range(start, min(start + size, len(samples))))

    def step(self, batch: AnyBatch) -> Row:
        """One step of the optimiser on this process's share of a batch; returns what to log."""
        # Whatever is left to chance follows from the number of the iteration, not from the past.
        torch.manual_seed(self.run.seed * 1_000_003 + len(self.rows))
        self.network.train()
        if self.run.settings.batch_norm == "frozen":
            freeze(self.network)
        counts = self.processes.total(self.counts(batch).to(self.where))
        self.optimiser.zero_grad(set_to_none=True)
        frames = len(batch.frame)
        size = min(self.run.settings.micro_batch or frames, frames)
        logged = torch.zeros(len(self.logged), device=self.where)
        for start in range(0, frames, size):
            loss, terms = self.learn(batch.part(start, size), counts)
            loss.backward()  # type: ignore[no-untyped-call]
            logged += terms.detach()
        gradients = (parameter.grad for parameter in self.network.parameters())
        self.processes.add_up([gradient for gradient in gradients if gradient is not None])
        rate = self.schedule.get_last_lr()[0]
        self.optimiser.step()
        self.schedule.step()
        values: list[float] = self.processes.total(logged).tolist()
        return [len(self.rows) + 1, *values, float(rate), *(None for _ in self.measured)]


def _optimiser(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    rate, chosen = settings.learning_rate, settings.optimiser
    if isinstance(chosen, Adam):
        return torch.optim.Adam(network.parameters(), rate, weight_decay=chosen.weight_decay)
    return torch.optim.SGD(network.parameters(), rate, chosen.momentum, 0, chosen.weight_decay)


def _recompute(network: nn.Module) -> None:
    """Keeps only what goes into a network's segments, and computes the rest again when needed."""
    for segment in network.segments():  # type: ignore[operator]
        segment.forward = partial(checkpoint, segment.forward, use_reentrant=False)


def train(
    network: nn.Module,
    samples: Samples[Any],
    run: Run,
    held_out: Samples[Any] | None = None,
    finish: Callable[[list[Row]], None] | None = None,
    *,
    kind: type[Trainer[Any]],
) -> list[Row]:
    """Trains in place with the step schedule.

    Resumes from the checkpoint of the same training if there is one. A signal to end is obeyed
    after the iteration at hand, when the state is saved.

    Args:
        network: With its start weights, the same in all processes.
        samples: What is learnt.
        run: How.
        held_out: What is only measured.
        finish: Called by one process with the rows, while the state is still there.
        kind: What is learnt.

    Returns:
        One row of the trainer's columns per iteration.

    Raises:
        InputError: The loss is not finite, or the batch cannot be shared among the processes.
    """
    with together() as processes, Interruption() as interruption:
        _check_shares(run.settings, processes)
        torch.set_num_threads(_threads(run, processes))
        mark = fingerprint(network, [samples, held_out], run, processes.count)
        saved = Checkpoint(run.checkpoints, mark)
        trainer = kind(network, run, processes)
        trainer.resume(saved.load())
        _check_alike(trainer, mark)
        _iterate(trainer, samples, held_out, saved, interruption)
        unfold(trainer.folded)
        if processes.first:
            if finish is not None:
                finish(trainer.rows)
            saved.remove()
        return trainer.rows


def _threads(run: Run, processes: Processes) -> int:
    """Of one process: the threads are the job's."""
    return max(1, run.threads // processes.count)


def _check_alike(trainer: Trainer[Any], mark: str) -> None:
    """Processes that start or go on differently would train nobody's network."""
    for value in (int(mark[:12], 16), len(trainer.rows)):
        if not trainer.processes.alike(value, trainer.where):
            raise InputError(
                f"{trainer.run.checkpoints}: the processes start from different states; they must "
                "see the same files"
            )


def _check_shares(settings: Training, processes: Processes) -> None:
    if settings.batch % processes.count:
        raise InputError(
            f"config.yaml: batch: {processes.count} processes cannot share {settings.batch} frames "
            "evenly; change trainings.batch or the number of processes"
        )


def _iterate(
    trainer: Trainer[Any],
    samples: Samples[Any],
    held_out: Samples[Any] | None,
    saved: Checkpoint,
    interruption: Interruption,
) -> None:
    """From where the trainer stands to the end."""
    run, processes, rows = trainer.run, trainer.processes, trainer.rows
    settings, iterations = run.settings, iterations_of(run.settings, len(samples))
    order = Order(
        count=len(samples),
        batch=settings.batch,
        iterations=iterations,
        seed=run.seed,
        processes=processes,
        shrinks=settings.shrink,
    )
    order.start = len(rows)
    board = Board(run.board if processes.first else None, len(rows))
    with progress_bar(shown=processes.first) as progress, board:
        bar = progress.add_task("training", total=iterations, completed=len(rows), loss=math.nan)
        for batch in load(samples, order, _threads(run, processes) - 1):
            row = trainer.step(batch)
            rows.append(row)
            _check(row)
            iteration = len(rows)
            due = iteration % settings.checkpoint == 0 or iteration == iterations
            if held_out is not None and due:
                row[-len(trainer.measured) :] = trainer.validate(held_out)
            progress.update(bar, advance=1, loss=row[1])
            board.write(dict(zip(trainer.columns(), row, strict=True)))
            if processes.first and iteration % max(1, iterations // 20) == 0:
                # A log file shows no bar; a log that is followed should still move.
                print(f"iteration {iteration} of {iterations}, loss {row[1]:.4f}", flush=True)
            stop = processes.most(interruption.asked, trainer.where)
            if processes.first and iteration < iterations and (due or stop):
                saved.save(trainer.state())
                trainer.show(board, batch, iteration)
            if stop and iteration < iterations:
                processes.most(0, trainer.where)  # nobody leaves before the state is saved
                print(f"{signal.Signals(stop).name}: saved at iteration {iteration}", flush=True)
                raise SystemExit(128 + stop)


def _check(row: Row) -> None:
    loss = row[1]
    if loss is None or not math.isfinite(loss):
        raise InputError(
            f"the loss is {loss} at iteration {row[0]}; "
            "lower this training's learning_rate in config.yaml"
        )


def write_log(path: Path, rows: list[Row], columns: Sequence[str]) -> None:
    """Writes every iteration as CSV; what was not measured is empty."""
    with whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for iteration, *values in rows:
            cells = ("" if value is None else f"{value:.6g}" for value in values)
            writer.writerow([iteration, *cells])


def train_to(
    weights: Path,
    log: Path,
    network: nn.Module,
    samples: Samples[Any],
    run: Run,
    held_out: Samples[Any] | None = None,
    *,
    kind: type[Trainer[Any]],
) -> None:
    """Trains, and writes weights and log."""
    digests = [one.digests for one in (samples, held_out) if one is not None]
    facts = {
        "network": run.network,
        "training": run.settings.model_dump(),
        "loss": run.loss and run.loss.model_dump(),
        "seed": run.seed,
        "data": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
        "code": run.code,
    }

    def finish(rows: list[Row]) -> None:
        with writing(weights):
            save_weights(weights, network, facts)
        write_log(log, rows, kind.columns())

    train(network, samples, run, held_out, finish, kind=kind)
