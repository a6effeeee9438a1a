"""Stage pretrain: the appearance stream alone on still images (Sec. IV-B)."""

from pathlib import Path
from typing import Any

import torch

from pipeline.config.training import Clip, Loss, Training
from pipeline.runtime.cli import main
from pipeline.stores.verify import damage
from pipeline.training.backbones import load_backbone
from pipeline.training.clips import samples_for
from pipeline.training.networks import build_network
from pipeline.training.saliency import train_to
from pipeline.training.trainer import Run


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
    checkpoint_minutes: int,
    board: Path,
    weights: Path,
    log: Path,
) -> None:
    """Trains a model's appearance stream on still images; both its streams start from the result.

    A network without streams is trained as it is; to one that sees time, an image is a clip.

    `backbone` and `sha256` are those of `load_backbone`. The stores of `validation_*` hold images
    that are only measured; there may be none.
    """
    torch.manual_seed(seed)
    alone = {"streams": "appearance"} if "streams" in network else {}
    stream = build_network({**network, **alone})
    load_backbone(stream, backbone, sha256)
    image = settings.model_copy(update={"clip": Clip(frames=1, step=1)})
    samples = samples_for(stream, image, frames, [], gaze, density)
    held_out = None
    if validation_frames:
        held_out = samples_for(
            stream, image, validation_frames, [], validation_gaze, validation_density
        )
    run = Run(settings, loss, seed, threads, network, code, checkpoints, board, checkpoint_minutes)
    train_to(weights, log, stream, samples, run, held_out)


if __name__ == "__main__":
    main(pretrain, damage=damage)
