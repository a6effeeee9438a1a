"""The training loop of every stage that learns by gradients.

It runs the iterations, keeps checkpoints, log and TensorBoard curves, obeys signals, and shares
batches among processes. It knows no network, data or loss: these are a `Trainer`'s.
"""

import hashlib
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.config.training import FlowTraining
from pipeline.planning.schedule import in_words, iterations_of, step_of
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import disk_errors
from pipeline.runtime.interruption import Interruption
from pipeline.runtime.pace import Pace
from pipeline.runtime.processes import Processes, process_group
from pipeline.runtime.progress import progress_bar
from pipeline.runtime.sheets import write_rows
from pipeline.stores.weights import save_weights
from pipeline.training.batches import AnyBatch, Samples, load
from pipeline.training.checkpoints import Checkpoint
from pipeline.training.tensorboard import Board
from pipeline.training.trainer import Row, Run, Trainer

LINES = 20
"""Progress lines in the log file of a whole training, besides one a minute; it shows no bar."""


def fingerprint(
    network: nn.Module, data: Sequence[Samples[Any] | None], run: Run, processes: int
) -> str:
    """Digest of everything that decides the result; only a checkpoint that has it is resumed."""
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


AnyTrainer = Callable[[nn.Module, Run, Processes], Trainer[Any]]


def train(
    network: nn.Module,
    samples: Samples[Any],
    run: Run,
    held_out: Samples[Any] | None = None,
    save: Callable[[Trainer[Any]], None] | None = None,
    *,
    kind: AnyTrainer,
) -> list[Row]:
    """Train in place; return one row of the trainer's `columns` per iteration.

    A training resumes from its own checkpoint if there is one. A signal to end is obeyed after the
    current iteration, once the state is saved. `save` is called in the first process at the end,
    while the checkpoint still exists: where it fails, the next call has nothing else to do.

    Raises:
        InputError: The loss is not finite, a batch cannot be read or shared among the processes, or
            the disk refuses a file.
        SystemExit: A signal came; the status is 128 and its number, as shells have it.
    """
    with process_group() as processes, Interruption() as interruption:
        if run.settings.batch % processes.count:
            raise InputError(
                f"config.yaml: batch: {processes.count} processes cannot share "
                f"{run.settings.batch} samples evenly; change this training's batch or the rule's "
                "resource `processes`"
            )
        torch.set_num_threads(_threads_per_process(run, processes))
        if processes.first:
            print(in_words(run.settings, samples.epoch), flush=True)
        run = _with_step(run, samples.epoch)
        mark = fingerprint(network, [samples, held_out], run, processes.count)
        checkpoint = Checkpoint(run.checkpoints, mark)
        trainer = kind(network, run, processes)
        trainer.resume(checkpoint.load())
        _check_same_state(trainer, mark)
        _iterate(trainer, samples, held_out, checkpoint, interruption)
        trainer.finish()
        if processes.first:
            if save is not None:
                save(trainer)
            checkpoint.remove()
        return trainer.rows


def _with_step(run: Run, epoch: int) -> Run:
    """The run with its rate's step in iterations."""
    if isinstance(run.settings, FlowTraining):
        return run
    update = {"step": step_of(run.settings, epoch)}
    return run._replace(settings=run.settings.model_copy(update=update))


def _threads_per_process(run: Run, processes: Processes) -> int:
    """Threads per process; a job's threads are shared by its processes."""
    return max(1, run.threads // processes.count)


def _check_same_state(trainer: Trainer[Any], mark: str) -> None:
    """Processes that start or resume from different states would train no network at all."""
    # Twelve hex digits of the digest fit the int64 that processes exchange.
    for value in (int(mark[:12], 16), len(trainer.rows)):
        if not trainer.processes.all_equal(value, trainer.device):
            raise InputError(
                f"{trainer.run.checkpoints}: the processes start from different states; make sure "
                "that all of them see the same files"
            )


def _iterate(
    trainer: Trainer[Any],
    samples: Samples[Any],
    held_out: Samples[Any] | None,
    checkpoint: Checkpoint,
    interruption: Interruption,
) -> None:
    """Runs the iterations that are left."""
    run, processes, rows = trainer.run, trainer.processes, trainer.rows
    iterations, order = iterations_of(run.settings, samples.epoch), trainer.order(samples)
    order.start = len(rows)
    workers = _threads_per_process(run, processes) - 1  # the other thread trains
    curves = Board(run.board if processes.first else None, len(rows))
    pace = Pace(iterations, "iterations", len(rows))
    saved = time.monotonic()

    def is_due() -> bool:
        return len(rows) % run.settings.checkpoint == 0 or len(rows) == iterations

    def measure(row: Row) -> None:
        if held_out is not None and row[-1] is None:
            values = row[-len(trainer.measured) :] = trainer.validate(held_out)
            curves.write({"iteration": row[0], **dict(zip(trainer.measured, values, strict=True))})

    with progress_bar(shown=processes.first) as progress, closing(curves) as board:
        bar = progress.add_task("training", total=iterations, completed=len(rows), loss=math.nan)
        if rows and is_due():
            measure(rows[-1])  # the state is saved before it is measured
        for batch in _saving(load(samples, order, workers), trainer, checkpoint):
            row = trainer.step(batch)
            rows.append(row)
            iteration, loss = len(rows), row[1]
            if loss is None or not math.isfinite(loss):
                raise InputError(
                    f"the loss is {loss} at iteration {iteration}; "
                    "lower this training's learning_rate in config.yaml"
                )
            board.write(dict(zip(trainer.columns(), row, strict=True)))
            stop = processes.all_max(interruption.received, trainer.device)
            is_late = time.monotonic() - saved >= 60 * run.checkpoint_minutes
            if processes.first and (is_due() or stop or is_late):
                board.flush()
                # The last state only spares time, should the weights not find room on the disk.
                with suppress(InputError) if iteration == iterations else nullcontext():
                    checkpoint.save(trainer.state())
                saved = time.monotonic()
                if is_due() or stop:
                    trainer.show(board, batch, iteration)
            if is_due() and (not stop or iteration == iterations):
                measure(row)
            progress.update(bar, advance=1, loss=loss)
            is_time = pace.add() or iteration % max(1, iterations // LINES) == 0
            if processes.first and is_time:
                print(_progress_line(trainer, pace), flush=True)
            if stop and iteration < iterations:
                # A barrier: no process leaves before the first one has saved the state.
                processes.all_max(0, trainer.device)
                print(f"{signal.Signals(stop).name}: saved at iteration {iteration}", flush=True)
                raise SystemExit(128 + stop)


def _saving(
    batches: Iterator[AnyBatch], trainer: Trainer[Any], checkpoint: Checkpoint
) -> Iterator[AnyBatch]:
    """The batches; the state is saved if one of them cannot be read."""
    try:
        yield from batches
    except InputError as error:
        if not (trainer.rows and trainer.processes.first):
            raise
        checkpoint.save(trainer.state())
        raise InputError(f"{error} (saved at iteration {len(trainer.rows)})") from error


def _progress_line(trainer: Trainer[Any], pace: Pace) -> str:
    row = trainer.rows[-1]
    measured = zip(trainer.measured, row[-len(trainer.measured) :], strict=True)
    parts = [f"iteration {pace.done} of {pace.total}", f"loss {row[1]:.4f}"]
    parts += [f"{name} {value:.4g}" for name, value in measured if value is not None]
    return ", ".join([*parts, pace.rest()])


def write_log(path: Path, rows: list[Row], columns: Sequence[str]) -> None:
    """Writes a CSV row per iteration, numbers with six digits; what was not measured is empty."""
    cells = (
        [iteration, *(None if value is None else f"{value:.6g}" for value in values)]
        for iteration, *values in rows
    )
    write_rows(path, columns, cells)


def train_to(
    weights: Path,
    log: Path,
    network: nn.Module,
    samples: Samples[Any],
    run: Run,
    held_out: Samples[Any] | None = None,
    *,
    kind: AnyTrainer,
    facts: Callable[[list[Row]], dict[str, Any]] | None = None,
) -> None:
    """Trains as `train` does, and writes weights and log.

    `facts` makes what the weights' metadata says from the rows; None: settings and data.
    """

    def usual_facts(_rows: list[Row]) -> dict[str, Any]:
        digests = [one.digests for one in (samples, held_out) if one is not None]
        return {
            "network": run.network,
            "training": run.settings.model_dump(),
            "loss": run.loss and run.loss.model_dump(),
            "seed": run.seed,
            "data": hashlib.sha256(json.dumps(digests).encode()).hexdigest(),
            "code": run.code,
        }

    def save(trainer: Trainer[Any]) -> None:
        with disk_errors(weights):
            save_weights(weights, trainer.exported(), (facts or usual_facts)(trainer.rows))
        write_log(log, trainer.rows, trainer.columns())

    train(network, samples, run, held_out, save, kind=kind)
