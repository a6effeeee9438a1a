"""Stage imagenet: the backbone's ImageNet weights, as torchvision distributes them (Sec. III)."""

from __future__ import annotations

from http.client import HTTPException
from pathlib import Path

import torch

from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import whole

SERVER = "https://download.pytorch.org/models"


def imagenet(*, weights: Path) -> None:
    """Fetches a file of torchvision's, which is named after the first digits of its sha256."""
    address = f"{SERVER}/{weights.name}"
    begin = weights.stem.rpartition("-")[2]
    try:
        with whole(weights) as partial:
            torch.hub.download_url_to_file(address, str(partial), begin, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(
            f"{weights}: cannot fetch {address} ({error}); fetch it where there is a network and "
            "put it there, or name another file in backbone_weights of config.yaml"
        ) from error


if __name__ == "__main__":
    main(imagenet)
