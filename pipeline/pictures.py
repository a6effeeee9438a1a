"""Stage pictures: frame, flow, density and each model's map side by side (Fig. 4, 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

from model.flow_image import colorwheel
from pipeline.samples import flow_tensor
from pipeline.stage import main
from pipeline.stores import DENSITY, FLOW, FRAMES, SALIENCY, Store, open_parts, open_store

mpl.use("agg")
import matplotlib.pyplot as plt

ROWS = 6
"""Frames shown: evenly spread over the clips and within each clip."""


def _shown(saliency: Store) -> list[tuple[str, int, int]]:
    """(clip, frame, place of the frame's map in the store) of the rows."""
    clips = list(saliency.clips)
    shown = []
    for row in range(ROWS):
        clip = clips[row * len(clips) // ROWS]
        repeats = [r for r in range(ROWS) if clips[r * len(clips) // ROWS] == clip]
        count = saliency.clips[clip]["shape"][0]
        place = (repeats.index(row) + 1) * count // (len(repeats) + 1)
        frames = saliency.clips[clip]["frames"]
        shown.append((clip, frames[place] if frames else place, place))
    return shown


def _flow_picture(flow: Any, size: tuple[int, int]) -> NDArray[np.float32]:
    motion = flow_tensor(flow, size)[None]
    scale = max(1.0, float(torch.linalg.vector_norm(motion, dim=1).max()))
    picture: NDArray[np.float32] = colorwheel(motion, scale=scale)[0].permute(1, 2, 0).numpy()
    return picture


def _draw(axis: Any, picture: NDArray[Any], title: str | None) -> None:
    colours = None if picture.ndim == 3 else "magma"
    axis.imshow(
        picture.clip(0, 1) if picture.dtype.kind == "f" and picture.ndim == 3 else picture,
        cmap=colours,
    )
    axis.set_xticks([])
    axis.set_yticks([])
    if title is not None:
        axis.set_title(title, fontsize=8)


def pictures(
    *,
    frames: list[Path],
    flow: list[Path],
    density: list[Path],
    saliency: list[Path],
    labels: list[str],
    picture: Path,
) -> None:
    """A grid of test frames as PNG: a row per frame, a column per picture."""
    parts = [
        open_parts(kind, manifests)
        for kind, manifests in ((FRAMES, frames), (FLOW, flow), (DENSITY, density))
    ]
    maps = [open_store(SALIENCY, manifest) for manifest in saliency]
    titles = ["frame", "flow", "density", *labels]
    shape = (ROWS, len(titles))
    figure, axes = plt.subplots(*shape, figsize=(1.6 * shape[1], 1.3 * shape[0]), squeeze=False)
    for row, (clip, time, place) in enumerate(_shown(maps[0])):
        shot, motion, truth = (np.asarray(part[clip][clip][time]) for part in parts)
        columns = [shot, _flow_picture(motion, (shot.shape[0], shot.shape[1])), truth]
        columns += [np.asarray(store[clip][place]) for store in maps]
        for column, content in enumerate(columns):
            content = content.astype(np.float32) if content.dtype == np.float16 else content
            _draw(axes[row, column], content, titles[column] if row == 0 else None)
        axes[row, 0].set_ylabel(f"{clip[:18]}\n{time}", fontsize=6)
    figure.tight_layout(pad=0.4)
    figure.savefig(picture, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main(pictures)
