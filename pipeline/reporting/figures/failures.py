"""Stage failures: where a model fails, by classes of clips (Fig. 7).

Classes are the attributes of a dataset's sheet clip,attribute, such as `text` or `repetition`, the
worst class first, each with its worst clip: the frame with gaze points, the density and the model's
map over it. A dataset without such a sheet has its worst clips.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics.registry import better
from pipeline.reporting.figures.drawing import (
    HEAT,
    Margins,
    colour_bars,
    draw,
    grid,
    label,
    overlaid,
    points,
    save,
)
from pipeline.reporting.figures.seen import (
    Truth,
    cell,
    in_words,
    metric_of,
    ranked,
    read_model,
    typical,
)
from pipeline.reporting.means import NO_ATTRIBUTE
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import heading, read_rows, write_rows
from pipeline.stores.verify import damage

COLUMNS = ("class", "clips", "mean", "metric", "clip", "clip_mean", "frame", "value")
"""Columns of the sheet: a class, the mean over its clips, and the clip and frame that are shown."""
CLASSES = 8
"""Classes, or worst clips, that are drawn at most; the sheet has all."""
WORST = 4
"""Clips of a dataset without attributes that are drawn."""


class Failure(NamedTuple):
    """A class of clips with its worst clip."""

    name: str
    clips: int
    mean: float
    clip: str


def by_class(
    means: Mapping[str, float], attributes: Mapping[str, set[str]], metric: str
) -> list[Failure]:
    """Classes of clips, the worst first; clips without a mean do not count."""
    sign = 1 if better(metric) == "higher" else -1
    found = []
    for name, clips in attributes.items():
        order = ranked({clip: means[clip] for clip in clips}, metric)
        if order:
            mean = float(np.mean([means[clip] for clip in order]))
            found.append(Failure(name, len(order), mean, order[-1]))
    return sorted(found, key=lambda one: (sign * one.mean, one.name))


def read_attributes(sheet: Path, clips: Sequence[str]) -> dict[str, set[str]]:
    """Attribute -> its clips, of a sheet clip,attribute; clips without any have one of their own.

    Raises:
        InputError: It cannot be read, or none of the clips is in it.
    """
    found = dict[str, set[str]]()
    for row in read_rows(sheet, ("clip", "attribute")):
        if row["clip"] in clips:
            found.setdefault(row["attribute"], set()).add(row["clip"])
    if not found:
        raise InputError(
            f"{sheet}: none of its clips was scored; the first scored one is {clips[0]}; correct "
            "the names, or give another sheet of attributes"
        )
    if rest := {*clips}.difference(*found.values()):
        found[NO_ATTRIBUTE] = rest
    return found


def failures(
    *,
    frames: list[Path],
    density: list[Path],
    gaze: list[Path],
    attributes: list[Path],
    model: str,
    saliency: Path,
    scores: Path,
    metrics: list[str],
    protocol: str,
    seed: int,
    picture: Path,
    about: dict[str, str],
    sheet: Path,
) -> None:
    """Write the worst clip of each class of clips as PNG, and a sheet of all classes: `COLUMNS`.

    `model` is the label of the maps `saliency` and of their `scores`; the metric is NSS or the
    first of `metrics`. `attributes` is one sheet, or none.

    Raises:
        InputError: Stores and sheets do not fit together, or no such metric was scored.
    """
    truth = Truth(frames, density, gaze)
    found = read_model(model, saliency, scores, protocol, seed)
    metric = metric_of(found, metrics, scores)
    means = found.means[metric]
    if attributes:
        classes = by_class(means, read_attributes(attributes[0], sorted(means)), metric)
    else:
        order = ranked(means, metric)[::-1][:WORST]
        classes = [Failure("no attributes", 1, means[clip], clip) for clip in order]
    margins = Margins(left=1.3, top=0.25, bottom=0.55)
    figure, axes = grid(max(1, len(classes[:CLASSES])), 3, (2.0, 1.5), margins)
    if not classes:
        axes[0, 0].text(0, 0.5, f"no clip has a value of {metric}", fontsize=8)
        for axis in axes.flat:
            axis.axis("off")
    lines = list[list[object]]()
    for row, one in enumerate(classes):
        values = found.scores[metric][one.clip]
        time = typical(values, means[one.clip])
        number = found.number(one.clip, time)
        ends = cell(means[one.clip]), number, cell(values[time])
        lines.append([one.name, one.clips, cell(one.mean), metric, one.clip, *ends])
        if row < CLASSES:
            scene = truth.scene(one.clip, time)
            shown: tuple[NDArray[Any], ...] = (
                scene.frame,
                overlaid(scene.frame, scene.density),
                overlaid(scene.frame, found.saliency(one.clip, time)),
            )
            titles = ("frame, gaze points", "density", model)
            for axis, content, title in zip(axes[row], shown, titles, strict=True):
                draw(axis, content, None if row else title)
            points(axes[row, 0], scene.points)
            of = [f"{one.name}:", f"{in_words(metric, one.mean)}, clips {one.clips}"]
            which = one.clip, f"frame {number}", in_words(metric, values[time])
            label(axes[row, 0], *(of if attributes else ()), *which)
    colour_bars(figure, {"map over frame, share of its peak": HEAT}, margins)
    save(figure, picture)
    write_rows(sheet, COLUMNS, lines, heading(about))


if __name__ == "__main__":
    main(failures, damage=damage)
