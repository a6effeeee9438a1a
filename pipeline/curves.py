"""Stage curves: the loss of every training by iteration (Eq. 6)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pandas as pd

from pipeline.stage import main

mpl.use("agg")
import matplotlib.pyplot as plt

SMOOTH = 10
"""Iterations of the running mean."""


def curves(*, logs: list[Path], picture: Path) -> None:
    """Logs <model>/<training>.csv to one PNG, a panel per training."""
    trainings = sorted({log.stem for log in logs})
    figure, axes = plt.subplots(
        1, len(trainings), figsize=(3.2 * len(trainings), 3), squeeze=False, sharey=True
    )
    for axis, training in zip(axes[0], trainings, strict=True):
        for log in (log for log in logs if log.stem == training):
            rows = pd.read_csv(log)
            smooth = rows["loss"].rolling(SMOOTH, min_periods=1).mean()
            axis.plot(rows["iteration"], smooth, label=log.parent.name, linewidth=1)
        axis.set_title(training, fontsize=9)
        axis.set_xlabel("iteration")
        axis.legend(fontsize=6)
    axes[0, 0].set_ylabel("loss, Eq. (6)")
    figure.tight_layout()
    figure.savefig(picture, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main(curves)
