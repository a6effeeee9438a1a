"""What a teacher's network finds in a film or picture: the mean of it and of its mirror image.

People look no more often to the left than to the right, and what a network has learnt of a side by
chance is halved so. A picture is seen at two sizes as well: faces that are small at one are large
at the other.
"""

from collections.abc import Generator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.backbones import STRIDE
from model.rivals.parts.view import resized
from model.sight import State, see
from pipeline.viewing.media.film import Film
from pipeline.viewing.network.fitting import PACE, Fitted
from pipeline.viewing.network.model import Model
from pipeline.viewing.watch import watch

LARGER = 4 / 3
"""Factor of the second size at which a teacher sees a picture: UNISAL's NSS on the 100 photographs
is 1.580 at 384x288, and 1.596 with 512x384 beside it (docs/light.md)."""
_TINY = 1e-30
"""In place of the sum of a map that is zero everywhere."""


class _Mean(nn.Module):
    """The mean of the densities of a film and its mirror image, at each size of a network."""

    def __init__(self, seen: Sequence[Fitted]) -> None:
        super().__init__()
        self.seen, self.sight = seen, seen[0].sight

    def forward(self, clip: Tensor, flow: Tensor | None, state: State | None) -> Any:
        found = [self._at(fitted, clip, flow, state) for fitted in self.seen]
        mean = torch.stack([density for density, _ in found]).mean(0)
        return (mean, found[0][1]) if self.sight.carries else mean

    def _at(
        self, fitted: Fitted, clip: Tensor, flow: Tensor | None, state: State | None
    ) -> tuple[Tensor, State | None]:
        """Density on the grid of the clip, and state, of the network that sees frames of a size."""
        grid, size = (clip.shape[-2], clip.shape[-1]), fitted.size
        frames = resized(clip.flatten(0, 1), size, "area").view(*clip.shape[:3], *size)
        # Without an estimator, flow is zeros, and so are its mirror image and that of another size.
        flows = None if flow is None else flow.new_zeros(2 * len(flow), *flow.shape[1:-2], *size)
        maps, state = see(fitted.network, torch.cat([frames, frames.flip(-1)]), flows, state)
        levels = resized(maps.saliency.flatten(0, 1), grid, "bilinear")
        levels = levels.view(*maps.saliency.shape[:-2], *grid)
        density = levels / levels.sum((-2, -1), keepdim=True).clamp(min=_TINY)
        film, mirror = density.chunk(2)
        return (film + mirror.flip(-1)) / 2, state


class Teacher(Model):
    """A model whose maps are the mean of the densities of a film, or picture, and its mirror image.

    It sees a picture at two sizes, and no flow.
    """

    def __init__(self, model: Model) -> None:
        """Take over a model."""
        vars(self).update(vars(model))

    def sized(self, size: tuple[int, int], rate: float, still: bool) -> Fitted:
        """Return the network as frames of this height and width are given to it; see `Model.at`."""
        sizes = [_larger(size, LARGER), size] if still else [size]
        seen = [super(Teacher, self).sized(one, rate, still) for one in sizes]
        return Fitted(_Mean(seen), seen[0].sight, seen[0].size)


def _larger(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Height and width of larger frames, multiples of what trunks shrink them by."""
    height, width = (STRIDE * max(1, round(side * factor / STRIDE)) for side in size)
    return height, width


def densities(film: Film, teacher: Teacher) -> Generator[tuple[int, NDArray[np.float32]]]:
    """Yield of each frame of a film its shot, from 0, and its density [y, x] on any grid.

    The teacher looks `PACE` times a second, as it learnt to; between two looks a density is mixed
    of theirs.

    Raises:
        InputError: No frame can be decoded, or a map of the network is not finite.
    """
    every = max(1, round(film.timing.mean_rate / PACE)) if film.kind == "film" else 1
    for piece, _ in watch(film, teacher, every=every):
        yield from zip(repeat(piece.shot), piece.maps)
