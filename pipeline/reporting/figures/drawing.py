"""What all figures are drawn with: grids of small pictures, maps over frames, colours and lines."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import Any, Final, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

from model.flow.encoding import colorwheel
from pipeline.preprocessing.tensors import flow_tensor
from pipeline.reporting.figures.grey_levels import bilinear

mpl.use("agg")  # before pyplot: nodes of a cluster have no display
import matplotlib.pyplot as plt

Map = NDArray[np.float32]
"""Values [y, x]."""
HEAT: Final = "inferno"
"""Colour map of maps that lie over frames; its brightness rises evenly, so it works in grey."""
ERROR: Final = "gray"
"""Colour map of errors: black is none."""
OPACITY: Final = 0.8
"""Opacity of a map's peak over its frame: the frame still shows through."""
_LETTERS: Final = 15
"""Letters of 7 points that fit into `Margins.left`."""


class Look(NamedTuple):
    """How a line is drawn; no two of `LOOKS` differ in colour alone."""

    color: str
    linestyle: str | tuple[int, tuple[int, ...]]
    marker: str


_DASHES: Final[tuple[str | tuple[int, tuple[int, ...]], ...]] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1)),
    (0, (7, 2, 1, 2)),
)
_COLOURS: Final = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's colours, which colour-blind eyes tell apart (jfly.uni-koeln.de/color), without
their yellow, which white paper swallows."""
LOOKS: Final = tuple(
    Look(colour, style, marker)
    for marker in ("", "o")
    for colour, style in zip(_COLOURS, cycle(_DASHES), strict=False)
)
"""Looks of lines, in turn."""
MOVES: Final = Look("#d55e00", "-", "")
"""Look of what moves: red, as in Fig. 6."""
RESTS: Final = Look("#0072b2", (0, (5, 2)), "")
"""Look of what rests: blue, as in Fig. 6."""


def looks(names: Sequence[str]) -> Iterator[tuple[str, Look]]:
    """Yield each name with its look; more than there are looks begin again with the first."""
    return zip(names, cycle(LOOKS), strict=False)


class Margins(NamedTuple):
    """Space around the cells of a figure, in inches."""

    left: float = 0.05
    top: float = 0.25
    bottom: float = 0.05
    right: float = 0.05


LABELLED: Final = Margins(left=1.1)
"""Room for the names of rows."""


def grid(
    rows: int,
    columns: int,
    cell: tuple[float, float] = (1.6, 1.3),
    margins: Margins = Margins(),  # noqa: B008 (a tuple)
    gap: tuple[float, float] = (0.06, 0.06),
) -> tuple[Any, Any]:
    """A figure and its cells [row, column].

    `cell` is the width and height of a cell, `gap` that between two of them, in inches.
    """
    left, top, bottom, right = margins
    width = left + right + columns * cell[0] + (columns - 1) * gap[0]
    height = top + bottom + rows * cell[1] + (rows - 1) * gap[1]
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        top=1 - top / height,
        bottom=bottom / height,
        wspace=gap[0] / cell[0],
        hspace=gap[1] / cell[1],
    )
    return figure, axes


def save(figure: Any, picture: Path, *, tight: bool = False) -> None:
    """Write a figure as PNG, the same bytes for the same figure."""
    if tight:
        figure.tight_layout(pad=0.4)
    # Without the name of the software, whose version would change the bytes.
    figure.savefig(picture, dpi=150, metadata={"Software": None})
    plt.close(figure)


def stretched(values: NDArray[Any]) -> Map:
    """A map in 0..1; one that is the same everywhere is 0."""
    values = np.asarray(values, np.float32)
    spread = float(values.max() - values.min())
    return (values - values.min()) / spread if spread else np.zeros_like(values)


def error(density: NDArray[Any], saliency: NDArray[Any]) -> Map:
    """|density - saliency| [y, x], each stretched to 0..1; maps of another size are resized."""
    given = bilinear(stretched(saliency), (density.shape[0], density.shape[1]))
    difference: Map = np.abs(stretched(density) - given)
    return difference


def overlaid(frame: NDArray[np.uint8], values: NDArray[Any]) -> Map:
    """A map [y, x] of any size over its frame, RGB [y, x, channel] in 0..1.

    The map is stretched to 0..1. A value has its colour of `HEAT`, and its opacity is `OPACITY`
    times the value: the frame stays as it is where the map has its smallest value.
    """
    level = bilinear(stretched(values), (frame.shape[0], frame.shape[1])).clip(0, 1)
    colours = mpl.colormaps[HEAT](level)[..., :3].astype(np.float32)
    opacity = np.float32(OPACITY) * level[..., None]
    found: Map = (1 - opacity) * (np.asarray(frame, np.float32) / 255) + opacity * colours
    return found


def flow_picture(flow: Any, size: tuple[int, int]) -> Map:
    """Stored flow in Middlebury's colours [y, x, channel], saturated at its own largest speed."""
    motion = flow_tensor(flow, size)[None]
    # Below a pixel per frame there is little but noise, which is not stretched.
    scale = max(1.0, float(torch.linalg.vector_norm(motion, dim=1).max()))
    picture: Map = colorwheel(motion, scale=scale)[0].permute(1, 2, 0).numpy()
    return picture


def draw(
    axis: Any,
    picture: NDArray[Any],
    title: str | None = None,
    top: float | None = None,
    colours: str = "magma",
) -> None:
    """Draw a picture [y, x, channel], or a map [y, x] from dark to bright, into a cell of a grid.

    `top` is the value of a map that is drawn brightest, 0 being darkest; None stretches the map
    from its own smallest to its largest value.
    """
    if picture.ndim == 3 and picture.dtype.kind == "f":
        picture = picture.clip(0, 1)
    axis.imshow(picture, cmap=colours, vmin=None if top is None else 0, vmax=top, aspect="auto")
    axis.set(xticks=[], yticks=[])
    if title is not None:
        axis.set_title(title, fontsize=7, pad=2)


def points(axis: Any, pixels: NDArray[Any]) -> None:
    """Mark gaze points [n, (y, x)] on a picture that was drawn into a cell."""
    where = pixels[:, 1], pixels[:, 0]
    # A dark rim keeps a white point visible on white.
    axis.scatter(*where, s=7, c="white", edgecolors="black", linewidths=0.5)


def label(axis: Any, *lines: str) -> None:
    """Write the name of a row beside its first cell, each line folded by itself."""
    text = "\n".join(fill(line, _LETTERS) for line in lines)
    look = {"rotation": "horizontal", "ha": "right", "va": "center", "labelpad": 4}
    axis.set_ylabel(text, fontsize=7, **look)


def colour_bars(figure: Any, bars: Mapping[str, str], margins: Margins) -> None:
    """Draw bars, name -> colour map, side by side into the bottom margin; each is from 0 to 1."""
    width, height = figure.get_size_inches()
    share = (width - margins.left - margins.right) / len(bars)
    for place, (name, colours) in enumerate(bars.items()):
        left = margins.left + place * share
        # 0.12 inches high, above the figures and the name, which need 0.3.
        box = (left / width, 0.32 / height, min(2.2, share - 0.3) / width, 0.12 / height)
        bar = figure.colorbar(
            mpl.cm.ScalarMappable(cmap=colours), cax=figure.add_axes(box), orientation="horizontal"
        )
        bar.set_ticks([0, 0.5, 1])
        bar.ax.tick_params(labelsize=6, length=2, pad=1)
        bar.set_label(name, fontsize=7, labelpad=1)
