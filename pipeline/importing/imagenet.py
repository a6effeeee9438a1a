"""Stage imagenet: ImageNet weights of a backbone, as torchvision distributes them (Sec. III)."""

from http.client import HTTPException
from pathlib import Path

import torch

from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic

SERVER = "https://download.pytorch.org/models"
"""Where torchvision's own code fetches them."""


def imagenet(*, weights: Path) -> None:
    """Fetches a file by its name, whose last part is the first digits of the file's sha256.

    Raises:
        InputError: The file cannot be fetched, or has another digest.
    """
    first_digits = weights.stem.rpartition("-")[2]
    download(f"{SERVER}/{weights.name}", weights, first_digits, "backbone_weights")


def download(address: str, weights: Path, sha256: str, key: str) -> None:
    """Fetch a file, whose digest must begin with `sha256`, or name the key that replaces it.

    Raises:
        InputError: The file cannot be fetched, or has another digest.
    """
    try:
        with atomic(weights) as partial:
            torch.hub.download_url_to_file(address, str(partial), sha256, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(
            f"{weights}: cannot fetch {address} ({error}); fetch it on a connected machine and "
            f"put it there, or name another file in {key} of config.yaml"
        ) from error


if __name__ == "__main__":
    main(imagenet)
