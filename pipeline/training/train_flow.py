"""Stage train_flow: PWC-Net weights of our own, from pairs of pictures that are drawn on the way.

The weights that PWC-Net's authors released may not be used commercially. These are learnt from
`pipeline.training.flow_pairs`, whose flow is known exactly, and from no other network. No pair is
seen twice: a pair follows from the training's seed and the pair's number, so a training that
resumes needs only the number of its iteration.
"""

import copy
import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from model.flow.loss import flow_loss
from model.flow.pwcnet import PWCNet
from pipeline.config.training import FlowTraining
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.processes import Processes
from pipeline.stores.weights import weights_facts
from pipeline.training.batches import Samples
from pipeline.training.flow_pairs.geometry import Size
from pipeline.training.flow_pairs.pairs import HeldOutPairs, PairBatch, Pairs, picture_facts
from pipeline.training.flow_pairs.textures import Pictures
from pipeline.training.loop import train_to
from pipeline.training.networks import load_into
from pipeline.training.trainer import Row, Run, Trainer


class FlowTrainer(Trainer[PairBatch]):
    """Learns the flow of drawn pairs, with Adam and a learning rate halved at milestones."""

    logged = ("loss",)
    measured = ("held_out_error",)
    """Mean end-point error over all pixels of the held-out pairs, in pixels."""
    shuffled = False  # pairs are drawn at random
    network: PWCNet

    def __init__(self, network: nn.Module, run: Run, processes: Processes) -> None:
        assert isinstance(run.settings, FlowTraining)
        self.settings, self.bfloat16 = run.settings, run.settings.autocast
        super().__init__(network, run, processes)

    def build_optimiser(self) -> torch.optim.Optimizer:
        """Adam without weight decay."""
        return torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate)

    def build_schedule(self) -> torch.optim.lr_scheduler.LRScheduler:
        """Half the rate after each milestone."""
        return torch.optim.lr_scheduler.MultiStepLR(
            self.optimiser, list(self.settings.milestones), gamma=0.5
        )

    def clip_gradients(self) -> None:
        """Shortens the gradient of all parameters to the norm of the settings."""
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.gradient_norm)

    def exported(self) -> nn.Module:
        """A copy in float16: half the file, and errors far below the network's own."""
        return copy.deepcopy(self.network).half()

    def on_device(self, batch: PairBatch) -> PairBatch:
        """Pictures as floats in 0..1, and their flow."""
        first, second = (frames.to(self.device).float() / 255 for frames in batch[:2])
        return PairBatch(first, second, batch.flow.to(self.device))

    def flows(self, batch: PairBatch) -> tuple[Tensor, ...]:
        """The network's flow of each level, coarse to fine."""
        with self.autocast():
            return self.forward(batch.first, batch.second)  # type: ignore[no-any-return]

    def counts(self, batch: PairBatch) -> Tensor:
        """Pairs of the batch."""
        return torch.tensor([float(len(batch.flow))])

    def learn(self, samples: PairBatch, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, a mean over the pairs of the whole batch."""
        batch = self.on_device(samples)
        loss = flow_loss(self.flows(batch), batch.flow) * (len(batch.flow) / counts[0])
        return loss, loss[None]

    @torch.no_grad()
    def validate(self, samples: Samples[PairBatch]) -> list[float]:
        """Mean end-point error over all pixels of the held-out pairs."""
        self.network.eval()
        total = 0.0
        for part in self.held_out(samples):
            batch = self.on_device(part)
            size = batch.flow.shape[-2:]
            quarter = self.network.in_pixels(self.flows(batch)[-1], size)
            error = interpolate(quarter, size=size, mode="bilinear") - batch.flow
            total += float(error.norm(dim=1).mean(dim=(1, 2)).sum())
        summed = torch.tensor(total, dtype=torch.float64, device=self.device)
        return [float(self.processes.all_sum(summed)) / len(samples)]


def build_pwcnet(arguments: dict[str, Any], size: Size) -> PWCNet:
    """PWC-Net with random weights, checked against the size of the pairs.

    Raises:
        InputError: Its constructor does not take the arguments, or the network not the size.
    """
    try:
        network = PWCNet(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"--network: not arguments of PWCNet ({error}); change flow_weights.network of "
            "config.yaml"
        ) from error
    if any(side % network.multiple for side in size):
        raise InputError(
            f"--settings: size: expected a height and a width that are multiples of "
            f"{network.multiple}, found {size[0]} and {size[1]}; change flow_weights.training.size "
            "of config.yaml"
        )
    return network


def load_start(network: PWCNet, path: Path) -> dict[str, Any]:
    """Starts the network from weights that this stage made; returns their facts and digest.

    Raises:
        InputError: The file is broken, or holds weights of another network.
    """
    remedy = "change flow_weights.network, or set flow_weights.start to null"
    load_into(network.load_state_dict, path, "the network in flow_weights", remedy, ours=False)
    return weights_facts(path) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def train_flow(
    *,
    settings: FlowTraining,
    network: dict[str, Any],
    images: list[Path],
    start: list[Path],
    seed: int,
    threads: int,
    code: str,
    checkpoints: Path,
    checkpoint_minutes: int,
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains PWC-Net; the weights are written in float16.

    `images` is one folder with pictures that textures are cut from, or none; `start` the weights
    of an earlier training that this one continues, or none for a random start.
    """
    for option, paths in (("--images", images), ("--start", start)):
        if len(paths) > 1:
            raise InputError(f"{option}: expected one path or none, found {len(paths)}")
    torch.manual_seed(seed)
    pwcnet = build_pwcnet(network, settings.size)
    before = load_start(pwcnet, start[0]) if start else None
    pictures = Pictures(images[0]) if images else None
    samples = Pairs(settings.batch * settings.iterations, settings.size, pictures, seed)
    held_out = HeldOutPairs(settings.held_out, settings.size, pictures)

    def facts(rows: list[Row]) -> dict[str, Any]:
        return {
            "network": network,
            "recipe": settings.model_dump(),
            "start": before,
            "pictures": picture_facts(pictures),
            "seed": seed,
            "iterations": len(rows),
            "held_out_error": rows[-1][-1],
            "code": code,
        }

    run = Run(settings, None, seed, threads, network, code, checkpoints, board, checkpoint_minutes)
    train_to(weights, log, pwcnet, samples, run, held_out, kind=FlowTrainer, facts=facts)


if __name__ == "__main__":
    main(train_flow)
