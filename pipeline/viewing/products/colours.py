"""Maps in colours: levels of a map, enlarged, and the colour that each level has.

Colour maps are Matplotlib's. Each is a table of 256 colours, so that a film's frame is coloured by
looking up bytes.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError, meant

COLORMAPS: Final = {
    **{name: name for name in ("inferno", "viridis", "jet", "turbo", "magma", "hot")},
    "grey": "gray",
}
"""Names of colour maps -> Matplotlib's."""


@cache
def table(colormap: str) -> NDArray[np.uint8]:
    """Return the colours of a map's levels 0..255, RGB [256, 3], read-only.

    Raises:
        InputError: There is no such colour map.
    """
    if colormap not in COLORMAPS:
        known = ", ".join(COLORMAPS)
        raise InputError(f"colour map {colormap!r}: known are {known}{meant(colormap, COLORMAPS)}")
    from matplotlib import colormaps  # a third of a second, which not every command needs

    colours: NDArray[np.uint8] = colormaps[COLORMAPS[colormap]](np.arange(256), bytes=True)[:, :3]
    colours = np.ascontiguousarray(colours)
    colours.flags.writeable = False
    return colours


def top(values: NDArray[np.float32]) -> float:
    """Return the largest value of a map [y, x], or 0 if all of its values are the same.

    A map of one value prefers no place to another, so it is drawn like one that is 0 everywhere.
    """
    highest = float(values.max(initial=0.0))
    return highest if values.size and highest > float(values.min()) else 0.0


def levels(
    values: NDArray[np.float32], size: tuple[int, int] | None = None, peak: float | None = None
) -> NDArray[np.uint8]:
    """Return a map's levels in 255ths of its peak, [height, width].

    Args:
        values: Map [y, x], finite and >= 0, of any scale. `watch` refuses maps that are not.
        size: Height and width to enlarge it to, bilinearly; None leaves its grid as it is.
        peak: Value that becomes 255, as what lies above; None: the map's own largest one.
    """
    highest = top(values)
    if not highest:
        return np.zeros(size or values.shape, np.uint8)
    scaled = np.asarray(values, np.float32) / np.float32(peak or highest) * 255
    found: NDArray[np.uint8] = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return found if size is None else enlarged(found, size)


def enlarged(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture [y, x] or [y, x, channel] at a height and width, bilinearly.

    Where it becomes smaller, a pixel is the mean of those that it stands for.
    """
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height < picture.shape[0] or width < picture.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)


def looked_up(found: NDArray[np.uint8], colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the colours [y, x, 3] of levels [y, x], by a table [256, 3]."""
    return np.asarray(cv2.applyColorMap(found, colours[:, None]), np.uint8)


def heat(
    values: NDArray[np.float32],
    colormap: str = "inferno",
    *,
    size: tuple[int, int] | None = None,
    peak: float | None = None,
) -> NDArray[np.uint8]:
    """Return a map [y, x] in colours, RGB [height, width, 3]; arguments are those of `levels`.

    A map that is the same everywhere has the colour of 0 everywhere.

    Raises:
        InputError: There is no such colour map.
    """
    return looked_up(levels(values, size, peak), table(colormap))
