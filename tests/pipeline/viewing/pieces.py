"""What tests of a film's products start from: a small film, its pieces, folders, and a decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from pipeline.raw.ffmpeg import write_frames
from pipeline.viewing.media.film import Film, open_film
from pipeline.viewing.piece import Piece, Product

GRID = (24, 32)
"""Height and width of the frames that a network is given."""


def draw_film(path: Path, count: int = 12, width: int = 96, height: int = 72) -> Film:
    """A film of a smooth picture that moves to the right, 25 frames/s."""
    y, x = np.mgrid[:height, :width]
    with write_frames(path, (height, width, 3), 25.0, vcodec="libx264", crf=1) as write:
        for time in range(count):
            waves = (np.sin((x - 2 * time) / 15), np.cos(y / 11), np.sin((x + y) / 20))
            write(np.rint(128 + 80 * np.stack(waves, -1)).astype(np.uint8))
    return open_film(path)


def blobs(count: int, scale: float = 1.0, at: tuple[int, int] = (8, 8)) -> np.ndarray:
    """Maps [t, y, x] of one place, 0 in their right half."""
    y, x = np.mgrid[: GRID[0], : GRID[1]]
    blob = scale * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 10)
    blob[:, GRID[1] // 2 :] = 0
    return np.repeat(blob[None], count, axis=0).astype(np.float32)


def pieces(lengths: Sequence[int], *, shots: Sequence[int] = (), rich: bool = False) -> list[Piece]:
    """Pieces that follow one another; rich ones have flow and all other maps."""
    found, first = list[Piece](), 0
    for index, length in enumerate(lengths):
        maps = blobs(length)
        maps *= 1 + np.arange(first, first + length)[:, None, None] % 5
        flow = np.zeros((length, 2, GRID[0] // 4, GRID[1] // 4), np.float32)
        flow[:, 0] = 3
        gate = np.full((length, *GRID), 0.5, np.float32)
        sides = {
            "appearance": blobs(length, 2.0),
            "motion": blobs(length, 0.1, (16, 4)),
            "gate_motion": gate,
        }
        frames = np.zeros((length, *GRID, 3), np.uint8)
        shot = shots[index] if shots else 0
        more = (flow, maps, sides) if rich else (None, maps, {})
        found.append(Piece(first, shot, frames, *more))
        first += length
    return found


def produce(product: Product, given: Sequence[Piece], folder: Path) -> list[Path]:
    """Add pieces to a product, each with a folder of its own, and finish it."""
    folders = [folder / f"{piece.first:06d}" for piece in given]
    for piece, own in zip(given, folders, strict=True):
        own.mkdir(parents=True)
        product.add(piece, own)
    product.finish(folders)
    return folders


def decoded(path: Path) -> Iterator[np.ndarray]:
    """Frames of a film, RGB [y, x, 3]."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
