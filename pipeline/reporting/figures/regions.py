"""The gate within fixed regions of a clip, over time (Fig. 6)."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.config.figures import Box
from pipeline.reporting.figures.drawing import LOOKS, MOVES, RESTS, Look, Margins, draw, grid, save
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import heading, write_rows

COLUMNS = ("clip", "frame", "region", "G_T", "speed")
"""Columns of the sheet; speed in pixels of the frame grid per frame."""
SIDE = 0.25
"""Side of a region that nobody named, as a share of the frame's: as large as one object."""
_SHOTS = 4
"""Frames above the curves."""
_MARGINS = Margins(left=0.75, top=0.25, bottom=0.35, right=0.1)


class Course(NamedTuple):
    """What happens in a region in every frame of a clip."""

    box: Box
    gate: list[float]
    """Mean of G_T over the region."""
    speed: list[float]
    """Mean speed, in pixels of the frame grid per frame."""


def found_boxes(flow: Any) -> dict[str, Box]:
    """The liveliest and the stillest region of a clip, by its flow [time, 2, y, x].

    Of all boxes of `SIDE`, those with the largest and the smallest speed, averaged over the clip.
    """
    speeds = np.zeros(flow.shape[2:])
    for time in range(flow.shape[0]):
        speeds += np.hypot(*np.asarray(flow[time], np.float64))
    height, width = (max(1, round(SIDE * side)) for side in speeds.shape)
    sums = np.pad(speeds.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = (sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width]) + sums[
        :-height, :-width
    ]
    y, x = speeds.shape
    boxes = dict[str, Box]()
    for name, place in (("moving", inside.argmax()), ("resting", inside.argmin())):
        top, left = divmod(int(place), inside.shape[1])
        boxes[name] = (left / x, top / y, (left + width) / x, (top + height) / y)
    return boxes


def window(box: Box, shape: tuple[int, ...], name: str) -> tuple[slice, slice]:
    """Rows and columns of a map [y, x] of this shape that a box covers.

    Raises:
        InputError: It covers no pixel.
    """
    left, top, right, bottom = box
    y, x = shape
    rows = slice(round(top * y), round(bottom * y))
    columns = slice(round(left * x), round(right * x))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise InputError(
            f"region {name!r}: {list(box)} covers no pixel of {x}x{y}; give left, top, right and "
            "bottom as shares of the frame, in config.yaml below `regions`"
        )
    return rows, columns


def write_regions(
    clip: str,
    numbers: Sequence[int],
    courses: Mapping[str, Course],
    about: Mapping[str, str],
    sheet: Path,
) -> None:
    """Write a row per frame and region, `COLUMNS`, below what the run is."""
    write_rows(
        sheet,
        COLUMNS,
        (
            [clip, number, name, f"{gate:.5f}", f"{speed:.4f}"]
            for name, course in courses.items()
            for number, gate, speed in zip(numbers, course.gate, course.speed, strict=True)
        ),
        heading(about),
    )


def _looks(courses: Mapping[str, Course]) -> dict[str, Look]:
    """Looks by region; the first two are red and blue, as in the paper."""
    return dict(zip(courses, cycle((MOVES, RESTS, *LOOKS[3:])), strict=False))


def _outline(axis: Any, box: Box, shape: tuple[int, ...], look: Look) -> None:
    """Draw a box onto a frame, over a white line that parts it from the picture."""
    left, top, right, bottom = (end * shape[1 - k % 2] - 0.5 for k, end in enumerate(box))
    for width, colour, style in ((3.0, "white", "-"), (1.6, look.color, look.linestyle)):
        edges: dict[str, Any] = {
            "fill": False,
            "edgecolor": colour,
            "linewidth": width,
            "linestyle": style,
        }
        axis.add_patch(Rectangle((left, top), right - left, bottom - top, **edges))


def draw_regions(
    clip: str,
    frames: Any,
    numbers: Sequence[int],
    courses: Mapping[str, Course],
    picture: Path,
) -> None:
    """Draw some frames with the regions, and below them the course of G_T and of the speed."""
    figure, axes = grid(3, _SHOTS, (1.9, 1.35), _MARGINS, (0.08, 0.3))
    times = np.linspace(0, len(numbers) - 1, _SHOTS).round().astype(int)
    for axis, time in zip(axes[0], times, strict=True):
        shot: NDArray[np.uint8] = np.asarray(frames[int(time)])
        draw(axis, shot, f"frame {numbers[int(time)]}")
        for name, look in _looks(courses).items():
            _outline(axis, courses[name].box, shot.shape, look)
    for row, (values, text) in enumerate(
        (("gate", "mean G_T"), ("speed", "mean speed,\npixels / frame")), start=1
    ):
        for axis in axes[row, 1:]:
            axis.remove()
        whole = figure.add_subplot(axes[row, 0].get_gridspec()[row, :])
        axes[row, 0].remove()
        for name, look in _looks(courses).items():
            whole.plot(
                numbers, getattr(courses[name], values), label=name, **look._asdict(), markevery=0.1
            )
        whole.set_ylabel(text, fontsize=7)
        whole.tick_params(labelsize=7)
        whole.margins(x=0.01)
        if row == 1:
            whole.set_ylim(0, 1)
            whole.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)  # where every gate starts
            whole.legend(fontsize=7, loc="best", handlelength=3.5)
            whole.set_title(clip, fontsize=8, pad=3)
        else:
            whole.set_ylim(bottom=0)
            whole.set_xlabel("frame", fontsize=7)
    save(figure, picture)
