"""The device that networks run on."""

import os
from functools import cache

import torch

from pipeline.runtime.cards import claim


@cache
def device() -> torch.device:
    """The GPU of this process if the machine has GPUs, otherwise the CPU.

    Of several it is one that no other job has, as long as there are as many; under torchrun,
    process i has the i-th GPU that its job was given.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if "LOCAL_RANK" in os.environ:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    (number,) = claim(cards())
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def cards() -> list[str]:
    """Name of each GPU that this process sees, the same in every process."""
    every = range(torch.cuda.device_count())
    return [f"GPU-{torch.cuda.get_device_properties(number).uuid}" for number in every]
