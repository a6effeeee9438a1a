"""What stands out of a frame by colour and light, whatever it shows; nothing here is learnt.

The phase spectrum of Guo, Ma and Zhang (CVPR 2008), without its channel of motion. Two opponent
colours and intensity are transformed, and each frequency is divided by its amplitude over all
three, so that only the phases are left. Transformed back, squared, added and smoothed, they are
large where something does not repeat.

PQFT itself (model/classical) transforms quaternions. Here each channel is transformed by itself, as
a product with matrices of cosines and sines, because ONNX has no complex numbers.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from model.classical.gaussian import blurred
from model.classical.paper.pqft import FAINT, quaternion_image

CELL = 8
"""Side of the cells, in pixels, that a frame is seen in: those of the streams' finest features."""
SIGMA = 1 / 16
"""Of the smoothing, share of the height: 4 of the 64 rows of the paper, about as gaze spreads."""
FLOOR = 0.1
"""Of the mean: nothing in a frame is excluded for being plain."""


def conspicuity(frame: Tensor) -> Tensor:
    """Return the logarithm of how much each cell of a frame stands out, [B, 1, H/8, W/8].

    Frames are RGB [B, 3, H, W] in [0, 1], and their sides multiples of 8 pixels. What is returned
    is log(energy / mean energy + FLOOR), in float32 whatever autocast says. Of a uniform frame it
    is the same everywhere but near the border.
    """
    # Phases are ratios of small numbers, for which bfloat16 has too few digits.
    with torch.autocast(frame.device.type, enabled=False):
        cells = avg_pool2d(frame.float(), CELL)
        seen = quaternion_image(cells, cells)[:, 1:]  # without motion: RG, BY and I
        energy = blurred(phase_energy(seen), SIGMA * seen.shape[-2], border="zero")
        mean = energy.mean((-2, -1), keepdim=True)
        return torch.log(energy / mean.clamp_min(torch.finfo(mean.dtype).tiny) + FLOOR)


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
