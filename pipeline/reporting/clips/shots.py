"""A frame with all of its maps as one small picture, and how many of them a page may hold."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.reporting.figures.drawing import stretched

MOST: Final = 400
"""Frames of a clip that have a picture, besides the worst ones: more than DIEM's 300 of a test
video."""
BYTES: Final = 8 * 10**6
"""Bytes of all pictures of a page, at most: with base64 and numbers a page is below 12 MB, which
phones open."""
_WIDTH: Final = 480
"""Pixels of a frame's width, at most."""
_TILE: Final = 96
"""Pixels of a map's width, at most: maps are smooth."""
_QUALITY: Final = 60
"""WebP's quality, of 100: maps are smooth, and scores are not computed from these pictures."""
_BLOCK: Final = 16
"""Pixels of a block of WebP: maps begin with one, so that no picture leaks into them."""


class Layout(NamedTuple):
    """Where the frame and its maps lie in a picture, in pixels."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    tiles: int
    """How many maps there are."""

    @property
    def top(self) -> int:
        """The first row of the maps."""
        return -(-self.height // _BLOCK) * _BLOCK

    @property
    def columns(self) -> int:
        """Maps side by side."""
        return max(1, self.width // self.tile_width)

    def place(self, tile: int) -> tuple[int, int]:
        """Left and top of a map."""
        row, column = divmod(tile, self.columns)
        return column * self.tile_width, self.top + row * self.tile_height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole."""
        rows = -(-self.tiles // self.columns)
        return max(self.width, self.columns * self.tile_width), self.top + rows * self.tile_height


def layout_of(shape: tuple[int, ...], tiles: int) -> Layout:
    """Where frames of a shape [y, x, ...] and a number of maps lie."""
    height, width = shape[:2]
    shown, small = min(width, _WIDTH), min(width, _TILE)
    sizes = (max(1, round(height * side / width)) for side in (shown, small))
    high, low = sizes
    return Layout(shown, high, small, low, tiles)


def shot(frame: NDArray[np.uint8], maps: Sequence[NDArray[np.float32]], layout: Layout) -> bytes:
    """A frame and its maps, each stretched to 0..255, as one WebP."""
    whole = Image.new("RGB", layout.size)
    size = (layout.width, layout.height)
    whole.paste(Image.fromarray(frame).resize(size, Image.Resampling.BOX), (0, 0))
    for tile, values in enumerate(maps):
        # Reduced before it is stretched, so that the map's peak is the brightest level.
        small = Image.fromarray(np.asarray(values, np.float32)).resize(
            (layout.tile_width, layout.tile_height), Image.Resampling.BOX
        )
        levels = np.rint(stretched(np.asarray(small)) * 255).astype(np.uint8)
        whole.paste(Image.fromarray(levels), layout.place(tile))
    encoded = io.BytesIO()
    # Method 2 of 6: the slower ones save little.
    whole.save(encoded, "WEBP", quality=_QUALITY, method=2)
    return encoded.getvalue()


def spaced(times: Sequence[int], most: int, always: set[int]) -> list[int]:
    """At most `most` of the times at even distances, and those of `always`, in their order."""
    every = max(1, -(-len(times) // most))
    return [time for place, time in enumerate(times) if place % every == 0 or time in always]


def thinned(times: Sequence[int], always: set[int]) -> list[int]:
    """Leave out every second time that is not of `always`, or of all where that leaves out none."""
    rest = [time for time in times if time not in always]
    gone = {*rest[1::2]} or {*times[1::2]}
    return [time for time in times if time not in gone]


def encoded(
    times: Sequence[int], always: set[int], make: Callable[[int], bytes], most_bytes: int = BYTES
) -> dict[int, bytes]:
    """Time -> its picture, as many as `MOST` and `most_bytes` allow, one at least."""
    made = {time: make(time) for time in spaced(times, MOST, always)}
    kept = [*made]
    while len(kept) > 1 and sum(len(made[time]) for time in kept) > most_bytes:
        kept = thinned(kept, always)
    return {time: made[time] for time in kept}
