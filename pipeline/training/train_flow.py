"""Stage train_flow: PWC-Net weights of our own, from pairs of pictures made up on the way.

The weights that PWC-Net's authors released may not be used commercially. These come from
`pipeline.training.flow_pairs.scenes`, whose flow is known exactly, and from nobody else's network.
No pair is seen twice: the pair of each place in the training is drawn from the seed and the place
alone, so a training that resumes needs no more than the number of the iteration.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader, Dataset

from model.flow.loss import flow_loss
from model.flow.pwcnet import PWCNet
from pipeline.config.training import FlowTraining
from pipeline.runtime.cli import main
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole, writing
from pipeline.runtime.progress import progress_bar
from pipeline.stores.weights import load_weights, save_weights, weights_facts
from pipeline.training.flow_pairs.geometry import Size
from pipeline.training.flow_pairs.scenes import pair
from pipeline.training.flow_pairs.textures import Pictures

COLUMNS = ("iteration", "loss", "held_out_error", "learning_rate")
Row = tuple[int, float, float | None, float]
"""Of `COLUMNS`; the held-out error is measured at checkpoints and at the end."""
_TRAINING, _HELD_OUT = 0, 1
"""First words of the pairs' seeds: what they tell apart never meets."""


class Run(NamedTuple):
    """What makes a training reproducible."""

    settings: FlowTraining
    seed: int
    threads: int
    network: dict[str, Any]
    """Arguments of the network."""
    pictures: Pictures | None
    """Where textures are cut from, besides the drawn ones."""
    code: str
    """Digest of the code that trains."""
    checkpoint: Path
    """File that is written every `settings.checkpoint` iterations and removed at the end."""


class Batch(NamedTuple):
    """Pairs with a first dimension B."""

    first: Tensor
    """[B, 3, H, W] uint8, RGB."""
    second: Tensor
    """As first."""
    flow: Tensor
    """[B, 2, H, W] float, right and down, pixels."""

    def to(self, where: torch.device) -> Batch:
        """The same on a device, pictures as floats in 0..1."""
        first, second = (frames.to(where).float() / 255 for frames in self[:2])
        return Batch(first, second, self.flow.to(where))


def training_seed(seed: int, place: int) -> tuple[int, int, int]:
    """Seed of the pair at a place, iteration by iteration, of the training with a seed."""
    return _TRAINING, seed, place


def held_out_seed(index: int) -> tuple[int, int]:
    """Seed of a held-out pair."""
    return _HELD_OUT, index


class Pairs(Dataset[Batch | InputError]):
    """The pairs of some seeds, drawn when they are asked for."""

    def __init__(self, size: Size, pictures: Pictures | None, seed: int | None) -> None:
        """Takes the seed of a training; without one they are the held-out pairs."""
        self._size, self._pictures, self._seed = size, pictures, seed

    def __getitem__(self, index: int) -> Batch | InputError:
        """One pair, with B = 1, or what is wrong with a picture that it needs.

        An exception would leave a worker process with a traceback in its message.
        """
        seed = held_out_seed(index) if self._seed is None else training_seed(self._seed, index)
        try:
            first, second, flow = pair(seed, self._size, self._pictures)
        except InputError as error:
            return error
        frames = [torch.from_numpy(np.moveaxis(frame, -1, 0)[None]) for frame in (first, second)]
        return Batch(frames[0], frames[1], torch.from_numpy(flow[None]))


def collate(pairs: Iterable[Batch | InputError]) -> Batch | InputError:
    """Puts pairs together, unless one of them is an error."""
    whole_ones = []
    for one in pairs:
        if isinstance(one, InputError):
            return one
        whole_ones.append(one)
    return Batch(*(torch.cat(tensors) for tensors in zip(*whole_ones, strict=True)))


def _good(batch: Batch | InputError) -> Batch:
    if isinstance(batch, InputError):
        raise batch
    return batch


def fingerprint(network: PWCNet, run: Run) -> str:
    """Digest of all that decides the result; a checkpoint with another one is not resumed."""
    start = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        start.update(name.encode() + tensor.cpu().numpy().tobytes())
    settings = run.settings.model_dump(exclude={"checkpoint"})
    pictures = picture_facts(run.pictures)
    facts = [settings, run.seed, run.threads, run.network, pictures, run.code, start.hexdigest()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def picture_facts(pictures: Pictures | None) -> dict[str, Any]:
    """Number of the pictures and a digest of their names and sizes in bytes."""
    files = pictures.files if pictures is not None else []
    text = json.dumps([[path.name, path.stat().st_size] for path in files])
    return {"count": len(files), "digest": hashlib.sha256(text.encode()).hexdigest()[:16]}


class _Trainer:
    """Network, optimiser and log; one that continues a checkpoint is as if it never stopped."""

    def __init__(self, network: PWCNet, run: Run) -> None:
        settings = run.settings
        self.run, self.where = run, device()
        self.mark = fingerprint(network, run)
        self.network = network.to(self.where)
        self.optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(
            self.optimiser, list(settings.milestones), gamma=0.5
        )
        self.rows: list[Row] = []

    def flows(self, batch: Batch) -> tuple[Tensor, ...]:
        with torch.autocast(
            self.where.type, dtype=torch.bfloat16, enabled=self.run.settings.autocast
        ):
            return self.network(batch.first, batch.second)  # type: ignore[no-any-return]

    def step(self, batch: Batch) -> float:
        """One step of the optimiser; returns the loss."""
        self.network.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = flow_loss(self.flows(batch), batch.flow)
        loss.backward()  # type: ignore[no-untyped-call]
        limit = self.run.settings.gradient_norm
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), limit)
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())

    @torch.no_grad()
    def end_point_error(self, pairs: Batch) -> float:
        """Mean distance of estimated and true flow over all pixels of all pairs, in pixels."""
        self.network.eval()
        total = 0.0
        for part in zip(
            *(torch.split(every, self.run.settings.batch) for every in pairs), strict=True
        ):
            batch = Batch(*part).to(self.where)
            size = batch.flow.shape[-2:]
            quarter = self.network.in_pixels(self.flows(batch)[-1], size)
            error = interpolate(quarter, size=size, mode="bilinear") - batch.flow
            total += float(error.norm(dim=1).mean(dim=(1, 2)).sum())
        return total / len(pairs.flow)

    def save(self) -> None:
        state = {
            "fingerprint": self.mark,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "rows": self.rows,
        }
        with whole(self.run.checkpoint) as partial:
            torch.save(state, partial)

    def resume(self) -> None:
        """Goes on where a checkpoint of the same training stopped, if there is one."""
        path = self.run.checkpoint
        if not path.is_file():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self.mark:
            print(f"{path} is of another training: starting anew")
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.rows = state["rows"]
        print(f"resuming at iteration {len(self.rows)}")


def _one_thread(_worker: int = 0) -> None:
    cv2.setNumThreads(1)


def _batches(run: Run, start: int) -> DataLoader[Batch | InputError]:
    """The pairs of all iterations after the first `start`."""
    batch, iterations = run.settings.batch, run.settings.iterations
    return DataLoader(
        Pairs(run.settings.size, run.pictures, run.seed),
        batch_sampler=[[*range(i * batch, (i + 1) * batch)] for i in range(start, iterations)],
        num_workers=run.threads - 1,
        collate_fn=collate,
        worker_init_fn=_one_thread,
    )


def held_out_pairs(run: Run) -> Batch:
    """All held-out pairs.

    Raises:
        InputError: A picture cannot be read.
    """
    pairs = Pairs(run.settings.size, run.pictures, None)
    return _good(collate(pairs[i] for i in range(run.settings.held_out)))


def train(network: PWCNet, run: Run) -> list[Row]:
    """Trains in place; resumes from the checkpoint of the same training if there is one.

    Returns:
        One row of `COLUMNS` per iteration.

    Raises:
        InputError: A picture cannot be read, or the loss is not finite.
    """
    torch.set_num_threads(run.threads)
    _one_thread()
    trainer = _Trainer(network, run)
    trainer.resume()
    held_out, rows = held_out_pairs(run), trainer.rows
    iterations = run.settings.iterations
    with progress_bar() as progress:
        bar = progress.add_task("training", total=iterations, completed=len(rows), loss=math.nan)
        for batch in _batches(run, len(rows)):
            rate = trainer.schedule.get_last_lr()[0]
            loss = trainer.step(_good(batch).to(trainer.where))
            iteration = len(rows) + 1
            _check(loss, iteration)
            last = iteration == iterations
            halt = last or iteration % run.settings.checkpoint == 0
            error = trainer.end_point_error(held_out) if halt else None
            rows.append((iteration, loss, error, float(rate)))
            if halt and not last:
                trainer.save()
            progress.update(bar, advance=1, loss=loss)
            _say(rows[-1], iterations)
    return rows


def _check(loss: float, iteration: int) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"--settings: expected a finite loss, found {loss} at iteration {iteration}; "
            "lower learning_rate or gradient_norm"
        )


def _say(row: Row, iterations: int) -> None:
    """A log file shows no bar; a log that is followed should still move."""
    iteration, loss, error, _ = row
    if error is not None:
        line = f"iteration {iteration} of {iterations}, loss {loss:.4f}, held out {error:.3f} px"
        print(line, flush=True)


def build_network(arguments: dict[str, Any], size: Size) -> PWCNet:
    """The network, checked against the size of the pairs.

    Raises:
        InputError: Its constructor does not take the arguments, or the network not the size.
    """
    try:
        network = PWCNet(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"--network: expected arguments of PWCNet: {error}") from error
    if any(side % network.multiple for side in size):
        raise InputError(
            f"--settings: size: expected a height and a width that are multiples of "
            f"{network.multiple}, found {size[0]} and {size[1]}"
        )
    return network


def load_start(network: PWCNet, path: Path) -> dict[str, Any]:
    """Starts the network from weights that this stage made; returns what they say of themselves.

    Raises:
        InputError: The file is broken, or of another network.
    """
    try:
        network.load_state_dict(load_weights(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected weights of the network in flow_weights, found others "
            f"({reason[:200]}); change flow_weights.network, or set flow_weights.start to null"
        ) from error
    return weights_facts(path) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def write_log(path: Path, rows: list[Row]) -> None:
    """Writes every iteration as CSV with the columns `COLUMNS`."""
    with whole(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for iteration, *values in rows:
            writer.writerow([iteration, *("" if v is None else f"{v:.6g}" for v in values)])


def train_flow(
    *,
    settings: FlowTraining,
    network: dict[str, Any],
    images: list[Path],
    start: list[Path],
    seed: int,
    threads: int,
    code: str,
    weights: Path,
    log: Path,
) -> None:
    """Trains PWC-Net; the weights are written in float16.

    `images` is one folder with pictures that textures are cut from, or none; `start` the weights
    of an earlier training that this one goes on from, or none for a random start.
    """
    for option, paths in (("--images", images), ("--start", start)):
        if len(paths) > 1:
            raise InputError(f"{option}: expected one path or none, found {len(paths)}")
    torch.manual_seed(seed)
    pwcnet = build_network(network, settings.size)
    before = load_start(pwcnet, start[0]) if start else None
    pictures = Pictures(images[0]) if images else None
    checkpoint = weights.with_suffix(".checkpoint")
    run = Run(settings, seed, threads, network, pictures, code, checkpoint)
    rows = train(pwcnet, run)
    facts = {
        "network": network,
        "recipe": settings.model_dump(),
        "start": before,
        "pictures": picture_facts(pictures),
        "seed": seed,
        "iterations": len(rows),
        "held_out_error": rows[-1][2],
        "code": code,
    }
    with writing(weights):
        save_weights(weights, copy.deepcopy(pwcnet).half(), facts)
    write_log(log, rows)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main(train_flow)
