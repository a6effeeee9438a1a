"""Graph-based visual saliency, of pictures and of films.

Harel, Koch & Perona, NIPS 2006. Feature maps of three pyramid levels are brought to a lattice of
some 32x24 nodes; a random walk that prefers unlike and near nodes gives each node's activation, a
second one concentrates it (`random_walk`), and the results are added, each channel with the same
weight: colour (R - G and B - Y), intensity and orientation, and in films flicker and motion.

The paper is about pictures; flicker |I_t - I_(t-1)| and Reichardt detectors are those of Itti,
Dhavale & Pighin (SPIE 5200, 2003), as in the authors' code. Our choices, where both are silent:

- Motion is half-wave rectified, in four directions: right, left, down and up. Itti et al. use the
  absolute value, in which what moves against the crowd is like the crowd. The detectors distinguish
  it; in the sum of all channels, where each map weighs the same, it can still go unseen.
- For the paper's |log(M_i/M_j)| the maps are first scaled to 0..1 and raised by a floor, as
  opponent maps have negative values. The authors' code also offers |M_i - M_j|.
- A map with a range below 1/10,000 is empty and adds nothing.
- Colour, orientation and the pyramid are those of `colour`, `gabor` and `gaussian`.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from model.classical.gaussian import blurred, pyramid
from model.classical.paper.colour import intensity, opponents
from model.classical.paper.gabor import filters, orientations
from model.classical.random_walk import EMPTY, activation, closeness, concentration
from model.classical.resize import longer_size, resized, to_longer_side
from model.outputs import Maps

Dissimilarity = Literal["log", "difference"]
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
"""Motion that a detector responds to, in rows down and columns right: right, left, down, up."""


class GBVS(nn.Module):
    """Averages the concentrated activations of three channels, or of five."""

    gabor: Tensor

    def __init__(
        self,
        *,
        longer_side: int,
        levels: Sequence[int],
        nodes: int,
        dissimilarity: Dissimilarity,
        floor: float,
        sigma_activation: float,
        sigma_concentration: float,
        blur: float,
        dark: float,
        wavelength: float,
        sigma: float,
        motion: bool,
    ) -> None:
        """Set the numbers of the graphs and of the features.

        Args:
            longer_side: Pixels of the working resolution.
            levels: Pyramid levels that features are taken from; 0 is the working resolution.
            nodes: Number of nodes along the longer side of the lattice.
            dissimilarity: `log`, |log(M_i/M_j)|, or `difference`, |M_i - M_j|.
            floor: Value that `log` adds to maps scaled to 0..1.
            sigma_activation: Sigma of F in the first chain, as a share of the lattice's width.
            sigma_concentration: Sigma of F in the second chain, likewise.
            blur: Sigma of the final smoothing, as a share of the lattice's width.
            dark: Share of the maximum of I below which there is no hue.
            wavelength: Wavelength of the orientation filters, pixels of a level.
            sigma: Standard deviation of the orientation filters, pixels of a level.
            motion: Whether flicker and motion count, which need the frame before.

        Raises:
            ValueError: There is no such dissimilarity.
        """
        super().__init__()
        if dissimilarity not in ("log", "difference"):
            raise ValueError(f"dissimilarity: expected log or difference, got {dissimilarity!r}")
        self.longer_side, self.levels, self.nodes = longer_side, tuple(levels), nodes
        self.dissimilarity, self.floor = dissimilarity, floor
        self.sigma_activation, self.sigma_concentration = sigma_activation, sigma_concentration
        self.blur, self.dark, self.motion = blur, dark, motion
        self.earlier = 1 if motion else 0
        self.register_buffer("gabor", filters(wavelength, sigma), persistent=False)

    def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor | None = None) -> Maps:
        """Predict for frames [B, 3, H, W] in [0, 1]; ``earlier`` is [B, 1, 3, H, W], those before.

        Raises:
            ValueError: Motion counts and there is no earlier frame.
        """
        if self.motion and earlier is None:
            raise ValueError("flicker and motion need the frame before: pass earlier")
        before = earlier[:, -1] if self.motion and earlier is not None else None
        maps = [self.channel_map(channel) for channel in self.channels(frame, before)]
        saliency = torch.stack(maps).mean(dim=0)
        # A sigma of 1/1,000 node leaves the map as it is, where blur is 0.
        saliency = blurred(saliency, max(self.blur * saliency.shape[-1], 1e-3))
        return Maps(resized(saliency, frame.shape[-2:]))

    def channels(self, frame: Tensor, before: Tensor | None) -> list[Tensor]:
        """Return the feature maps on the lattice, [B, maps, h, w] per channel."""
        working = to_longer_side(frame, self.longer_side)
        light = self._levels(intensity(working))
        lines = [orientations(level, self.gabor) for level in light]
        features = [self._levels(opponents(working, self.dark)), light, lines]
        if before is not None:
            past = self._levels(intensity(to_longer_side(before, self.longer_side)))
            pairs = list(zip(light, past, strict=True))
            features.append([(now - then).abs() for now, then in pairs])
            features.append([moving(now, then) for now, then in pairs])
        lattice = longer_size(working, self.nodes)
        return [torch.cat([resized(level, lattice) for level in found], 1) for found in features]

    def channel_map(self, maps: Tensor) -> Tensor:
        """Average the concentrated activations of a channel's maps [B, maps, h, w]: [B, 1, h, w].

        The unit is that of a uniform distribution: 1 on average; empty maps are 0.
        """
        height, width = maps.shape[-2:]
        flat = maps.flatten(0, 1).flatten(1)
        if self.dissimilarity == "log":
            flat = self._logarithm(flat)
        near = [
            closeness(height, width, share * width).to(maps)
            for share in (self.sigma_activation, self.sigma_concentration)
        ]
        found = concentration(activation(flat, near[0]), near[1]) * (height * width)
        return found.reshape(maps.shape).mean(dim=1, keepdim=True)

    def _logarithm(self, flat: Tensor) -> Tensor:
        low, high = flat.amin(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)
        scaled = torch.where(high - low < EMPTY, 0, (flat - low) / (high - low).clamp(min=EMPTY))
        return (scaled + self.floor).log()

    def _levels(self, maps: Tensor) -> list[Tensor]:
        """Return the levels of a pyramid of [B, C, H, W] that features are taken from."""
        levels = pyramid(maps, max(self.levels) + 1)
        return [levels[level] for level in self.levels]


def moving(now: Tensor, then: Tensor) -> Tensor:
    """Return Reichardt detectors of `DIRECTIONS`, [B, 4, H, W], of two frames' light [B, 1, H, W].

    max(0, I_t(x) I_(t-1)(x - d) - I_(t-1)(x) I_t(x - d)): light that moved from x - d to x.
    """
    found = [now * shifted(then, way) - then * shifted(now, way) for way in DIRECTIONS]
    return torch.cat(found, dim=1).clamp(min=0)


def shifted(maps: Tensor, way: tuple[int, int]) -> Tensor:
    """Shift [B, C, H, W] by one pixel or none, rows down and columns right."""
    framed = pad(maps, (1, 1, 1, 1), mode="replicate")
    y, x = 1 - way[0], 1 - way[1]
    return framed[..., y : y + maps.shape[-2], x : x + maps.shape[-1]]
