"""Where networks run."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """The GPU if there is one; of several processes each has its own."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
