"""Bilinear resizing as TensorFlow 1 has it, without the half pixel that all later programs have."""

import torch
from torch import Tensor


def legacy_resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps [B, C, H, W] of another size.

    Pixel i of n lies on i * H / n of the given ones; beyond the last one, that one goes on. Neither
    setting of torch's `align_corners` does this. It was `tf.image.resize_images` with
    `align_corners` false.
    """
    for dim, length in zip((2, 3), size, strict=True):
        given = maps.shape[dim]
        if given == length:
            continue
        # At exact ratios, no pixel lies between two.
        if given % length == 0:
            maps = maps[(slice(None),) * dim + (slice(None, None, given // length),)]
            continue
        place = torch.arange(length, device=maps.device) * given
        below = place // length
        share = ((place % length) / length).to(maps.dtype)
        share = share[:, None] if dim == 2 else share
        above = (below + 1).clamp_max(given - 1)
        maps = maps.index_select(dim, below).lerp(maps.index_select(dim, above), share)
    return maps
