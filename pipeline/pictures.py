"""Stage pictures: frame, flow, density and each model's map side by side (Fig. 4, 5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.drawing import draw, flow_picture, grid, save
from pipeline.stage import main
from pipeline.stores import DENSITY, FLOW, FRAMES, SALIENCY, Store, open_parts, open_store

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
    figure, axes = grid(ROWS, len(titles))
    for row, (clip, time, place) in enumerate(_shown(maps[0])):
        shot, motion, truth = (np.asarray(part[clip][clip][time]) for part in parts)
        columns = [shot, flow_picture(motion, (shot.shape[0], shot.shape[1])), truth]
        columns += [np.asarray(store[clip][place]) for store in maps]
        for column, content in enumerate(columns):
            content = content.astype(np.float32) if content.dtype == np.float16 else content
            draw(axes[row, column], content, titles[column] if row == 0 else None)
        axes[row, 0].set_ylabel(f"{clip[:18]}\n{time}", fontsize=6)
    save(figure, picture)


if __name__ == "__main__":
    main(pictures)
