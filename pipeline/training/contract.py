"""Whether networks keep to the contract of model/sight.py, found out on frames of zeros.

    python -m pipeline.training.contract '[[model, arguments, height, width], ...]'

Planning runs it for networks that it has not seen before, as it imports no torch itself.
"""

import json
import sys
from typing import Any

import torch

from model.sight import see, sight_of
from pipeline.runtime.errors import InputError
from pipeline.training.networks import build_network


def check(model: str, arguments: dict[str, Any], size: tuple[int, int]) -> None:
    """Build a network and let it see frames of a size that hold zeros.

    Raises:
        InputError: It cannot be built, refuses the frames, or returns no maps of them.
    """
    try:
        # Shapes alone, which costs nothing at any width.
        with torch.device("meta"):
            _see_nothing(arguments, size)
    except Exception:  # a network may do what has no meaning without values
        try:
            _see_nothing(arguments, size)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise InputError(
                f"config.yaml: models.{model}: network {arguments['network']} cannot see frames of "
                f"{size[1]}x{size[0]} pixels: {reason}; docs/models.md says what a network returns"
            ) from error


def _see_nothing(arguments: dict[str, Any], size: tuple[int, int]) -> None:
    network = build_network(arguments).eval()
    for values in [*network.parameters(), *network.buffers()]:
        if values.is_floating_point() and not values.is_meta and values.isnan().any():
            values.zero_()  # what no fit has filled
    sight = sight_of(network)
    with torch.inference_mode():
        clip = torch.zeros(1, sight.before + 1 + sight.after, 3, *size)
        flow = torch.zeros(1, 1, max(1, sight.flows), 2, *size)
        _, state = see(network, clip, flow)
        if sight.carries:
            see(network, clip, flow, state)


if __name__ == "__main__":
    try:
        for model, arguments, height, width in json.loads(sys.argv[1]):
            check(model, arguments, (height, width))
    except InputError as error:
        sys.exit(str(error))
