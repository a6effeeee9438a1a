"""A model: a network with what is known of it, for films of any size and for arrays."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from model.sight import sight_of
from pipeline.config.data import Flow
from pipeline.training.networks import enter
from pipeline.viewing.network.arrays import predicted
from pipeline.viewing.network.fitting import (
    FILMS,
    STILLS,
    Fitted,
    at_once,
    at_size,
    by_appearance,
    has_domains,
    paced,
    size_for,
    views,
    with_step,
)

Compiled = Callable[["Model", Any, tuple[int, int], bool], Any]
"""Turns a network for frames of one height and width, of films or of still pictures, into another
that computes the same."""


class Model:
    """A network that predicts where people look in a film or a picture."""

    def __init__(
        self,
        name: str,
        about: str,
        network: Any,
        *,
        flow: Flow | None = None,
        trained: tuple[int, int],
        sha256: str | None = None,
    ) -> None:
        """Take a network in evaluation mode.

        Args:
            name: What `load` was asked for.
            about: Which network with which weights, their licence and source: a part of a sentence.
            network: A module that `model.sight.see` calls.
            flow: How the optical flow that it looks at is estimated; None: it looks at none.
            trained: Height and width of the frames that it was trained with, pixels.
            sha256: Of the file of its weights; None: it has none.
        """
        self.name, self.about, self.network, self.flow = name, about, network, flow
        self.sha256 = sha256
        self.why = ""
        """Why it is the default, where nobody named a model."""
        self._trained = trained
        self.compiled: Compiled | None = None
        self._fitted = dict[tuple[Any, ...], Any]()

    @property
    def flows(self) -> bool:
        """Whether the network looks at optical flow."""
        return self.flow is not None

    def __repr__(self) -> str:
        return f"<Model {self.name}: {self.about}>"

    def at(self, height: int, width: int, rate: float, still: bool) -> Fitted:
        """Return the network as a film is given to it.

        Args:
            height: Of the film's frames, pixels; with `width` it says their aspect.
            width: Of the film's frames, pixels.
            rate: Frames per second that the network is given: with every second frame of a film,
                half of the film's rate.
            still: Whether it is a picture, and not a film.
        """
        if has_domains(self.network):
            enter(self.network, STILLS if still else FILMS)
        size = size_for(self.network, height, width, self._trained, still)
        return self.sized(size, rate, still)

    def sized(self, size: tuple[int, int], rate: float, still: bool) -> Fitted:
        """Return the network as frames of this height and width are given to it; see `at`."""
        network = self.torch_network(size, still)
        if self.compiled is not None:
            again = partial(self.compiled, self, network, size, still)
            network = self._kept(("compiled", still, size), again)
        sight = paced(sight_of(network), rate)
        again = partial(with_step, network, sight)
        network = self._kept(("sight", still, size, sight), again)
        return Fitted(network, at_once(self.network, sight, size), size, self.flow_of(still))

    def flow_of(self, still: bool) -> Flow | None:
        """Return how the flow is estimated that the network looks at; None: it looks at none."""
        return None if still and by_appearance(self.network) else self.flow

    def torch_network(self, size: tuple[int, int], still: bool) -> Any:
        """Return the network in the domain of films or of `still` pictures, for one size."""
        if not views(self.network):
            return self.network
        if has_domains(self.network):
            enter(self.network, STILLS if still else FILMS)
        return self._kept(("size", still, size), partial(at_size, self.network, size, still))

    def predict(
        self,
        frames: ArrayLike | torch.Tensor,
        *,
        rate: float = 25.0,
        every: int = 1,
        still: bool | None = None,
    ) -> NDArray[np.float32]:
        """Return where people look: a map for each frame [t, y, x], on its grid, with the peak 1.

        A map is a density over its peak, or what the network has in its place: only ratios within
        a map have a meaning. A map of zeros stays zero.

        Args:
            frames: RGB of one shot: an array [t, y, x, 3] or a picture [y, x, 3], or a tensor
                [t, 3, y, x] or [3, y, x]; uint8, or floats in 0..1. Frames of another shot are to
                be given in a call of their own.
            rate: Frames per second.
            every: The network sees each so many-th frame; maps between two are mixed linearly.
            still: Whether each frame is a picture of its own, that is, without motion and without
                memory; None: a single picture [y, x, 3] or [3, y, x] is.

        Raises:
            InputError: The frames have another shape, or values beyond 0..1.
        """
        return predicted(self.at, frames, rate=rate, every=every, still=still)

    def _kept(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What was made for a key before, or is made now."""
        if key not in self._fitted:
            self._fitted[key] = make()
        return self._fitted[key]
