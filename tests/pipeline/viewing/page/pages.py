"""A film whose frames can be recognised on a screen, and its pieces, as a page takes them."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.page import Page

COUNT = 48
"""Frames."""
HEIGHT, WIDTH = 90, 160
"""Of the film, which is no multiple of 16 high."""
GRID = (48, 80)
"""Of the maps."""
SHOTS = (0, 19, 20)
"""First frames; one shot has a single frame."""
_LASTS = [40, 60, 33, 100, 20, 47]
"""Milliseconds that frames last, in turn."""
_STAMPS = np.cumsum([0, *itertools.islice(itertools.cycle(_LASTS), COUNT - 1)])
TIMES = [*(_STAMPS / 1000).tolist(), (_STAMPS[-1] + _STAMPS[-1] - _STAMPS[-2]) / 1000]
"""Seconds at which each frame appears, and the last one goes."""


def coded_film(folder: Path, *, sound: bool = False) -> Path:
    """Write a film whose frame k has the level 16 + 4 k everywhere, at a variable rate."""
    path = folder / "coded & <i>film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(1000))
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "gray"
        heard = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for k, stamp in enumerate(_STAMPS.tolist()):
            values = np.full((HEIGHT, WIDTH), 16 + 4 * k, np.uint8)
            frame = av.VideoFrame.from_ndarray(values, format="gray")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard:
            tone = np.sin(np.arange(int(TIMES[-1] * 48000)) / 10).astype(np.float32)
            heard_frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            heard_frame.sample_rate = 48000
            container.mux(heard.encode(heard_frame))
            container.mux(heard.encode())
    return path


def pieces(count: int, *, longest: int = 12) -> list[Piece]:
    """Pieces of at most `longest` frames within shots, whose map k lies in the quarter k mod 4."""
    cuts = [first for first in SHOTS if first < count] + [count]
    spans = [
        (first, min(first + longest, end))
        for begin, end in itertools.pairwise(cuts)
        for first in range(begin, end, longest)
    ]
    found = []
    for first, stop in spans:
        maps = np.zeros((stop - first, *GRID), np.float32)
        for k in range(first, stop):
            quarter = k % 4
            maps[k - first, 20:44, 20 * quarter + 1 : 20 * quarter + 19] = 0.001 * (k + 1)
        shot = sum(first >= one for one in SHOTS) - 1
        frames = np.zeros((*maps.shape, 3), np.uint8)
        found.append(Piece(first, shot, frames, None, maps, {}))
    return found


def made(product: Page, film: Film, folder: Path) -> list[Path]:
    """Make a product of all pieces of a film; the folders of the pieces."""
    folders = []
    for piece in pieces(len(film)):
        folders.append(folder / f"piece_{piece.first}")
        folders[-1].mkdir(exist_ok=True)
        product.add(piece, folders[-1])
    product.finish(folders)
    return folders
