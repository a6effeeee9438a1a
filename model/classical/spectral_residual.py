"""Saliency detection: a spectral residual approach.

Hou & Zhang, CVPR 2007: what is left of a picture's log spectrum without its local mean is what is
unexpected; with the picture's own phase it leads back to the unexpected places.

Ours, because the paper is silent: the 3x3 mean goes around the spectrum, which is periodic; a floor
below the amplitude keeps the logarithm finite and lets frequencies that are not there be absent; a
frame with a range of grey below 1/10,000 is even, and its map zero. The paper's text smooths with a
sigma of 8, the authors' code with one of 2.5 pixels at the working size, zeros beyond the border:
both are arguments. The spectrum takes opposite sides of a frame for neighbours, so borders seem
unexpected, and on photographs these zeros make much of the score (NSS 0.82 instead of 0.56 on 100
images in SALICON's layout).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from model.classical.colour import intensity
from model.classical.gaussian import Border, blurred
from model.classical.resize import resized, to_longer_side
from model.outputs import Maps

EVEN = 1e-4
"""Range of grey below which there is nothing in a frame."""
FLOOR = 1e-6
"""Amplitude per pixel that counts as none: rounding errors of float32 have less."""


class SpectralResidual(nn.Module):
    """The squared inverse transform of the spectral residual, smoothed."""

    earlier: int = 0
    sees_motion: bool = False

    def __init__(self, *, longer_side: int, sigma: float, border: Border) -> None:
        """Take the working size and the smoothing.

        Args:
            longer_side: Pixels of the working resolution; the paper's is 64.
            sigma: Pixels of the working resolution.
            border: What the smoothing finds beyond the border, `zero` or `replicate`.

        Raises:
            ValueError: There is no such border.
        """
        super().__init__()
        if border not in ("zero", "replicate"):
            raise ValueError(f"border {border!r}: zero or replicate")
        self.longer_side, self.sigma = longer_side, sigma
        self.border: Border = border

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Map frames [B, 3, H, W] in [0, 1]."""
        light = intensity(to_longer_side(frame, self.longer_side))
        saliency = blurred(residual_energy(light), self.sigma, self.border)
        span = light.amax(dim=(2, 3), keepdim=True) - light.amin(dim=(2, 3), keepdim=True)
        saliency = torch.where(span < EVEN, 0, saliency)
        return Maps(resized(saliency, (frame.shape[2], frame.shape[3])))


def residual_energy(light: Tensor) -> Tensor:
    """S before it is smoothed (the paper's Sec. 2), of grey pictures [B, 1, H, W]."""
    spectrum = torch.fft.fft2(light)
    amplitude = spectrum.abs() + FLOOR * light.shape[-1] * light.shape[-2]
    log = amplitude.log()
    residual = log - avg_pool2d(pad(log, (1, 1, 1, 1), mode="circular"), 3, stride=1)
    unexpected: Tensor = torch.fft.ifft2(residual.exp() * spectrum / amplitude)
    return unexpected.abs() ** 2
