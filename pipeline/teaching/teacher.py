"""What a teacher's network finds in a film: the mean of the film and of its mirror image.

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
        clips = torch.cat([clip, clip.flip(-1)])
        flows = None if flow is None else torch.cat([flow, _mirrored(flow)])
        maps, state = see(self.network, clips, flows, state)
        sums = maps.saliency.sum((-2, -1), keepdim=True).clamp(min=_TINY)
        film, mirror = (maps.saliency / sums).chunk(2)
        mean = (film + mirror.flip(-1)) / 2
        return (mean, state) if self.sight.carries else mean


def _mirrored(flow: Tensor) -> Tensor:
    """Flow [..., 2, y, x] of the mirrored frames: what moved right moves left."""
    return flow.flip(-1) * flow.new_tensor([-1.0, 1.0])[:, None, None]


class Teacher(Model):
    """A model whose maps are densities that sum to 1, the mean of a film and its mirror image."""

    def __init__(self, model: Model) -> None:
        """Take over a model."""
        vars(self).update(vars(model))

    def sized(self, size: tuple[int, int], rate: float, still: bool) -> Fitted:
        """Return the network as frames of this height and width are given to it; see `Model.at`."""
        fitted = super().sized(size, rate, still)
        return Fitted(_Both(fitted.network, fitted.sight), fitted.sight, fitted.size)


def mirrored_mean(model: Model, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean density, of sum 1, that a model finds in a picture [y, x, 3] and its mirror.

    Raises:
        InputError: The model refuses the picture.
    """
    found = [model.predict(picture), model.predict(picture[:, ::-1])[..., ::-1]]
    shares = [one.squeeze() / max(float(one.sum()), _TINY) for one in found]
    return np.asarray(sum(shares) / 2, np.float32)


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
