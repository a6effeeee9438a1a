"""Small stores of four clips, and what a model scored on them, for tests of figures and pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SALIENCY
from pipeline.stores.score_sheets import seal_sheet
from pipeline.stores.writing import write_store

NAN = float("nan")
SIZE = (16, 24)
COUNT = 6
"""Frames of a clip."""
LISTED = (1, 3, 5)
"""Frames that have maps, from 0; their numbers are `NUMBERS`."""
NUMBERS = (12, 14, 16)
NSS = {"a": (1.0, 2.0, 3.0), "b": (5.0, NAN, 6.0), "c": (3.0, 3.5, 3.4), "d": (0.0, 9.0, 0.0)}
"""Means 2, 5.5, 3.3 and 3."""


def stores(folder: Path) -> dict[str, Path]:
    """Kind -> manifest: four clips of six frames, and maps of three of them.

    Clip d moves by three pixels a frame, the others rest. One gaze point lies in each frame.
    """
    rng = np.random.default_rng(1)
    shapes = {FRAMES: (*SIZE, 3), FLOW: (2, *(side // 4 for side in SIZE))}
    paths = {}
    for kind in (FRAMES, FLOW, DENSITY, SALIENCY, GAZE):
        paths[kind.name] = folder / f"{kind.name}.json"
        with write_store(kind, folder / f"{kind.name}.zarr", paths[kind.name], {}) as writer:
            for clip in NSS:
                if kind is GAZE:
                    points = [[k, 2 * k, k, 0] for k in range(COUNT)]
                    writer.add(clip, [np.array(points, np.float32)], frames=COUNT)
                    continue
                listed = {"frames": [*LISTED], "numbers": [*NUMBERS]} if kind is SALIENCY else {}
                facts = {"first": 11, "rate": 10.0} if kind is FRAMES else listed
                count = len(LISTED) if kind is SALIENCY else COUNT
                values = rng.random((count, *shapes.get(kind, SIZE)))
                if kind is FLOW:
                    values = np.full_like(values, 3.0 * (clip == "d"))
                array = (values * 255 if kind is FRAMES else values).astype(kind.dtype)
                writer.add(clip, [array], **facts)
    return paths


def sheet(folder: Path, name: str = "scores") -> Path:
    """A sheet of scores with the values of `NSS`."""
    lines = ["clip,frame,CC,NSS,status"]
    for clip, values in NSS.items():
        for frame, value in zip(LISTED, values, strict=True):
            odd = np.isnan(value)
            cell, status = ("", "NSS=no_fixation") if odd else (str(value), "ok")
            lines.append(f"{clip},{frame},0.5,{cell},{status}")
    return seal(folder / f"{name}.csv", "\n".join([*lines, ""]))


def seal(path: Path, rows: str) -> Path:
    """A sheet of scores of these rows, as stage score would have written it."""
    path.write_text(rows)
    seal_sheet(path, "mit", {}, {})
    return path


def rows_of(path: Path) -> str:
    """The rows of a sheet of scores, without its first line."""
    return path.read_text().partition("\n")[2]
