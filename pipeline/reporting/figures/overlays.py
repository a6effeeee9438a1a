"""Stage overlays: frames laid over each other, where little moves and where much does (Fig. 1).

A row has a frame, the fixations on it, the mean of some consecutive frames from it on, and the
fixations on those. The upper row is of the stillest clip of a dataset, the lower of the liveliest,
each at its stillest or liveliest moment.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.figures import Overlays
from pipeline.reporting.figures.drawing import HEAT, LABELLED, draw, grid, label, points, save
from pipeline.reporting.figures.seen import Truth, flows, speed
from pipeline.runtime.cli import main
from pipeline.runtime.sheets import heading, write_rows
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store, refuse_nothing
from pipeline.stores.verify import damage

COLUMNS = ("row", "clip", "first", "last", "speed")
"""Columns of the sheet: numbers of the first and the last frame in the video, and the mean speed of
the clip's looked-at frames in pixels per frame."""
_LOOKED_AT = 12
"""Frames of a clip whose motion is looked at: enough for a mean, few for a thousand clips."""


def speeds(flow: Any, gazed: Sequence[bool], length: int) -> dict[int, float]:
    """First frame -> mean speed there, of `_LOOKED_AT` of a clip's moments of `length` frames.

    Only moments all of whose frames somebody looked at; none where there is no such moment.
    """
    starts = [
        start for start in range(len(gazed) - length + 1) if all(gazed[start : start + length])
    ]
    some = starts[:: max(1, len(starts) // _LOOKED_AT)]
    return {start: speed(flow[start]) for start in some}


def moments(
    truth: Truth, motions: Mapping[str, Store], length: int
) -> dict[str, tuple[str, int, float]]:
    """Row -> clip, first frame and the clip's mean speed: the stillest and the liveliest moment."""
    found = dict[str, dict[int, float]]()
    for clip in truth.frames:
        gazed = [bool(len(points)) for points in truth.points(clip)]
        if by_start := speeds(motions[clip][clip], gazed, length):
            found[clip] = by_start
    if not found:
        return {}
    means = {clip: float(np.mean([*by_start.values()])) for clip, by_start in found.items()}
    still, lively = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    rows = {"stillest": (still, min), "liveliest": (lively, max)}
    return {
        row: (clip, best(found[clip], key=found[clip].__getitem__), means[clip])
        for row, (clip, best) in rows.items()
    }


def _mean(pictures: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """The pictures laid over each other with equal weights."""
    found: NDArray[np.float32] = np.mean(np.stack([*pictures]).astype(np.float32), axis=0)
    return found


def overlays(
    *,
    frames: list[Path],
    flow: list[Path],
    density: list[Path],
    gaze: list[Path],
    settings: Overlays,
    picture: Path,
    about: dict[str, str],
    sheet: Path,
) -> None:
    """Write the overlaid frames and fixations of two clips as PNG, and a sheet: `COLUMNS`.

    Raises:
        InputError: The stores do not fit together, or hold no clip.
    """
    truth, motions = Truth(frames, density, gaze), flows(flow)
    refuse_nothing(truth.frames, frames)
    count, step = settings.frames, settings.step
    rows = moments(truth, motions, (count - 1) * step + 1)
    figure, axes = grid(max(1, len(rows)), 4, (1.9, 1.43), LABELLED)
    lines = list[list[object]]()
    if not rows:
        axes[0, 0].text(0, 0.5, "no clip with so many frames that somebody looked at", fontsize=8)
        for axis in axes.flat:
            axis.axis("off")
    titles = ("frame", "its fixations", f"{count} frames overlaid", "their fixations overlaid")
    for row, (name, (clip, start, mean)) in enumerate(rows.items()):
        times = [start + step * k for k in range(count)]
        scenes = [truth.scene(clip, time) for time in times]
        shown: tuple[NDArray[Any], ...] = (
            scenes[0].frame,
            scenes[0].density,
            _mean([scene.frame for scene in scenes]) / 255,
            _mean([scene.density for scene in scenes]),
        )
        for column, content in enumerate(shown):
            title = None if row else titles[column]
            draw(axes[row, column], content, title, colours=HEAT)
        points(axes[row, 0], scenes[0].points)
        numbers = frame_numbers(truth.frames[clip].clips[clip])
        ends = numbers[times[0]], numbers[times[-1]]
        label(axes[row, 0], name, clip, f"{ends[0]} to {ends[1]}")
        lines.append([name, clip, *ends, f"{mean:.4f}"])
    save(figure, picture)
    write_rows(sheet, COLUMNS, lines, heading(about))


if __name__ == "__main__":
    main(overlays, damage=damage)
