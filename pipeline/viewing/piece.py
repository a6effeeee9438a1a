"""What a network found in a few seconds of a film, and what products are made of it.

A film is seen shot by shot, and a shot in pieces, so that memory does not grow with its length and
a run that was stopped goes on behind the last piece that was finished.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

SIDES: tuple[str, ...] = ("appearance", "motion", "conspicuity", "gate_motion")
"""Fields that a piece has beside the map: S_A, S_T, S_C (`model.light.LightMaps`) and G_T."""


class Piece(NamedTuple):
    """Frames that follow one another within one shot, and their maps."""

    first: int
    """The first of its frames; the film's first chosen frame is 0."""
    shot: int
    """The shot that it belongs to, from 0."""
    frames: Sequence[NDArray[np.uint8]]
    """RGB [y, x, 3], at the size that the network is given."""
    flow: NDArray[np.float32] | None
    """[t, 2, y/4, x/4]: right and down, pixels of `frames` per frame; None: the network needs
    none."""
    maps: NDArray[np.float32]
    """[t, y, x]: saliency, >= 0, of any scale, on the grid of `frames`."""
    sides: Mapping[str, NDArray[np.float32]]
    """Further maps [t, y, x] by their field, of `SIDES`: those that a product uses, as far as the
    network has them."""

    def __len__(self) -> int:
        return len(self.maps)


class Product(Protocol):
    """Something that is made of a film's pieces: a film, a file of numbers, a page."""

    sides: tuple[str, ...]
    """Of `SIDES`, the maps that it uses."""

    def add(self, piece: Piece, folder: Path) -> None:
        """Put what becomes of a piece into its folder, which is kept if the run is stopped.

        Pieces come in their order; after a run that was stopped, those that are finished do not
        come again. Names of files begin with that of the product.
        """

    def finish(self, folders: Sequence[Path]) -> None:
        """Make the whole of what lies in the folders of all pieces, in order, and write it.

        Raises:
            InputError: The disk refuses it.
        """
