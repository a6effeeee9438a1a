"""A network fitted to a film: the size of the frames that it is given, the pace of its state."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from model.backbones import STRIDE
from model.light import GFSalNetLight
from model.rivals.parts.view import View
from model.sight import Sight, State, sight_of
from pipeline.config.data import Flow
from pipeline.stores.kinds import QUARTER

PACE = 6.0
"""Frames per second at which a state that leaves out frames goes on (UNISAL, Sec. 4.1)."""
FILMS, STILLS = "dhf1k", "salicon"
"""Datasets in whose domains a network with domains works."""
_AREA_WEIGHT = 0.5
"""What a deviation of the area counts for, beside one of the aspect."""
_AT_ONCE = 1 << 18
"""Pixels that a light network is given at once, about: of more, its features leave the caches."""
_SHRUNK = 4
"""Times the working size of a network that shrinks its frames, at most, are they given at."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network as a film of one size and rate is given to it."""

    network: Any
    """Called by `model.sight.see`; in evaluation mode, in the domain of films or of pictures."""
    sight: Sight
    """What it sees of the frames that it is given."""
    size: tuple[int, int]
    """Height and width of these frames, multiples of 4 pixels."""
    flow: Flow | None = None
    """How the optical flow that it looks at is estimated; None: it looks at none."""


class _Paced(nn.Module):
    """A network that sees time, with another step between the frames that share a state."""

    def __init__(self, network: Any, sight: Sight) -> None:
        super().__init__()
        self.network, self.sight = network, sight

    def forward(self, clip: Tensor, flow: Tensor | None, state: State | None) -> Any:
        return self.network(clip, flow, state)


def paced(sight: Sight, rate: float) -> Sight:
    """Return what a network sees of so many frames per second.

    A step that leaves out frames is chosen so that the state goes on about PACE times a second, as
    it did in training, whatever the rate.
    """
    if sight.step == 1:
        return sight
    return sight._replace(step=max(1, round(rate / PACE)))


def with_step(network: Any, sight: Sight) -> Any:
    """Return a network that is called as one of this sight."""
    return network if sight == sight_of(network) else _Paced(network, sight)


def grid(height: int, width: int, area: int, multiple: int) -> tuple[int, int]:
    """Return the height and width, multiples of so many pixels, that are nearest to an aspect.

    Of about `area` pixels: logarithms of the aspect count twice as much as those of the area.
    """
    aspect = width / height

    def cost(size: tuple[int, int]) -> float:
        shape, pixels = size[1] / size[0] / aspect, size[0] * size[1] / area
        return abs(math.log(shape)) + _AREA_WEIGHT * abs(math.log(pixels))

    def widths(side: int) -> Iterator[int]:
        """Of the two nearest shapes."""
        nearest, most = int(side * aspect / multiple), 2 * area // (side * multiple)
        yield from (multiple * max(1, min(count, most)) for count in (nearest, nearest + 1))

    # Twice the area and no more, so that a strip gets a grid as well.
    tallest = min(2 * math.sqrt(area / aspect), 2 * area / multiple) / multiple
    sides = [multiple * rows for rows in range(1, max(1, math.ceil(tallest)) + 1)]
    return min(((side, width) for side in sides for width in widths(side)), key=cost)


def has_domains(network: Any) -> bool:
    """Return whether a network sees films and pictures each in a way of their own."""
    return hasattr(network, "views")


def by_appearance(network: Any) -> bool:
    """Return whether a network sees still pictures by its appearance stream alone."""
    return isinstance(network, GFSalNetLight) and network.appearance is not None


def at_once(network: Any, sight: Sight, size: tuple[int, int]) -> Sight:
    """Return what a network sees of frames of a size, in as many at once as are fastest."""
    if not isinstance(network, GFSalNetLight):
        return sight
    return sight._replace(together=max(1, _AT_ONCE // math.prod(size)))


def views(network: Any) -> list[View]:
    """Return how a network that takes frames of any shape as they are sees them; of others []."""
    if isinstance(network, GFSalNetLight):
        return [network.view]
    return list(network.views.values()) if has_domains(network) else []


def size_for(
    network: Any, height: int, width: int, trained: tuple[int, int], still: bool
) -> tuple[int, int]:
    """Return height and width of the frames of a film, or of a picture, that a network is given.

    They have the film's aspect, nearly. A network of trunks that shrink 32 times gets about the
    area that it was trained at; one that brings frames to a size of its own, or needs none, gets at
    most that area, and never more pixels than the film has. A light network sees a picture at
    several sizes, and is given the largest.
    """
    if exported := getattr(network, "frame_size", None):
        return (exported[0], exported[1])
    area = trained[0] * trained[1]
    if has_domains(network):
        return grid(height, width, math.prod(network.views[network.core.domain].size), STRIDE)
    if isinstance(network, GFSalNetLight):
        largest = max(network.scales) if still and by_appearance(network) else 1.0
        return grid(height, width, round(math.prod(network.view.size) * largest**2), STRIDE)
    if hasattr(network, "load_stream") and not hasattr(network, "view"):
        return grid(height, width, area, STRIDE)
    scale = min(1.0, math.sqrt(area / (height * width)))
    if working := getattr(network, "longer_side", None):
        scale = min(scale, _SHRUNK * working / max(height, width))
    rows, columns = (max(1, round(scale * side / QUARTER)) for side in (height, width))
    return QUARTER * rows, QUARTER * columns


def at_size(network: Any, size: tuple[int, int], still: bool) -> Any:
    """Return a network with `views` that sees frames of this size as they are.

    It shares its weights with the given one. Of `still` pictures a light network of both streams
    has the appearance stream alone, which sees several sizes, of which this is the largest.
    """
    shared = {id(one): one for one in (*network.parameters(), *network.buffers())}
    fitted = copy.deepcopy(network, shared)
    for view in views(fitted):
        view.size = size
    if still and by_appearance(fitted):
        fitted.motion = fitted.gate = None
        # Frames come in the largest of its sizes, and `scales` are factors of the view's.
        area = round(math.prod(size) / max(network.scales) ** 2)
        fitted.view.size = grid(*size, area, STRIDE)
    return fitted
