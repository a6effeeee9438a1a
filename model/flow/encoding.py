"""Pictures of optical flow, the input of the motion stream (Sec. III, Fig. 2a; IV-B).

The paper says "optical flow images" and shows Middlebury's colours. It does not state their scale,
so that is an argument: the flow, in pixels per frame, that saturates the picture. Flow is
[B, 2, H, W], pixels per frame, right and down; pictures are RGB [B, 3, H, W] in [0, 1].
"""

import math
from functools import cache
from typing import Literal

import torch
from torch import Tensor

FlowEncoding = Literal["colorwheel", "uvm"]

SEGMENTS = (
    ((255, 0, 0), (255, 255, 0), 15),
    ((255, 255, 0), (0, 255, 0), 6),
    ((0, 255, 0), (0, 255, 255), 4),
    ((0, 255, 255), (0, 0, 255), 11),
    ((0, 0, 255), (255, 0, 255), 13),
    ((255, 0, 255), (255, 0, 0), 6),
)
"""Segments of the colour wheel: RGB of the first hue and of the next segment's, number of steps,
which follows how many hues the eye tells apart (Baker et al.)."""


@cache
def wheel() -> tuple[tuple[float, ...], ...]:
    """Return the 55 hues of the colour wheel, RGB in [0, 1].

    Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011.
    """
    return tuple(
        tuple(step(a, b, i, steps) / 255 for a, b in zip(start, end, strict=True))
        for start, end, steps in SEGMENTS
        for i in range(steps)
    )


def step(start: int, end: int, index: int, steps: int) -> int:
    """Return a channel's value at step ``index``; the distance is rounded down, as published."""
    distance = abs(end - start) * index // steps
    return start + distance if end > start else start - distance


def colorwheel(flow: Tensor, *, scale: float) -> Tensor:
    """Return flow in Middlebury's colours: hue is direction, saturation is speed, white is still.

    The scale is the speed of full saturation; faster pixels are darkened, as published.
    """
    u, v = (flow / scale).unbind(dim=1)
    speed = torch.hypot(u, v)[..., None]
    hues = torch.tensor(wheel(), dtype=flow.dtype, device=flow.device)
    position = (torch.atan2(-v, -u) / math.pi + 1) / 2 * (len(hues) - 1)
    below = position.floor().clamp(0, len(hues) - 1)
    share = (position - below)[..., None]
    index = below.long()
    hue = (1 - share) * hues[index] + share * hues[(index + 1) % len(hues)]
    # 0.75 darkens what is beyond the scale, as in the published code.
    colour = torch.where(speed <= 1, 1 - speed * (1 - hue), 0.75 * hue)
    return colour.permute(0, 3, 1, 2)


def uvm(flow: Tensor, *, scale: float) -> Tensor:
    """Return horizontal flow, vertical flow and magnitude, as the predecessor does (its Sec. 3).

    Beyond the scale values are clipped; no motion is (0.5, 0.5, 0).
    """
    relative = flow / scale
    magnitude = torch.hypot(relative[:, 0], relative[:, 1])[:, None]
    return torch.cat([(relative + 1) / 2, magnitude], dim=1).clamp(0, 1)


ENCODINGS = {"colorwheel": colorwheel, "uvm": uvm}
