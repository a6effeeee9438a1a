"""PQFT, phase spectrum of the quaternion Fourier transform, as two programs have it.

Guo, Ma and Zhang, CVPR 2008; Guo and Zhang, TIP 2010. A frame is an image of quaternions

    q(t) = M(t) + RG(t) i + BY(t) j + I(t) k,    M(t) = |I(t) - I(t - tau)|

and the inverse transform of the phases of its spectrum alone is large where something stands out
(`model.classical.paper.pqft` is the model of the papers' text).

- `guo`, the first author's PQFT.m: 64 rows; grey of M by luma; Y at least 0; the outermost pixels
  of the result are blanked and a disk of radius 3 smooths. Its header has tau = 2.
- `pqft_2`, PQFT_2.m by Cat Le (MATLAB File Exchange 36599), which Rudoy et al. (CVPR 2013) and
  thereby the tables of the predecessor ran: 64x64 pixels whatever the shape. Of the phase it keeps
  the angle alone, with the sign of its vector part along i + j + k, and transforms back an ordinary
  image of exp(i angle). The first pixel is the mean of three neighbours, a Gaussian of 8x8 pixels
  and sigma 3 smooths, and tau is 3.

Both transform along the axis (i + j + k)/sqrt(3), and smooth with zeros beyond the border. The maps
are those of the programs (docs/models.md). Which of the two GFSalNet's tables ran is not known.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from model.classical.matlab import Kernel, disk, gaussian, imfilter, imresize, mat2gray, rgb2gray
from model.classical.paper.colour import intensity, tuned
from model.classical.paper.pqft import FAINT, phases, quaternion_fft
from model.outputs import Maps

Program = Literal["guo", "pqft_2"]
DISK = 3
"""Radius of the disk in px of the working grid."""
WINDOW, SIGMA = 8, 3.0
"""Side and sigma of PQFT_2's Gaussian, px of the working grid."""
EMPTY = 1e-9
"""Range below which a map is empty: nothing stands out of a uniform frame."""


class PQFT(nn.Module):
    """Saliency from the phases of colour, intensity and change."""

    def __init__(self, *, motion: bool, program: Program, height: int, latency: int) -> None:
        """Choose the program.

        Args:
            motion: Whether M is a channel; without it a frame is seen by itself.
            program: `guo` or `pqft_2`.
            height: Height of the working grid, pixels; the width keeps the frame's aspect, or is
                the same with `pqft_2`. Both programs: 64.
            latency: tau in frames; Guo's program has 2, PQFT_2 and the papers 3.

        Raises:
            ValueError: There is no such program.
        """
        super().__init__()
        if program not in ("guo", "pqft_2"):
            raise ValueError(f"program: expected guo or pqft_2, got {program!r}")
        self.motion, self.height = motion, height
        self.program: Program = program
        self.latency = latency
        self.earlier = latency if motion else 0

    def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor | None = None) -> Maps:
        """Predict for frames [B, 3, H, W]; ``earlier`` is [B, tau, 3, H, W], those before, for M.

        Raises:
            ValueError: M is a channel and the frames before are missing.
        """
        before = None
        if self.motion:
            if earlier is None:
                raise ValueError(f"PQFT with motion needs the {self.latency} frames before each")
            before = earlier[:, -self.latency]
        kernel: Kernel = "cubic" if self.program == "guo" else "triangle"
        saliency = imresize(self.small_map(frame, before), frame.shape[-2:], kernel)
        return Maps(saliency.clamp(min=0))

    def small_map(self, frame: Tensor, before: Tensor | None) -> Tensor:
        """Return the map in 0..1 on the working grid, [B, 1, h, w], of frames [B, 3, H, W]."""
        if self.program == "guo":
            width = max(1, round(self.height * frame.shape[-1] / frame.shape[-2]))
            small = imresize(frame, (self.height, width))
            past = small if before is None else imresize(before, (self.height, width))
            return mat2gray(self._guo(small, past), EMPTY)
        size = (self.height, self.height)
        small = imresize(frame, size, "triangle")
        past = small if before is None else imresize(before, size, "triangle")
        return mat2gray(self._pqft_2(small, past), EMPTY)

    def _guo(self, frame: Tensor, before: Tensor) -> Tensor:
        red, green, blue, yellow = tuned(frame).chunk(4, dim=1)
        change = (rgb2gray(before) - rgb2gray(frame)).abs()
        parts = [change, red - green, blue - yellow.clamp(min=0), intensity(frame)]
        spectra = phases(*quaternion_fft(turned(torch.cat(parts, dim=1))))
        energy = torch.stack([torch.fft.ifft2(part).abs() ** 2 for part in spectra]).sum(dim=0)
        inside = torch.zeros_like(energy)
        inside[..., 1:-1, 1:-1] = energy[..., 1:-1, 1:-1]
        return imfilter(inside[:, None], disk(DISK).to(energy))

    def _pqft_2(self, frame: Tensor, before: Tensor) -> Tensor:
        red, green, blue, yellow = tuned(frame).chunk(4, dim=1)
        light = intensity(frame)
        parts = [(light - intensity(before)).abs(), red - green, blue - yellow, light]
        first, second = quaternion_fft(turned(torch.cat(parts, dim=1)))
        # First holds the scalar part and the vector's part along the axis, second what is across.
        across = (first.imag**2 + second.abs() ** 2).sqrt()
        norm = (first.abs() ** 2 + second.abs() ** 2).sqrt()
        angle = torch.atan2(first.imag.sign() * across, first.real)
        faint = norm <= FAINT * norm.amax(dim=(-2, -1), keepdim=True)
        angle = torch.where(faint, 0, angle)  # of zero, as the program has it
        energy = torch.fft.ifft2(torch.polar(torch.ones_like(angle), angle)).abs() ** 2
        energy[..., 0, 0] = (energy[..., 0, 1] + energy[..., 1, 0] + energy[..., 1, 1]) / 3
        return imfilter(energy[:, None], gaussian(WINDOW, SIGMA).to(energy))


def turned(image: Tensor) -> Tensor:
    """Turn the vector parts of quaternions [B, 4, H, W] so that i + j + k lies along i.

    A transform along the axis (i + j + k)/sqrt(3) is then one along i, and no norm changes.
    """
    along, across = math.sqrt(1 / 3), math.sqrt(1 / 2)
    turn = image.new_tensor(
        [
            [along, along, along],
            [across, -across, 0],
            [along * across, along * across, -2 * along * across],
        ]
    )
    vector = torch.einsum("ab,nbhw->nahw", turn, image[:, 1:])
    return torch.cat([image[:, :1], vector], dim=1)
