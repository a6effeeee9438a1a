"""The ReLU that ends a stream (Fig. 2a), which a map that is zero can leave again.

A pixel at which a ReLU gives 0 has no gradient, so what died once stays dead: it predicts nothing
and is never told. Here the function is ReLU's, and the backward pass lets through what asks a zero
to grow. The loss cries out at zeros (its logarithm is cut off far below), so none is heard louder
than the loudest living pixel of its map.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _RevivedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values > 0)
        return values.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (alive,) = ctx.saved_tensors
        living = gradient * alive
        loudest = living.flatten(1).abs().amax(dim=1)
        pixels = gradient[0].numel()
        limit = torch.where(alive.flatten(1).any(dim=1), loudest, 1 / pixels)
        limit = limit.view(-1, *(1,) * (gradient.dim() - 1))
        # Descent raises the value where the gradient is negative.
        asking = torch.maximum(gradient.clamp_max(0), -limit)
        return torch.where(alive, living, asking)


def revived_relu(values: Tensor) -> Tensor:
    """Compute max(values, 0) of maps [B, 1, H, W]; zeros learn to grow, but not to shrink."""
    result: Tensor = _RevivedReLU.apply(values)  # type: ignore[no-untyped-call]
    return result
