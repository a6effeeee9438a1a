"""A few steps of a training by a network's own loss, which every rival must be able to make."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from model.sight import see


def losses_of(network: Any, clip: Tensor, flow: Tensor | None, steps: int) -> list[float]:
    """Losses of steps of Adam on one spot that is looked at; the first reaches all parameters."""
    maps, _ = see(network.train(), clip, flow)
    density = torch.zeros(len(maps.saliency.flatten(0, 1)), 1, *clip.shape[-2:])
    fixated = torch.zeros_like(density)
    density[..., 10:20, 30:40], fixated[..., 15, 35] = 1, 1
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for step in range(steps):
        maps, _ = see(network, clip, flow)
        flat = type(maps)(*(part.flatten(0, 1) for part in maps))
        loss = network.authors_loss(flat, density, fixated)
        optimiser.zero_grad()
        loss.backward()
        if not step:
            assert all(parameter.grad is not None for parameter in network.parameters())
        optimiser.step()
        losses.append(loss.item())
    return losses
