"""The device that networks run on."""

import os

import torch


def device() -> torch.device:
    """The GPU of this process if the machine has GPUs, otherwise the CPU.

    Under torchrun process i of a machine has GPU i.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
