"""What networks are given: checks of options, of sizes, of weights to start from; and widths."""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

from torch import Tensor

Option = TypeVar("Option")

Streams = Literal["both", "appearance", "motion"]
STREAMS = {
    "both": ("appearance", "motion"),
    "appearance": ("appearance",),
    "motion": ("motion",),
}
"""Key `streams` of both papers' networks -> the streams that the network has."""


def pick(key: str, value: str, options: Mapping[str, Option]) -> Option:
    """Return what the value of a constructor's key stands for.

    Raises:
        ValueError: The value is none of the options.
    """
    if value not in options:
        raise ValueError(f"{key}: expected one of {', '.join(options)}, got {value!r}")
    return options[value]


def check_sides(image: Tensor, multiple: int, remedy: str = "choose another frame size") -> None:
    """Check the sides of an image or flow [B, C, H, W]; at others, a network's levels do not align.

    Raises:
        ValueError: Height or width is not a positive multiple of so many pixels; the message ends
            with the remedy.
    """
    height, width = image.shape[-2:]
    if height % multiple or width % multiple or not height or not width:
        raise ValueError(
            f"width and height must be multiples of {multiple} pixels, got {width}x{height};"
            f" {remedy}"
        )


def check_single_stream(parts: Iterable[str]) -> None:
    """Check that weights to start from, of some parts of a network, are those of one stream alone.

    Raises:
        ValueError: The parts are not one stream.
    """
    found = set(parts)
    if len(found) != 1 or not found <= set(STREAMS["both"]):
        raise ValueError(
            f"expected the weights of one stream, got keys that start with {sorted(found)}"
        )


def at_width(channels: int, width: float) -> int:
    """Return a layer's number of channels at a factor of it, at least one."""
    return max(1, round(channels * width))
