"""Stage finetune: the whole network on video, started from SALICON weights (Sec. IV-B)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.config import Loss, Training
from pipeline.errors import InputError
from pipeline.samples import TrainingSamples
from pipeline.stage import main
from pipeline.training import Run, build_network, train_to
from pipeline.weights import load_weights


def finetune(
    *,
    network: dict[str, Any],
    start: Path,
    frames: list[Path],
    flow: list[Path],
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
    """Trains a model on the training splits of one dataset (Setting 1) or several (Setting 2)."""
    torch.manual_seed(seed)
    whole = build_network(network)
    try:
        whole.load_stream(load_weights(start))  # type: ignore[operator]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{start}: not a stream of this model: {error}") from error
    samples = TrainingSamples(frames, flow, gaze, density)
    checkpoint = weights.with_suffix(".checkpoint")
    run = Run(settings, loss, seed, threads, network, code, checkpoint)
    train_to(weights, log, whole, samples, run)


if __name__ == "__main__":
    main(finetune)
