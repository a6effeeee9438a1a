"""Stage curves: the loss of every training by iteration (Eq. 6)."""

from itertools import cycle, zip_longest
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd

from pipeline.runtime.cli import main

mpl.use("agg")  # before pyplot: nodes of a cluster have no display
import matplotlib.pyplot as plt

SMOOTH = 10
"""Iterations of the running mean: enough to see a trend through the noise of batches."""
COLUMNS = 3
"""Panels side by side at most."""
LINES = [(colour, style) for style in ("-", "--", ":") for colour in ("black", "0.4", "0.7")]
"""Grey level and dashes of each model in turn, distinguishable in print."""


def curves(*, logs: list[Path], picture: Path) -> None:
    """Draw logs <model>/<training>.csv into one PNG, a panel per training."""
    trainings = sorted({log.stem for log in logs})
    columns = min(COLUMNS, len(trainings))
    lines = -(-len(trainings) // columns)  # rounded up
    size = (3.2 * columns, 2.6 * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for axis, training in zip_longest(axes.flat, trainings):
        if training is None:
            axis.axis("off")
            continue
        shown = sorted(log for log in logs if log.stem == training)
        for log, look in zip(shown, cycle(LINES), strict=False):
            _draw(axis, log, *look)
        axis.set_title(training, fontsize=9)
        axis.set_xlabel("iteration", fontsize=8)
        axis.set_ylabel("loss", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, handlelength=3.5)
    figure.tight_layout()
    figure.savefig(picture, dpi=150, metadata={"Software": None})


def _draw(axis: Any, log: Path, colour: str, style: str) -> None:
    """Draw the smoothed loss of one log into a panel."""
    rows = pd.read_csv(log)
    smooth = rows["loss"].rolling(SMOOTH, min_periods=1).mean()
    dot = "." if len(rows) == 1 else ""  # a line of one point is invisible
    look = {"color": colour, "linestyle": style, "marker": dot, "linewidth": 1.2}
    axis.plot(rows["iteration"], smooth, label=log.parent.name, **look)


if __name__ == "__main__":
    main(curves)
