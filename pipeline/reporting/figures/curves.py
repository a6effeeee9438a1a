"""Stage curves: the loss of every training by iteration, and that of held-out clips (Eq. 6)."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

from pipeline.reporting.figures.drawing import Look, looks, save
from pipeline.runtime.cli import main

mpl.use("agg")  # before pyplot: nodes of a cluster have no display
import matplotlib.pyplot as plt

SMOOTH = 10
"""Iterations of the running mean: enough to see a trend through the noise of batches."""
COLUMNS = 2
"""Panels side by side at most: each is wide enough for the names of eight models beside it."""
HELD_OUT = ("validation_kl", "held_out_error")
"""Columns of a log that held-out clips, or pairs of frames, fill; the first that is there is
drawn. The Kullback-Leibler term is nearly all of the loss, whose weights a log does not name."""


def curves(*, logs: list[Path], picture: Path) -> None:
    """Draw logs <model>/<training>.csv into one PNG, a panel per training.

    Lines are running means of the training loss; rings are the value of `HELD_OUT` on held-out
    clips, where a training has any.
    """
    trainings = sorted({log.stem for log in logs})
    columns = min(COLUMNS, len(trainings))
    lines = -(-len(trainings) // columns)  # rounded up
    # Every model has the same look in all panels.
    look_of = dict(looks(sorted({log.parent.name for log in logs})))
    size = (5.2 * columns, 2.6 * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for axis, training in zip_longest(axes.flat, trainings):
        if training is None:
            axis.axis("off")
            continue
        held_out = [
            _draw(axis, log, look_of[log.parent.name])
            for log in sorted(logs)
            if log.stem == training
        ]
        axis.set_title(training, fontsize=9)
        axis.set_xlabel("iteration", fontsize=8)
        axis.set_ylabel("loss", fontsize=8)
        axis.tick_params(labelsize=7)
        handles, names = axis.get_legend_handles_labels()
        if any(held_out):
            ring = mpl.lines.Line2D([], [], color="black", marker="o", fillstyle="none", ls=":")
            handles, names = [*handles, ring], [*names, "held out (KL)"]
        # Beside the panel, where no line can run into it.
        place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
        axis.legend(handles, names, fontsize=6.5, handlelength=4, **place)
    save(figure, picture, tight=True)


def _draw(axis: Any, log: Path, look: Look) -> bool:
    """Draw the smoothed loss of one log into a panel, and say if it has held-out values."""
    rows = pd.read_csv(log)
    smooth = rows["loss"].rolling(SMOOTH, min_periods=1).mean()
    marker = look.marker or ("." if len(rows) == 1 else "")  # a line of one point is invisible
    (line,) = axis.plot(
        rows["iteration"],
        smooth,
        label=log.parent.name,
        linewidth=1.3,
        markersize=3,
        markevery=max(1, len(rows) // 8),
        **look._asdict() | {"marker": marker},
    )
    measured = next((name for name in HELD_OUT if name in rows), None)
    known = rows.dropna(subset=[measured]) if measured else rows[:0]
    if not len(known):
        return False
    axis.plot(
        known["iteration"],
        known[measured],
        linestyle=":",
        linewidth=1.0,
        color=line.get_color(),
        marker="o",
        markersize=4,
        fillstyle="none",
    )
    return True


if __name__ == "__main__":
    main(curves)
