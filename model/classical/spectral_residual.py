"""The spectral residual (Hou & Zhang, CVPR 2007), as its authors' lines of MATLAB.

A picture's log spectrum minus its local mean is what is unexpected; with the picture's own phase,
the inverse transform shows where (`model.classical.paper.spectral_residual` is our reading of the
paper's text). The lines shrink a frame's grey levels to 64 columns, repeat the border of the
spectrum for its mean, and smooth by a Gaussian of 10x10 pixels and sigma 2.5, where the text has a
sigma of 8, with zeros beyond the border. In the spectrum opposite sides of a frame are neighbours,
so borders seem unexpected; on photographs the zeros account for much of the score.

Ours are a floor below the amplitude, which keeps the logarithm finite, and that a frame with a
range of grey below 1/10,000 is uniform, and its map zero.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from model.classical.matlab import gaussian, imfilter, imresize, imresize_by, mat2gray, rgb2gray
from model.classical.paper.spectral_residual import EVEN, FLOOR
from model.outputs import Maps

WINDOW = 10
"""Side of the Gaussian in px of the working size."""


class SpectralResidual(nn.Module):
    """Returns the squared inverse transform of the spectral residual, smoothed."""

    def __init__(self, *, width: int, sigma: float) -> None:
        """Set the working size and the smoothing.

        Args:
            width: Columns of the working size, whose rows keep the aspect; the authors': 64.
            sigma: Sigma of the smoothing, pixels of the working size; the authors': 2.5.
        """
        super().__init__()
        self.width, self.sigma = width, sigma
        # Whoever has larger frames than it needs may shrink them to a multiple of this.
        self.longer_side = width

    def forward(self, frame: Tensor, flow: Tensor | None) -> Maps:
        """Predict the saliency of frames [B, 3, H, W] in [0, 1]."""
        return Maps(imresize(self.small_map(frame), frame.shape[-2:]).clamp(min=0))

    def small_map(self, frame: Tensor) -> Tensor:
        """Return the map in 0..1 at the working size, [B, 1, h, w], of frames [B, 3, H, W]."""
        light = self.working_light(frame)
        span = light.amax(dim=(2, 3), keepdim=True) - light.amin(dim=(2, 3), keepdim=True)
        taps = gaussian(WINDOW, self.sigma).to(light)
        return torch.where(span < EVEN, 0, mat2gray(imfilter(residual_energy(light), taps)))

    def working_light(self, frame: Tensor) -> Tensor:
        """Return the grey levels of frames, in steps of 1/255, at the working size."""
        height, width = frame.shape[-2:]
        scale = self.width / width
        # A thousandth keeps rounding errors of the quotient from adding a row.
        size = (max(1, math.ceil(scale * height - 1e-3)), self.width)
        light = (rgb2gray(frame) * 255).round() / 255
        return imresize_by(light, size, (scale, scale))


def residual_energy(light: Tensor) -> Tensor:
    """Return S before smoothing (the paper's Sec. 2), of grey pictures [B, 1, H, W]."""
    spectrum = torch.fft.fft2(light)
    amplitude = spectrum.abs() + FLOOR * light.shape[-1] * light.shape[-2]
    log = amplitude.log()
    residual = log - avg_pool2d(pad(log, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    unexpected: Tensor = torch.fft.ifft2(residual.exp() * spectrum / amplitude)
    return unexpected.abs() ** 2
