"""What stands out of a frame by colour and light, whatever it shows; nothing here is learnt.

The phase spectrum of Guo, Ma and Zhang (CVPR 2008) without its channel of motion: of two opponent
colours and intensity, each frequency is divided by its amplitude over all three, so that only the
phases are left; transformed back, squared, added and smoothed, they are large where something does
not repeat. The transforms are products with matrices of cosines and sines, which any runtime
computes: of real channels the energy is real, and no complex number is needed.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from model.classical.gaussian import blurred
from model.classical.paper.colour import intensity, tuned

CELL = 8
"""Side of the cells, in pixels, that a frame is seen in: those of the streams' finest features."""
SIGMA = 1 / 16
"""Of the smoothing, share of the height: 4 of the 64 rows of the paper, about as gaze spreads."""
FAINT = 1e-6
"""Amplitudes below this share of the largest are rounding errors: their phases mean nothing."""
FLOOR = 0.1
"""Of the mean: nothing in a frame is excluded for being plain."""


@torch.no_grad()
def conspicuity(frame: Tensor) -> Tensor:
    """Return the logarithm of how much each cell of a frame stands out, [B, 1, H/8, W/8].

    Of RGB frames [B, 3, H, W] in [0, 1], sides of multiples of 8 pixels. It is the energy over its
    mean, plus FLOOR; the same everywhere, up to the border's share, where a frame is uniform. In
    float32 whatever autocast says.
    """
    # Phases are ratios of small numbers, for which bfloat16 has too few digits.
    with torch.autocast(frame.device.type, enabled=False):
        seen = opponents(avg_pool2d(frame.float(), CELL))
        energy = blurred(phase_energy(seen), SIGMA * seen.shape[-2], border="zero")
        mean = energy.mean((-2, -1), keepdim=True)
        return torch.log(energy / mean.clamp_min(torch.finfo(mean.dtype).tiny) + FLOOR)


def opponents(frame: Tensor) -> Tensor:
    """Return RG, BY and I, [B, 3, H, W], of frames [B, 3, H, W]."""
    red, green, blue, yellow = tuned(frame).chunk(4, dim=1)
    return torch.cat([red - green, blue - yellow, intensity(frame)], dim=1)


def phase_energy(channels: Tensor) -> Tensor:
    """Return the energy [B, 1, H, W] of channels [B, C, H, W] of which only the phases are left.

    At each frequency a channel keeps its share of the amplitude over all channels.
    """
    (cos_y, sin_y), (cos_x, sin_x) = (waves(side, channels) for side in channels.shape[-2:])
    even, odd = cos_y @ channels, sin_y @ channels
    real = even @ cos_x - odd @ sin_x
    imaginary = -(even @ sin_x + odd @ cos_x)
    amplitude = (real.square() + imaginary.square()).sum(1, keepdim=True).sqrt()
    present = amplitude > FAINT * amplitude.amax((-2, -1), keepdim=True)
    tiny = torch.finfo(amplitude.dtype).tiny
    scale = present / amplitude.clamp_min(tiny)
    real, imaginary = real * scale, imaginary * scale
    # The real part of the inverse transform; the imaginary part of real channels is zero.
    even = real @ cos_x - imaginary @ sin_x
    odd = real @ sin_x + imaginary @ cos_x
    count = channels.shape[-2] * channels.shape[-1]
    return ((cos_y @ even - sin_y @ odd) / count).square().sum(1, keepdim=True)


def waves(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosine and the sine of 2 pi k x / side, [side, side] each."""
    steps = torch.arange(side, device=like.device)
    # Whole turns are taken out while the numbers are whole, so that no angle is rounded much.
    angle = (2 * math.pi / side) * (steps[:, None] * steps % side).to(like.dtype)
    return angle.cos(), angle.sin()
