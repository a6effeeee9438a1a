"""Graph-based visual saliency (Harel, Koch & Perona, NIPS 2006), as its first author's program.

Feature maps of three levels (`harel`) are brought to a lattice of some 32x24 nodes. A random walk
that prefers unlike and near nodes gives each node's activation (`random_walk`); its power of 1.5
concentrates it, and all maps are added, so that a channel with more maps weighs more.

The program differs from the paper, which `model.classical.paper.gbvs` follows: unlike is
|M_i - M_j|, not |log(M_i/M_j)|; a second walk concentrates only where ``concentration`` is `graph`;
colour, and in films flicker and motion, are the program's own. It also iterates its walks until
they hardly change, while here they are solved exactly: maps with `power` agree with the program's
at a CC of 0.9996 or more, with `graph` at 0.993 or more (docs/models.md).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from model.classical import harel
from model.classical.gaussian import blurred
from model.classical.matlab import imresize, mat2gray
from model.classical.random_walk import activation, closeness, concentration
from model.classical.resize import longer_size
from model.outputs import Maps

Concentration = Literal["power", "graph"]
POWER = 1.5
"""Exponent of `power`."""
BORDER = 4
"""Nodes at the border of the lattice in which the sum fades."""
EMPTY = 2e-6
"""Range below which a map is uniform, all nodes alike: rounding errors of float32 leave less."""


class GBVS(nn.Module):
    """Adds the concentrated activations of channels named by letters."""

    gabor: Tensor

    def __init__(
        self,
        *,
        channels: str,
        longer_side: int | None,
        levels: Sequence[int],
        nodes: int,
        concentration: Concentration,
        sigma_activation: float,
        sigma_concentration: float,
        blur: float,
    ) -> None:
        """Set the channels and the numbers of the graphs.

        Args:
            channels: Letters of `harel.CHANNELS`; the program's are DIO, in films DIOFM or others.
            longer_side: Pixels of the working resolution; None: the frame's own, as the program.
            levels: Levels that features are taken from; 0 is the working resolution.
            nodes: Number of nodes along the longer side of the lattice.
            concentration: `power` of the activation, or `graph`, the paper's second walk.
            sigma_activation: Sigma of F in the first walk, as a share of the lattice's mean side.
            sigma_concentration: Sigma of F in the second walk, likewise.
            blur: Sigma of the final smoothing, as a share of the lattice's longer side.

        Raises:
            ValueError: There is no such channel or concentration.
        """
        super().__init__()
        if not channels or set(channels) - set(harel.CHANNELS):
            raise ValueError(f"channels: expected letters of {harel.CHANNELS}, got {channels!r}")
        if concentration not in ("power", "graph"):
            raise ValueError(f"concentration: expected power or graph, got {concentration!r}")
        self.letters, self.longer_side = channels, longer_side
        self.levels, self.nodes = tuple(levels), nodes
        self.concentration: Concentration = concentration
        self.sigma_activation, self.sigma_concentration = sigma_activation, sigma_concentration
        self.blur = blur
        self.earlier = 1 if set(channels) & set("FM") else 0
        self.register_buffer("gabor", harel.gabors(), persistent=False)

    def forward(self, frame: Tensor, flow: Tensor | None, earlier: Tensor | None = None) -> Maps:
        """Predict for frames [B, 3, H, W] in [0, 1]; ``earlier`` is [B, 1, 3, H, W], those before.

        Without ``earlier``, flicker and motion are those of a film's first frame.
        """
        before = None if earlier is None else self._working(earlier[:, -1])
        saliency = self.on_lattice(self._working(frame), before)
        return Maps(mat2gray(imresize(saliency, frame.shape[-2:])))

    def on_lattice(self, frame: Tensor, before: Tensor | None) -> Tensor:
        """Return the map in 0..1 on the lattice, [B, 1, h, w], of frames of the working size."""
        maps = self.features(frame, before)
        height, width = maps.shape[-2:]
        flat = self.concentrated(self.activated(maps.flatten(0, 1)))
        total = flat.reshape(*maps.shape[:2], height, width).sum(dim=1, keepdim=True)
        total = mat2gray(harel.faded(total, BORDER))
        if self.blur:
            sigma = self.blur * max(height, width)
            total = mat2gray(blurred(total, sigma, radius=round(2 * sigma)))
        return total

    def features(self, frame: Tensor, before: Tensor | None) -> Tensor:
        """Return the feature maps of all channels and levels on the lattice, [B, maps, h, w]."""
        lattice = longer_size(frame, self.nodes)
        found = harel.features(self.letters, frame, before, levels=self.levels, filters=self.gabor)
        maps = [level for channel in found.values() for level in channel.values()]
        return torch.cat([imresize(level, lattice) for level in maps], dim=1)

    def activated(self, maps: Tensor) -> Tensor:
        """Return the activation of maps [M, h, w], each summing to 1, [M, h, w]."""
        height, width = maps.shape[-2:]
        near = closeness(height, width, self.sigma_activation * (height + width) / 2).to(maps)
        flat = maps.flatten(1)
        low = flat.amin(dim=1, keepdim=True)
        span = flat.amax(dim=1, keepdim=True) - low
        even = 1 / (height * width)
        # To 0..1, which changes no walk: `activation` takes faint maps for empty.
        found = activation((flat - low) / span.clamp(min=EMPTY), near)
        return torch.where(span < EMPTY, even, found).reshape(maps.shape)

    def concentrated(self, active: Tensor) -> Tensor:
        """Return activation [M, h, w] concentrated where it is high, [M, h, w]."""
        if self.concentration == "power":
            return active**POWER
        height, width = active.shape[-2:]
        near = closeness(height, width, self.sigma_concentration * (height + width) / 2)
        scaled = mat2gray(active[:, None])[:, 0].flatten(1)
        found = concentration(scaled, near.to(active))
        uniform = scaled.amax(dim=1, keepdim=True) == 0
        return torch.where(uniform, 1 / (height * width), found).reshape(active.shape)

    def _working(self, frame: Tensor) -> Tensor:
        if self.longer_side is None:
            return frame
        return imresize(frame, longer_size(frame, self.longer_side))
