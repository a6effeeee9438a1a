"""Where people look before they see: Gaussians on the picture, their shapes learnt (UNISAL)."""

import torch
from torch import Tensor

HEIGHT = 6.0
"""Peak of a prior, ReLU6's largest value."""
THIRDS = (0.25, 0.5, 0.75)


def start() -> Tensor:
    """Return the priors before training [16, (y, x), (centre, log of the deviation)].

    They are nine spots, three rows, three columns and a disc (the authors' program).
    """
    spots = [(y, x) for y in THIRDS for x in THIRDS]
    rows, columns = [(0.5, x) for x in THIRDS], [(y, 0.5) for y in THIRDS]
    centres = torch.tensor([*spots, *rows, *columns, (0.5, 0.5)])
    spreads = [(-1.5, -1.5)] * 9 + [(0.0, -1.5)] * 3 + [(-1.5, 0.0)] * 3 + [(0.0, 0.0)]
    return torch.stack([centres, torch.tensor(spreads)], dim=2)


def gaussians(shapes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps [1, N, *size] of priors [N, (y, x), (centre, log of the deviation)].

    The picture spans 0 to 1 on both axes, from the centre of the first pixel to that of the last.
    """
    rows, columns = (
        torch.exp(-0.5 * ((torch.linspace(0, 1, side, device=shapes.device) - mu) / std) ** 2)
        for side, mu, std in zip(
            size,
            shapes[..., :1].unbind(1),
            shapes[..., 1:].exp().unbind(1),
            strict=True,
        )
    )
    return HEIGHT * (rows[:, :, None] * columns[:, None, :])[None]
