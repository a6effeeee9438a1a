"""Stage finetune: the whole network on video, started from SALICON weights (Sec. IV-B)."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.training import Loss, Training
from pipeline.runtime.cli import main
from pipeline.stores.verify import damage
from pipeline.training.backbones import load_backbone
from pipeline.training.clips import samples_for
from pipeline.training.networks import build_network, load_into
from pipeline.training.saliency import train_to
from pipeline.training.trainer import Run


def finetune(
    *,
    network: dict[str, Any],
    start: list[Path],
    backbone: list[Path],
    sha256: str | None,
    frames: list[Path],
    flow: list[Path],
    gaze: list[Path],
    density: list[Path],
    validation_frames: list[Path],
    validation_flow: list[Path],
    validation_gaze: list[Path],
    validation_density: list[Path],
    settings: Training,
    loss: Loss,
    seed: int,
    threads: int,
    code: str,
    checkpoints: Path,
    checkpoint_minutes: int,
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains a model on the training splits of one dataset (Setting 1) or several (Setting 2).

    `start` holds weights of one stream, or of the same network; none where the training starts from
    `backbone`, which is with `sha256` that of `load_backbone`. The stores of `validation_*` hold
    clips that are only measured; there may be none.
    """
    torch.manual_seed(seed)
    built = build_network(network)
    load_backbone(built, backbone, sha256)
    for file in start:
        remedy = f"make them again with: snakemake --force {file}"
        load_into(partial(_load_start, built), file, "this model or of one of its streams", remedy)
    samples = samples_for(built, settings, frames, flow, gaze, density)
    measured = (validation_frames, validation_flow, validation_gaze, validation_density)
    held_out = None
    if validation_frames:
        held_out = samples_for(built, settings, *measured, overlapping=False)
    run = Run(settings, loss, seed, threads, network, code, checkpoints, board, checkpoint_minutes)
    train_to(weights, log, built, samples, run, held_out)


def _load_start(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Loads weights of the same network, or those of one stream into each of its streams."""
    if state.keys() == network.state_dict().keys():
        network.load_state_dict(state)
    else:
        network.load_stream(state)  # type: ignore[operator]


if __name__ == "__main__":
    main(finetune, damage=damage)
