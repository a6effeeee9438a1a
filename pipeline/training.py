"""The training loop (Sec. IV-B). It knows no network but by what config.yaml calls it."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate

from model.losses import saliency_loss
from model.registry import build
from pipeline.config import Loss, Training
from pipeline.devices import device
from pipeline.errors import InputError
from pipeline.progress import progress_bar
from pipeline.samples import Sample, TrainingSamples
from pipeline.weights import save_weights

COLUMNS = ("iteration", "loss", "kl", "nss", "learning_rate")


class Run(NamedTuple):
    """What makes a training reproducible."""

    settings: Training
    loss: Loss
    seed: int
    threads: int
    network: dict[str, Any]
    """Arguments of the network: some change no tensor."""
    code: str
    """Digest of the code that trains."""
    checkpoint: Path
    """File that is written every `settings.checkpoint` iterations and removed at the end."""


class _Order:
    """Which sample comes when: a new permutation each epoch, known from the seed alone.

    A training that resumes therefore needs no more than the number of the iteration.
    """

    def __init__(self, count: int, batch: int, iterations: int, seed: int) -> None:
        self._count, self._batch, self._iterations, self._seed = count, batch, iterations, seed
        self.start = 0

    def _epoch(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(self._count, generator=generator).tolist()
        return order

    def __iter__(self) -> Iterator[list[int]]:
        epoch, order = -1, list[int]()
        for iteration in range(self.start, self._iterations):
            batch = []
            for place in range(iteration * self._batch, (iteration + 1) * self._batch):
                if place // self._count != epoch:
                    epoch = place // self._count
                    order = self._epoch(epoch)
                batch.append(order[place % self._count])
            yield batch

    def __len__(self) -> int:
        return self._iterations - self.start


def fingerprint(network: nn.Module, samples: TrainingSamples, run: Run) -> str:
    """Digest of all that decides the result; a checkpoint with another one is not resumed."""
    start = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        start.update(name.encode() + tensor.cpu().numpy().tobytes())
    text = json.dumps(
        [
            run.settings.model_dump(exclude={"checkpoint"}),
            run.loss.model_dump(),
            run.seed,
            run.threads,
            run.network,
            run.code,
            samples.digests,
            start.hexdigest(),
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _to(sample: Sample, where: torch.device) -> Sample:
    return Sample(*(tensor.to(where) for tensor in sample))


def _save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(state, partial)
    partial.replace(path)


def _resume(
    path: Path,
    mark: str,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.StepLR,
) -> tuple[int, list[list[float]]]:
    if not path.is_file():
        return 0, []
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["fingerprint"] != mark:
        print(f"{path} is of another training: starting anew")
        return 0, []
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    print(f"resuming at iteration {state['iteration']}")
    return state["iteration"], state["rows"]


def iterations_of(settings: Training, samples: int) -> int:
    """Iterations that make up the epochs asked for."""
    return math.ceil(settings.epochs * samples / settings.batch)


def train(network: nn.Module, samples: TrainingSamples, run: Run) -> list[list[float]]:
    """Trains in place with Adam, the step schedule and the loss of Eq. (6).

    Resumes from the checkpoint of the same training if there is one.

    Returns:
        One row of `COLUMNS` per iteration.
    """
    torch.set_num_threads(run.threads)
    torch.manual_seed(run.seed)
    where = device()
    mark = fingerprint(network, samples, run)
    network.to(where).train()
    settings = run.settings
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, settings.step, settings.gamma)
    iterations = iterations_of(settings, len(samples))
    order = _Order(len(samples), settings.batch, iterations, run.seed)
    order.start, rows = _resume(run.checkpoint, mark, network, optimiser, schedule)
    loader = DataLoader(
        samples, batch_sampler=order, num_workers=run.threads - 1, collate_fn=default_collate
    )
    with progress_bar() as progress:
        bar = progress.add_task("training", total=iterations, completed=order.start, loss=math.nan)
        for iteration, sample in enumerate(loader, start=order.start + 1):
            rate = schedule.get_last_lr()[0]
            terms = _step(network, optimiser, _to(sample, where), run.loss)
            schedule.step()
            rows.append([iteration, *(float(term) for term in terms), float(rate)])
            if not math.isfinite(rows[-1][1]):
                raise InputError(
                    f"the loss is {rows[-1][1]} at iteration {iteration}; "
                    "lower trainings.learning_rate in config.yaml"
                )
            progress.update(bar, advance=1, loss=rows[-1][1])
            if iteration % max(1, iterations // 20) == 0:
                # A log file shows no bar; a log that is followed should still move.
                print(f"iteration {iteration} of {iterations}, loss {rows[-1][1]:.4f}", flush=True)
            if iteration % settings.checkpoint == 0 and iteration < iterations:
                state = {
                    "fingerprint": mark,
                    "iteration": iteration,
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "rows": rows,
                }
                _save_checkpoint(run.checkpoint, state)
    return rows


def _step(
    network: nn.Module, optimiser: torch.optim.Optimizer, sample: Sample, loss: Loss
) -> tuple[Tensor, ...]:
    optimiser.zero_grad(set_to_none=True)
    maps = network(sample.frame, sample.flow)
    terms = saliency_loss(
        maps.saliency,
        sample.density,
        sample.fixated,
        alpha=loss.alpha,
        beta=loss.beta,
        eps=loss.eps,
    )
    terms.total.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return tuple(term.detach() for term in terms)


def build_network(arguments: dict[str, Any]) -> nn.Module:
    """The network that config.yaml describes.

    Raises:
        InputError: Names the keys that its constructor does not know or lacks.
    """
    try:
        return build(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"config.yaml: models, networks: {error}") from error


def write_log(path: Path, rows: list[list[float]]) -> None:
    """Writes the loss of every iteration as CSV with the columns `COLUMNS`."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([int(row[0]), *(f"{value:.6g}" for value in row[1:])] for row in rows)


def train_to(
    weights: Path,
    log: Path,
    network: nn.Module,
    samples: TrainingSamples,
    run: Run,
) -> None:
    """Trains, writes weights and log, and removes the checkpoint."""
    rows = train(network, samples, run)
    facts = {"network": run.network, "training": run.settings.model_dump(), "code": run.code}
    save_weights(weights, network, facts)
    write_log(log, rows)
    run.checkpoint.unlink(missing_ok=True)
