"""Saliency detection by the spectral residual.

Hou & Zhang, CVPR 2007: a picture's log spectrum minus its local mean is what is unexpected; with
the picture's own phase, the inverse transform shows where.

Our choices, where the paper is silent: the 3x3 mean wraps around the spectrum, which is periodic; a
floor below the amplitude keeps the logarithm finite and lets absent frequencies stay absent; a
frame with a range of grey below 1/10,000 is uniform, and its map zero. The paper's text smooths
with a sigma of 8, the authors' code with one of 2.5 pixels at the working size and zeros beyond the
border: both are arguments. In the spectrum opposite sides of a frame are neighbours, so borders
seem unexpected, and on photographs these zeros account for much of the score (NSS 0.82 instead of
0.56 on 100 images in SALICON's layout).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from model.classical.gaussian import Border, blurred
from model.classical.paper.colour import intensity
from model.classical.resize import resized, to_longer_side
from model.outputs import Maps

EVEN = 1e-4
"""Range of grey in 0..1 below which a frame is uniform."""
FLOOR = 1e-6
"""Amplitude per pixel that counts as none; rounding errors of float32 are smaller."""


class SpectralResidual(nn.Module):
    """Returns the squared inverse transform of the spectral residual, smoothed."""

    def __init__(self, *, longer_side: int, sigma: float, border: Border) -> None:
        """Set the working size and the smoothing.

        Args:
            longer_side: Pixels of the working resolution; the paper's is 64.
            sigma: Standard deviation of the smoothing, pixels of the working resolution.
            border: Padding for the smoothing, `zero` or `replicate`.

        Raises:
            ValueError: There is no such border.
        """
        super().__init__()
        if border not in ("zero", "replicate"):
            raise ValueError(f"border: expected zero or replicate, got {border!r}")
        self.longer_side, self.sigma = longer_side, sigma
        self.border: Border = border

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict the saliency of frames [B, 3, H, W] in [0, 1]."""
        light = intensity(to_longer_side(frame, self.longer_side))
        saliency = blurred(residual_energy(light), self.sigma, self.border)
        span = light.amax(dim=(2, 3), keepdim=True) - light.amin(dim=(2, 3), keepdim=True)
        saliency = torch.where(span < EVEN, 0, saliency)
        return Maps(resized(saliency, frame.shape[-2:]))


def residual_energy(light: Tensor) -> Tensor:
    """Return S before smoothing (the paper's Sec. 2), of grey pictures [B, 1, H, W]."""
    spectrum = torch.fft.fft2(light)
    amplitude = spectrum.abs() + FLOOR * light.shape[-1] * light.shape[-2]
    log = amplitude.log()
    residual = log - avg_pool2d(pad(log, (1, 1, 1, 1), mode="circular"), 3, stride=1)
    unexpected: Tensor = torch.fft.ifft2(residual.exp() * spectrum / amplitude)
    return unexpected.abs() ** 2
