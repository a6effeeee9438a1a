"""ImageNet weights as the start of a network's backbone (Sec. III)."""

from pathlib import Path
from typing import Any

from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.stores.weights import check_digest, load_pickled

_REMEDY = "name another file in backbone_weights of config.yaml, or torchvision, or null"


def load_backbone(network: nn.Module, files: list[Path], sha256: str | None) -> None:
    """Start a network's backbone from one file under torchvision's keys, or leave it as it is.

    The file's digest must begin with `sha256`, unless that is None.

    Raises:
        InputError: The network has no backbone, the file has another digest, or its weights are
            not this backbone's.
    """
    for file in files:
        if not hasattr(network, "load_backbone"):
            raise InputError(
                f"{file}: network {type(network).__name__} has no backbone to start from these "
                "weights; give none"
            )
        check_digest(file, sha256)
        load: Any = network.load_backbone
        weights = load_pickled(file)
        try:
            load(weights)
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"{file}: not weights of this backbone ({error}); {_REMEDY}"
            ) from error
