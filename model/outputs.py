"""The maps that every saliency network returns."""

from typing import NamedTuple

from torch import Tensor


class Maps(NamedTuple):
    """The saliency map [B, 1, H, W] and, where the network has them, the maps it was made of."""

    saliency: Tensor
    """The prediction, >= 0, of arbitrary scale."""
    appearance: Tensor | None = None
    """S_A, the map of the appearance stream."""
    motion: Tensor | None = None
    """S_T, the map of the motion stream."""
    gate_appearance: Tensor | None = None
    """G_A = P, Eq. (1)."""
    gate_motion: Tensor | None = None
    """G_T = 1 - P, Eq. (1)."""
    attention_appearance: Tensor | None = None
    """Spatial attention of the appearance stream, [B, 1, H/32, W/32] (Sec. III-B)."""
    attention_motion: Tensor | None = None
    """Spatial attention of the motion stream, of the same size."""
