"""Stage pretrain: the appearance stream alone on still images (Sec. IV-B)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.config import Loss, Training
from pipeline.errors import InputError
from pipeline.samples import TrainingSamples
from pipeline.stage import main
from pipeline.training import Run, build_network, train_to


def pretrain(
    *,
    network: dict[str, Any],
    backbone: list[Path],
    frames: list[Path],
    gaze: list[Path],
    density: list[Path],
    settings: Training,
    loss: Loss,
    seed: int,
    threads: int,
    code: str,
    weights: Path,
    log: Path,
) -> None:
    """Trains a model's appearance stream on SALICON; both its streams start from these weights.

    `backbone` is one file with ImageNet weights under torchvision's keys, or none.
    """
    torch.manual_seed(seed)
    stream = build_network({**network, "streams": "appearance"})
    for file in backbone:
        try:
            stream.load_backbone(  # type: ignore[operator]
                torch.load(file, map_location="cpu", weights_only=True)
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(f"{file}: not weights of this backbone: {error}") from error
    samples = TrainingSamples(frames, [], gaze, density)
    checkpoint = weights.with_suffix(".checkpoint")
    run = Run(settings, loss, seed, threads, network, code, checkpoint)
    train_to(weights, log, stream, samples, run)


if __name__ == "__main__":
    main(pretrain)
