"""What a teacher's network finds in a film or picture: the mean of it and of its mirror image.

People look no more often to the left than to the right, and what a network has learnt of a side by
chance is halved so.
"""

from collections.abc import Generator
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.sight import Sight, State, see
from pipeline.viewing.media.film import Film
from pipeline.viewing.network.fitting import PACE, Fitted
from pipeline.viewing.network.model import Model
from pipeline.viewing.watch import watch

_TINY = 1e-30
"""In place of the sum of a map that is zero everywhere."""


class _Both(nn.Module):
    """A network that sees a film and its mirror image, and the mean of both densities."""

    def __init__(self, network: Any, sight: Sight) -> None:
        super().__init__()
        self.network, self.sight = network, sight

    def forward(self, clip: Tensor, flow: Tensor | None, state: State | None) -> Any:
        # Without an estimator, flow is zeros, and so is its mirror image.
        flows = None if flow is None else torch.cat([flow, flow])
        maps, state = see(self.network, torch.cat([clip, clip.flip(-1)]), flows, state)
        sums = maps.saliency.sum((-2, -1), keepdim=True).clamp(min=_TINY)
        film, mirror = (maps.saliency / sums).chunk(2)
        mean = (film + mirror.flip(-1)) / 2
        return (mean, state) if self.sight.carries else mean


class Teacher(Model):
    """A model whose maps are the mean of the densities of a film, or picture, and its mirror image.

    It sees no flow.
    """

    def __init__(self, model: Model) -> None:
        """Take over a model."""
        vars(self).update(vars(model))

    def sized(self, size: tuple[int, int], rate: float, still: bool) -> Fitted:
        """Return the network as frames of this height and width are given to it; see `Model.at`."""
        fitted = super().sized(size, rate, still)
        return Fitted(_Both(fitted.network, fitted.sight), fitted.sight, fitted.size)


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
