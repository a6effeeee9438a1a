"""Which sizes of images a network can take."""

from __future__ import annotations

from torch import Tensor


def check_sides(image: Tensor, multiple: int) -> None:
    """Refuse an image [B, C, H, W] of which a network's levels or its map would not align.

    Raises:
        ValueError: Height or width is not a positive multiple of so many pixels.
    """
    height, width = image.shape[-2:]
    if height % multiple or width % multiple or not height or not width:
        raise ValueError(
            f"width and height must be multiples of {multiple} pixels, got {width}x{height};"
            " choose another frame size"
        )
