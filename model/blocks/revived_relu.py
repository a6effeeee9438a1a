"""The ReLU that ends a stream (Fig. 2a), with a gradient that lets zeros grow again.

Where a ReLU returns 0 it has no gradient, so a pixel that is once 0 stays 0. This function has
ReLU's values, and its backward pass keeps gradients that ask a zero to grow. The loss has very
large gradients at zeros, because its logarithm is cut off far below the rest; they are limited to
the largest gradient among the positive pixels of the map.
"""

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
        # In a map without a positive pixel the limit is that of a mean over the map.
        limit = torch.where(alive.flatten(1).any(dim=1), loudest, 1 / pixels)
        limit = limit.view(-1, *(1,) * (gradient.dim() - 1))
        # Descent raises the value where the gradient is negative.
        asking = torch.maximum(gradient.clamp_max(0), -limit)
        return torch.where(alive, living, asking)


def revived_relu(values: Tensor) -> Tensor:
    """Return max(values, 0) of maps [B, 1, H, W]; zeros get gradients that let them grow only."""
    result: Tensor = _RevivedReLU.apply(values)  # type: ignore[no-untyped-call]
    return result
