"""Stage pictures: clips of a table's dataset with the maps of all its models (Fig. 5).

The best, the median and the worst clip by one model's mean NSS (or by the table's first metric
where the protocol reports no NSS), as the protocol averages it. Of each clip the frame whose value
is nearest to that mean is shown.

A clip takes two columns. The upper rows have the frame beside its flow, and the density over the
frame beside the gaze points that it was made of. Below them each model has a row: its map over the
frame, and the error |density - saliency|, both stretched to 0..1. The tables of the predecessor
give its Fig. 4 and 5, and for still images Fig. 6 and 7.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.reporting.figures.drawing import (
    ERROR,
    HEAT,
    LABELLED,
    colour_bars,
    draw,
    error,
    flow_picture,
    grid,
    label,
    overlaid,
    points,
    save,
)
from pipeline.reporting.figures.seen import (
    Model,
    Truth,
    cell,
    chosen,
    flows,
    in_words,
    metric_of,
    read_models,
    typical,
)
from pipeline.runtime.cli import main
from pipeline.runtime.sheets import heading, write_rows
from pipeline.stores.verify import damage

COLUMNS = ("place", "clip", "frame", "model", "metric", "value", "clip_mean")
"""Columns of the sheet: `frame` is its number in the video, `value` that of the frame, `clip_mean`
the mean over the clip."""
_ABOVE = 2
"""Rows without a model: frame and density."""


@dataclass(frozen=True)
class Shown:
    """One frame that is shown."""

    place: str
    """Why the clip is shown: best, median, worst, only clip, or no value."""
    clip: str
    time: int
    """Frame of the stored clip, from 0."""


def shown(leading: Model, metric: str) -> list[Shown]:
    """The frames that stand for a dataset, by what one model scored."""
    values, means = leading.scores[metric], leading.means[metric]
    return [
        Shown(place, clip, typical(values[clip], means[clip]))
        for place, clip in chosen(means, metric).items()
    ]


def _draw(
    axes: Any, truth: Truth, motion: Any, models: Mapping[str, Model], one: Shown, metric: str
) -> None:
    """Two columns of the grid."""
    scene = truth.scene(one.clip, one.time)
    draw(axes[0, 0], scene.frame)
    if motion is None:
        axes[0, 1].axis("off")
    else:
        draw(axes[0, 1], flow_picture(motion, (scene.frame.shape[0], scene.frame.shape[1])))
    draw(axes[1, 0], overlaid(scene.frame, scene.density))
    draw(axes[1, 1], scene.frame)
    points(axes[1, 1], scene.points)
    for row, model in enumerate(models.values(), start=_ABOVE):
        saliency = model.saliency(one.clip, one.time)
        draw(axes[row, 0], overlaid(scene.frame, saliency))
        # One scale for all errors, so that models compare.
        draw(axes[row, 1], error(scene.density, saliency), top=1.0, colours=ERROR)
        text = in_words(metric, model.scores[metric][one.clip][one.time])
        box = {"boxstyle": "square,pad=0.15", "facecolor": "black", "linewidth": 0}
        axes[row, 1].text(
            0.03, 0.05, text, fontsize=6, color="white", bbox=box, transform=axes[row, 1].transAxes
        )


def _lines(
    models: Mapping[str, Model], rows: Sequence[Shown], metric: str
) -> Iterator[list[object]]:
    for one in rows:
        for name, model in models.items():
            values = model.scores[metric][one.clip][one.time], model.means[metric][one.clip]
            number = model.number(one.clip, one.time)
            yield [one.place, one.clip, number, name, metric, *map(cell, values)]


def pictures(
    *,
    frames: list[Path],
    flow: list[Path],
    density: list[Path],
    gaze: list[Path],
    pictured: dict[str, tuple[Path, Path]],
    leading: str,
    metrics: list[str],
    protocol: str,
    seed: int,
    picture: Path,
    about: dict[str, str],
    sheet: Path,
) -> None:
    """Write a grid of test frames as PNG, and a sheet of what it shows: `COLUMNS`.

    `pictured` has for each label the manifest of a model's maps and its sheet of scores; those of
    the label `leading` choose clips and frames, by NSS or the first of `metrics`. Still images may
    have no `flow`.

    Raises:
        InputError: Stores and sheets do not fit together, or no such metric was scored.
    """
    truth, motions = Truth(frames, density, gaze), flows(flow)
    models = read_models(pictured, protocol, seed, leading)
    metric = metric_of(models[leading], metrics, pictured[leading][1])
    rows = shown(models[leading], metric)
    margins = LABELLED._replace(top=0.5, bottom=0.55)
    figure, axes = grid(_ABOVE + len(models), 2 * len(rows), (1.3, 0.98), margins, (0.03, 0.05))
    for place, one in enumerate(rows):
        motion = motions[one.clip][one.clip][one.time] if motions else None
        cells = axes[:, 2 * place : 2 * place + 2]
        _draw(cells, truth, motion, models, one, metric)
        mean = in_words(f"clip's {metric}", models[leading].means[metric][one.clip])
        number = models[leading].number(one.clip, one.time)
        # 34 letters of 7 points fit over two cells.
        text = f"{one.place}: {one.clip[:28]}\nframe {number}, {mean} by {leading[:14]}"
        cells[0, 0].set_title(text, fontsize=7, loc="left", pad=3)
    for row, name in enumerate(("frame, flow", "density, gaze points", *models)):
        label(axes[row, 0], f"{name} (chooses)" if name == leading and row >= _ABOVE else name)
    bars = {
        "left: map over frame, share of its peak": HEAT,
        "right: error |density - map|": ERROR,
    }
    colour_bars(figure, bars, margins)
    save(figure, picture)
    write_rows(sheet, COLUMNS, _lines(models, rows, metric), heading(about))
    print(f"{picture}: {len(models)} models, {len(rows)} clips, {np.prod(axes.shape)} cells")


if __name__ == "__main__":
    main(pictures, damage=damage)
