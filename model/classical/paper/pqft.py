"""PQFT: phase spectrum of the quaternion Fourier transform.

Guo, Ma and Zhang, "Spatio-temporal saliency detection using phase spectrum of quaternion Fourier
transform", CVPR 2008; Guo and Zhang, TIP 2010. A frame is an image of quaternions

    q(t) = M(t) + RG(t) i + BY(t) j + I(t) k,    M(t) = |I(t) - I(t - tau)|,  tau = 3

with the broadly tuned opponent colours of Itti et al. Repetition shows in the amplitudes of its
spectrum, what stands out in the phases: the inverse transform of the phases alone is large there.

From the papers: the channels, tau, the transform, the squared norm and the final Gaussian. The
authors' demonstration works on 64 rows and keeps the aspect, as `height` does. It also differs from
the papers, which are followed here: it smooths by a disk of radius 3, blanks the frame's border,
uses a weighted grey for M and a latency of two frames. CVPR 2008 names a Gaussian of sigma 8 but
not its grid; `sigma` is our choice. The hierarchy of scales (HS) of the second paper, which needs
an attended object to start from, is left out.
"""

import torch
from torch import Tensor, nn

from model.classical.gaussian import blurred
from model.classical.paper.colour import intensity, tuned
from model.classical.resize import resized
from model.outputs import Maps

LATENCY = 3
"""tau, in frames."""
FAINT = 1e-6
"""Amplitudes below this share of the largest are rounding errors: their phases mean nothing."""


class PQFT(nn.Module):
    """Saliency from the phases of colour, intensity and change.

    Args:
        motion: Whether M is a channel; without it a frame is seen by itself.
        height: Height of the working grid, pixels; the width keeps the frame's aspect.
        sigma: Standard deviation of the final Gaussian, pixels of the working grid.
    """

    def __init__(self, *, motion: bool, height: int, sigma: float) -> None:
        super().__init__()
        self.motion = motion
        self.height = height
        self.sigma = sigma
        self.earlier = LATENCY if motion else 0

    def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor | None = None) -> Maps:
        """Predict for frames [B, 3, H, W]; ``earlier`` is [B, 3, 3, H, W], those before, for M.

        Raises:
            ValueError: M is a channel and the frames before are missing.
        """
        size = frame.shape[-2:]
        small = (self.height, max(1, round(self.height * size[1] / size[0])))
        current = resized(frame, small)
        before = current
        if self.motion:
            if earlier is None:
                raise ValueError(f"PQFT with motion needs the {LATENCY} frames before each frame")
            before = resized(earlier[:, -LATENCY], small)
        energy = phase_energy(quaternion_image(current, before))
        return Maps(resized(blurred(energy, self.sigma), size).clamp(min=0))


def quaternion_image(frame: Tensor, before: Tensor) -> Tensor:
    """Return M, RG, BY and I, [B, 4, H, W], of frames [B, 3, H, W] and those tau before."""
    red, green, blue, yellow = tuned(frame).chunk(4, dim=1)
    light = intensity(frame)
    change = (light - intensity(before)).abs()
    return torch.cat([change, red - green, blue - yellow, light], dim=1)


def quaternion_fft(image: Tensor) -> tuple[Tensor, Tensor]:
    """Transform quaternions [B, 4, H, W], the kernel exp(-i ...) on their left.

    In symplectic form q = f1 + f2 j with complex f1, f2, the transform is F1 + F2 j of their
    ordinary transforms [B, H, W], which are returned.
    """
    one, i, j, k = image.unbind(dim=1)
    return torch.fft.fft2(torch.complex(one, i)), torch.fft.fft2(torch.complex(j, k))


def phases(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return a spectrum F1 + F2 j of quaternions divided by its norm, [B, H, W] each."""
    norm = (first.abs() ** 2 + second.abs() ** 2).sqrt()
    present = norm > FAINT * norm.amax(dim=(-2, -1), keepdim=True)
    scale = torch.where(present, 1 / norm.clamp(min=torch.finfo(norm.dtype).tiny), 0.0)
    return first * scale, second * scale


def phase_energy(image: Tensor) -> Tensor:
    """Return the squared norm [B, 1, H, W] of quaternions [B, 4, H, W] made from phases alone."""
    parts = (torch.fft.ifft2(spectrum) for spectrum in phases(*quaternion_fft(image)))
    return torch.stack([part.abs() ** 2 for part in parts]).sum(dim=0)[:, None]
