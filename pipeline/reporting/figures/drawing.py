"""Grids of small pictures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

from model.flow.encoding import colorwheel
from pipeline.preprocessing.tensors import flow_tensor

mpl.use("agg")  # before pyplot: nodes of a cluster have no display
import matplotlib.pyplot as plt


def grid(rows: int, columns: int, cell: tuple[float, float] = (1.6, 1.3)) -> tuple[Any, Any]:
    """A figure and its cells [row, column]; `cell` is the width and height of one in inches."""
    size = (cell[0] * columns, cell[1] * rows)
    return plt.subplots(rows, columns, figsize=size, squeeze=False)


def save(figure: Any, picture: Path) -> None:
    """Write a figure as PNG, the same bytes for the same figure."""
    figure.tight_layout(pad=0.4)
    # Without the name of the software, whose version would change the bytes.
    figure.savefig(picture, dpi=150, metadata={"Software": None})
    plt.close(figure)


def flow_picture(flow: Any, size: tuple[int, int]) -> NDArray[np.float32]:
    """Stored flow in Middlebury's colours [y, x, channel], saturated at its own largest speed."""
    motion = flow_tensor(flow, size)[None]
    # Below a pixel per frame there is little but noise, which is not stretched.
    scale = max(1.0, float(torch.linalg.vector_norm(motion, dim=1).max()))
    picture: NDArray[np.float32] = colorwheel(motion, scale=scale)[0].permute(1, 2, 0).numpy()
    return picture


def draw(axis: Any, picture: NDArray[Any], title: str | None, top: float | None = None) -> None:
    """Draw a picture [y, x, channel], or a map [y, x] from dark to bright, into a cell of a grid.

    `top` is the value of a map that is drawn brightest, 0 being darkest; None stretches the map
    from its own smallest to its largest value.
    """
    if picture.ndim == 3 and picture.dtype.kind == "f":
        picture = picture.clip(0, 1)
    axis.imshow(picture, cmap="magma", vmin=None if top is None else 0, vmax=top)
    axis.set(xticks=[], yticks=[])
    if title is not None:
        axis.set_title(title, fontsize=8)
