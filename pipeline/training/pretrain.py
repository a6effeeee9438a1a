"""Stage pretrain: the appearance stream alone on still images (Sec. IV-B)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.config.training import Loss, Training
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.verify import damage
from pipeline.stores.weights import check_digest
from pipeline.training.loop import Run
from pipeline.training.networks import build_network
from pipeline.training.saliency import train_to
from pipeline.training.samples import TrainingSamples


def pretrain(
    *,
    network: dict[str, Any],
    backbone: list[Path],
    sha256: str | None,
    frames: list[Path],
    gaze: list[Path],
    density: list[Path],
    validation_frames: list[Path],
    validation_gaze: list[Path],
    validation_density: list[Path],
    settings: Training,
    loss: Loss,
    seed: int,
    threads: int,
    code: str,
    checkpoints: Path,
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains a model's appearance stream on SALICON; both its streams start from these weights.

    `backbone` is one file with ImageNet weights under torchvision's keys, or none (there are
    networks without a backbone), and `sha256` the digest that it must have. The stores of
    `validation_*` hold clips that are only measured; there may be none.
    """
    torch.manual_seed(seed)
    stream = build_network({**network, "streams": "appearance"})
    if backbone and not hasattr(stream, "load_backbone"):
        raise InputError(
            f"{backbone[0]}: network {network['network']} has no backbone to start from these "
            "weights; give none"
        )
    for file in backbone:
        check_digest(file, sha256)
        try:
            stream.load_backbone(  # type: ignore[operator]
                torch.load(file, map_location="cpu", weights_only=True)
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{file}: not weights of this backbone: {error}; name another file in "
                "backbone_weights of config.yaml, or torchvision"
            ) from error
    samples = TrainingSamples(frames, [], gaze, density)
    held_out = None
    if validation_frames:
        held_out = TrainingSamples(validation_frames, [], validation_gaze, validation_density)
    run = Run(settings, loss, seed, threads, network, code, checkpoints, board)
    train_to(weights, log, stream, samples, run, held_out)


if __name__ == "__main__":
    main(pretrain, damage=damage)
