"""Resizing of frames to a model's working resolution, and of its maps back to the frame's."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate


def to_longer_side(pictures: Tensor, side: int) -> Tensor:
    """Resize [B, C, H, W] so that its longer side has ``side`` px and its aspect stays."""
    return resized(pictures, longer_size(pictures, side))


def longer_size(pictures: Tensor, side: int) -> tuple[int, int]:
    """Return the height and width of [B, C, H, W] resized to a longer side of ``side`` px."""
    height, width = pictures.shape[-2:]
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Resize [B, C, H, W] to a height and width in px, bilinearly; shrinking averages."""
    if maps.shape[-2:] == tuple(size):
        return maps
    return interpolate(maps, size=list(size), mode="bilinear", antialias=True)
