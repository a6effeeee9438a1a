"""The training loop (Sec. IV-B). It knows no network but by what config.yaml calls it."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.batch_norm import fold, freeze, unfold
from model.losses import Counts, Terms, counted_frames, euclidean_loss, saliency_loss
from model.maps import Maps
from pipeline.batches import Order, load
from pipeline.boards import Board
from pipeline.checkpoints import Checkpoint
from pipeline.config import Adam, Loss, Training
from pipeline.devices import device
from pipeline.disk import whole, writing
from pipeline.errors import InputError
from pipeline.interruption import Interruption
from pipeline.processes import Processes, together
from pipeline.progress import progress_bar
from pipeline.samples import Batch, Sample, TrainingSamples, on_device
from pipeline.weights import save_weights

COLUMNS = (
    "iteration",
    "loss",
    "kl",
    "nss",
    "zeros",
    "learning_rate",
    "validation_kl",
    "validation_nss",
)
"""`zeros` is the share of the predicted pixels that are 0, the last ReLU's dead ones, or below it,
where a network without that ReLU can be."""
Row = list[float | None]


class Run(NamedTuple):
    """What makes a training reproducible, and where it keeps what it needs on the way."""

    settings: Training
    loss: Loss
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
    network: nn.Module, data: Sequence[TrainingSamples | None], run: Run, processes: int
) -> str:
    """Digest of all that decides the result; a checkpoint with another one is not resumed."""
    start = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        start.update(name.encode() + tensor.cpu().numpy().tobytes())
    facts = [
        run.settings.model_dump(exclude={"checkpoint"}),
        run.loss.model_dump(),
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


class _Trainer:
    """Network, optimiser and log; one that resumes is as if it never stopped."""

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
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rows": self.rows,
        }

    def resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.rows = state["rows"]
        print(f"resuming at iteration {len(self.rows)}")

    def maps(self, network: nn.Module, sample: Sample) -> Maps:
        narrow = self.run.settings.precision == "bfloat16"
        with torch.autocast(self.where.type, dtype=torch.bfloat16, enabled=narrow):
            return network(sample.frame, sample.flow)  # type: ignore[no-any-return]

    def predict(self, sample: Sample) -> Maps:
        """What the network makes of frames when it is used; by one process alone."""
        return self.maps(self.network.eval(), sample)

    def terms(self, maps: Maps, sample: Sample, counts: Counts) -> Terms:
        euclidean = self.run.settings.loss == "euclidean"
        # Then Eq. (6) is only logged: densities that fall below 0 while they are learnt have none.
        scored = maps.saliency.detach().clamp_min(0) if euclidean else maps.saliency
        loss = self.run.loss.model_dump()
        terms = saliency_loss(scored, sample.density, sample.fixated, **loss, counts=counts)
        if not euclidean:
            return terms
        total = euclidean_loss(maps.saliency, sample.density, counts.kl)
        return terms._replace(total=total)

    def step(self, batch: Batch) -> Row:
        """One step of the optimiser on this process's share of a batch; returns what to log."""
        # Whatever is left to chance follows from the number of the iteration, not from the past.
        torch.manual_seed(self.run.seed * 1_000_003 + len(self.rows))
        self.network.train()
        if self.run.settings.batch_norm == "frozen":
            freeze(self.network)
        counts = Counts(*self.processes.total(self._counts(batch)))
        self.optimiser.zero_grad(set_to_none=True)
        frames = len(batch.frame)
        size = min(self.run.settings.micro_batch or frames, frames)
        logged = torch.zeros(4, device=self.where)
        for start in range(0, frames, size):
            sample = on_device(batch.part(start, size), self.where)
            maps = self.maps(self.forward, sample)
            terms = self.terms(maps, sample, counts)
            terms.total.backward()  # type: ignore[no-untyped-call]
            zeros = (
                (maps.saliency <= 0).float().mean() * len(sample.frame) / self.run.settings.batch
            )
            logged += torch.stack([*terms, zeros]).detach()
        gradients = (parameter.grad for parameter in self.network.parameters())
        self.processes.add_up([gradient for gradient in gradients if gradient is not None])
        rate = self.schedule.get_last_lr()[0]
        self.optimiser.step()
        self.schedule.step()
        return [len(self.rows) + 1, *self.processes.total(logged).tolist(), rate, None, None]

    def _counts(self, batch: Batch) -> Tensor:
        return torch.stack(counted_frames(batch.density, batch.fixated)).float().to(self.where)

    @torch.no_grad()
    def validate(self, samples: TrainingSamples) -> list[float]:
        """KL and NSS losses over the frames of the held-out clips."""
        self.processes.spread(self.network.buffers())
        size = self.run.settings.micro_batch or self.run.settings.batch
        totals = torch.zeros(4, device=self.where)
        for start in range(self.processes.rank * size, len(samples), self.processes.count * size):
            batch = samples.batch(range(start, min(start + size, len(samples))))
            sample, counts = on_device(batch, self.where), self._counts(batch)
            terms = self.terms(self.predict(sample), sample, Counts(*counts))
            totals += torch.cat([torch.stack(terms[1:]) * counts, counts])
        kl, nss, *frames = self.processes.total(totals).tolist()
        return [kl / max(frames[0], 1), nss / max(frames[1], 1)]


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
    samples: TrainingSamples,
    run: Run,
    held_out: TrainingSamples | None = None,
    finish: Callable[[list[Row]], None] | None = None,
) -> list[Row]:
    """Trains in place with the step schedule and the loss that the settings name.

    Resumes from the checkpoint of the same training if there is one. A signal to end is obeyed
    after the iteration at hand, when the state is saved.

    Args:
        network: With its start weights, the same in all processes.
        samples: What is learnt.
        run: How.
        held_out: What is only measured.
        finish: Called by one process with the rows, while the state is still there.

    Returns:
        One row of `COLUMNS` per iteration.

    Raises:
        InputError: The loss is not finite, or the batch cannot be shared among the processes.
    """
    with together() as processes, Interruption() as interruption:
        _check_shares(run.settings, processes)
        torch.set_num_threads(_threads(run, processes))
        mark = fingerprint(network, [samples, held_out], run, processes.count)
        saved = Checkpoint(run.checkpoints, mark)
        trainer = _Trainer(network, run, processes)
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


def _check_alike(trainer: _Trainer, mark: str) -> None:
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
    trainer: _Trainer,
    samples: TrainingSamples,
    held_out: TrainingSamples | None,
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
                row[-2:] = trainer.validate(held_out)
            progress.update(bar, advance=1, loss=row[1])
            board.write(dict(zip(COLUMNS, row, strict=True)))
            if processes.first and iteration % max(1, iterations // 20) == 0:
                # A log file shows no bar; a log that is followed should still move.
                print(f"iteration {iteration} of {iterations}, loss {row[1]:.4f}", flush=True)
            stop = processes.most(interruption.asked, trainer.where)
            if processes.first and iteration < iterations and (due or stop):
                saved.save(trainer.state())
                board.show(trainer.predict, on_device(batch.part(0, 2), trainer.where), iteration)
            if stop and iteration < iterations:
                processes.most(0, trainer.where)  # nobody leaves before the state is saved
                print(f"{signal.Signals(stop).name}: saved at iteration {iteration}", flush=True)
                raise SystemExit(128 + stop)


def _check(row: Row) -> None:
    loss = row[1]
    if loss is None or not math.isfinite(loss):
        raise InputError(
            f"the loss is {loss} at iteration {row[0]}; "
            "lower trainings.learning_rate in config.yaml"
        )


def write_log(path: Path, rows: list[Row]) -> None:
    """Writes every iteration as CSV with the columns `COLUMNS`; what was not measured is empty."""
    with whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for iteration, *values in rows:
            cells = ("" if value is None else f"{value:.6g}" for value in values)
            writer.writerow([iteration, *cells])


def train_to(
    weights: Path,
    log: Path,
    network: nn.Module,
    samples: TrainingSamples,
    run: Run,
    held_out: TrainingSamples | None = None,
) -> None:
    """Trains, and writes weights and log."""
    digests = [one.digests for one in (samples, held_out) if one is not None]
    facts = {
        "network": run.network,
        "training": run.settings.model_dump(),
        "loss": run.loss.model_dump(),
        "seed": run.seed,
        "data": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
        "code": run.code,
    }

    def finish(rows: list[Row]) -> None:
        with writing(weights):
            save_weights(weights, network, facts)
        write_log(log, rows)

    train(network, samples, run, held_out, finish)
