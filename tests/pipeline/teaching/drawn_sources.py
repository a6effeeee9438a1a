"""Drawn films and pictures, and a sheet of sources that names them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.runtime.sheets import write_rows
from pipeline.stores.weights import file_sha256
from pipeline.teaching.sources import COLUMNS
from tests.pipeline.preprocessing.films import ffmpeg
from tests.pipeline.viewing.seen import SIZE, shot

RATE = 10
TALL = (96, 64)
"""Height and width of drawn pictures."""


def frames(*counts: int) -> np.ndarray:
    """Frames [t, y, x, 3] of shots of so many frames; each moves by a pixel a frame."""
    return np.stack([one for seed, count in enumerate(counts) for one in shot(seed, count)])


def film(file: Path, *counts: int) -> Path:
    """A film of shots, to the last bit as `frames` draws it."""
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[1]}x{SIZE[0]}", "-r", RATE)
    content = frames(*counts).tobytes()
    ffmpeg(*raw, "-i", "-", "-c:v", "ffv1", "-pix_fmt", "bgr0", file, content=content)
    return file


def picture(file: Path) -> Path:
    """A picture of a bright square on grey, above the middle."""
    drawn = np.full((*TALL, 3), 90, np.uint8)
    drawn[20:36, 20:36] = (250, 240, 200)
    cv2.imwrite(str(file), drawn[..., ::-1])
    return file


def row(file: Path, kind: str, start: str = "0") -> list[str]:
    """The row of a source, whose address is where the file lies."""
    stated, address = "https://example.org/LICENSE", file.as_uri()
    return [
        *(file.name, kind, "Drawn", "This test", "CC0 1.0"),
        *(stated, address, file_sha256(file), start),
    ]


def listed(sheet: Path, *rows: list[str]) -> Path:
    """A sheet of sources."""
    write_rows(sheet, COLUMNS, rows)
    return sheet
