"""Maps for encoders that spend their bits where people look: product `--roi`.

- ``x264``: a grey film of the source's size, for the fork of x264 that takes one (``--saliency``,
  github.com/msu-video-group/x264_saliency_mod; Lyudvichenko et al., *Improving video compression
  with deep visual-attention models*, arXiv:1903.07912). Its value is the map, 255 at its peak.
- ``kvazaar``: differences of the quantisation parameter (QP) for each block of 64 x 64 pixels, the
  file of kvazaar's option ``--roi``: width and height of the grid, then its values row by row, for
  each frame; text, or where the name ends in .bin 32-bit and 8-bit integers.
- ``json``: rectangles that hold most of the density of each frame and of each shot.
"""

import itertools
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.files import atomic
from pipeline.viewing.media.encoding import join_parts, write_part
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece, Product
from pipeline.viewing.products.numbers import About, count, source_of, times, write_document
from pipeline.viewing.products.regions import densities

BLOCK = 64
"""Pixels of the side of a coding tree unit, kvazaar's smallest area with a QP of its own."""
LARGEST = 6
"""Largest difference of the QP, up and down: 6 halve or double the step of the quantiser."""
CHANCE = 0.05
"""Share of the weight that all places have alike: a network is never sure that nobody looks."""
LEVELS = (0.5, 0.8)
"""Shares of the density that rectangles are drawn about."""
LEAST = 0.05
"""Share of the density below which a part of that area gets no rectangle, unless it is the first.
"""


def roi(kind: Literal["x264", "kvazaar", "json"], film: Film, out: Path, about: About) -> Product:
    """Return the product that writes one kind of map for encoders.

    Args:
        kind: As this module's docstring describes them.
        film: What is watched.
        out: The file to write.
        about: What made the maps.
    """
    if kind == "x264":
        return GreyFilm(film, out)
    return DeltaQp(film, out) if kind == "kvazaar" else Rectangles(film, out, about)


class GreyFilm:
    """A grey film of the source's size, frame for frame."""

    sides: tuple[str, ...] = ()

    def __init__(self, film: Film, out: Path) -> None:
        """Write to `out` when all pieces are there."""
        self._film, self._out = film, out

    def add(self, piece: Piece, folder: Path) -> None:
        """Encode the maps of a piece.

        Raises:
            InputError: The disk refuses it.
        """
        size = (self._film.height, self._film.width)
        pictures = (grey(one, size) for one in piece.maps)
        write_part(folder / "roi.mkv", self._film, piece.first, pictures, size=size, grey=True)

    def finish(self, folders: Sequence[Path]) -> None:
        """Join the pieces.

        Raises:
            InputError: The disk refuses it.
        """
        parts = [folder / "roi.mkv" for folder in folders]
        join_parts(parts, self._film, self._out, sound=False)


def grey(saliency: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a map [y, x] as a picture of a size (height, width), 255 at its peak."""
    saliency = np.nan_to_num(saliency.astype(np.float32), posinf=0.0).clip(0)
    large = cv2.resize(saliency, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.round(large * (255 / (large.max() or 1))).astype(np.uint8)


class DeltaQp:
    """Differences of the QP for each frame and block of 64 x 64 pixels."""

    sides: tuple[str, ...] = ()

    def __init__(self, film: Film, out: Path) -> None:
        """Write to `out` when all pieces are there."""
        self._film, self._out = film, out

    def add(self, piece: Piece, folder: Path) -> None:
        """Write the grids of a piece.

        Raises:
            InputError: The disk refuses it.
        """
        grids = delta_qp(piece.maps, self._film.height, self._film.width)
        head = np.array(grids.shape[:0:-1], "<i4")  # width, height
        with atomic(folder / "roi.qp") as part:
            if self._out.suffix.lower() == ".bin":
                part.write_bytes(b"".join(head.tobytes() + grid.tobytes() for grid in grids))
            else:
                part.write_text("".join(_text(head, grid) for grid in grids), encoding="ascii")

    def finish(self, folders: Sequence[Path]) -> None:
        """Join the pieces.

        Raises:
            InputError: The disk refuses it.
        """
        with atomic(self._out) as partial, partial.open("wb") as whole:
            for folder in folders:
                with (folder / "roi.qp").open("rb") as part:
                    shutil.copyfileobj(part, whole)


def _text(head: NDArray[Any], grid: NDArray[Any]) -> str:
    return "".join(" ".join(map(str, row.tolist())) + "\n" for row in [head, *grid])


def delta_qp(maps: NDArray[Any], height: int, width: int) -> NDArray[np.int8]:
    """Return QP differences [t, rows, columns], -LARGEST to LARGEST, for blocks of a film's frames.

    To make the error of the picture, weighted by attention w, least for a number of bits, the QP of
    a block is that of the frame minus 3 log2 w: the square of the quantiser's step grows with
    2^(QP/3), and with it the error. The differences of a frame are shifted so that their mean over
    its area is zero up to rounding; where a map is empty they are zero.

    Args:
        maps: [t, y, x], of any grid that covers the frame.
        height: Pixels of the frame.
        width: Likewise.
    """
    down, across = _overlaps(maps.shape[1], height), _overlaps(maps.shape[2], width)
    area = np.outer(down.mean(axis=1), across.mean(axis=1))
    grids = []
    for _, density, seen in densities(maps):
        attention = np.einsum("ry,tyx,cx->trc", down, density, across, optimize=True) / area
        wish = -3 * np.log2(CHANCE + (1 - CHANCE) * attention)
        found = _neutral(wish, area)
        grids.append(np.where(seen[:, None, None], np.round(found), 0).astype(np.int8))
    return np.concatenate(grids)


def _neutral(wish: NDArray[np.float64], area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Grids [t, rows, columns], each shifted so that, within the limits, its mean is zero."""
    low, high = wish.min(axis=(1, 2)) - LARGEST, wish.max(axis=(1, 2)) + LARGEST
    for _ in range(50):  # halving: the mean falls as the shift grows
        shift = (low + high) / 2
        mean = ((wish - shift[:, None, None]).clip(-LARGEST, LARGEST) * area).sum(axis=(1, 2))
        low, high = np.where(mean > 0, shift, low), np.where(mean > 0, high, shift)
    found: NDArray[np.float64] = wish - ((low + high) / 2)[:, None, None]
    return found.clip(-LARGEST, LARGEST)


def _overlaps(cells: int, pixels: int) -> NDArray[np.float64]:
    """The share [block, cell] of each cell along one side of a map that lies in each block."""
    edges = np.minimum(np.arange(math.ceil(pixels / BLOCK) + 1) * BLOCK, pixels) / pixels * cells
    inside = np.clip(edges[:, None] - np.arange(cells), 0, 1)
    return np.diff(inside, axis=0)


class Rectangles:
    """Rectangles about the places that hold most of the density, in pixels of the source."""

    sides: tuple[str, ...] = ()

    def __init__(self, film: Film, out: Path, about: About) -> None:
        """Write to `out` when all pieces are there."""
        self._film, self._out, self._about = film, out, about

    def add(self, piece: Piece, folder: Path) -> None:
        """Write the rectangles of a piece's frames, and their mean density.

        Raises:
            InputError: The disk refuses it.
        """
        size = (self._film.height, self._film.width)
        total, lines = np.zeros(piece.maps.shape[1:]), []
        for begin, density, _ in densities(piece.maps):
            total += density.sum(axis=0)
            for index, one in enumerate(density, start=piece.first + begin):
                facts = {"index": index, "seconds": times(self._film, index, index)[0]}
                lines.append({**facts, "shot": piece.shot, "rectangles": rectangles(one, size)})
        with atomic(folder / "roi.npy") as part, part.open("wb") as file:
            np.save(file, total)
        with atomic(folder / "roi.jsonl") as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def finish(self, folders: Sequence[Path]) -> None:
        """Write the document.

        Raises:
            InputError: The disk refuses it.
        """
        head = {
            "schema": "gfsalnet/rectangles/1",
            "source": source_of(self._film, count(folders, "roi.jsonl")),
            "model": self._about.model_dump(),
        }
        write_document(self._out, head, folders, "roi.jsonl", self._shots(folders))

    def _shots(self, folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
        """Rectangles about the mean density of each shot."""
        ends = []
        for folder in folders:
            lines = (folder / "roi.jsonl").read_text(encoding="utf-8").splitlines()
            ends.append((json.loads(lines[0]), json.loads(lines[-1]), folder))
        for shot, group in itertools.groupby(ends, key=lambda piece: piece[0]["shot"]):
            pieces = list(group)
            first, last = pieces[0][0]["index"], pieces[-1][1]["index"]
            density = sum(np.load(folder / "roi.npy") for *_, folder in pieces)
            yield {
                "index": shot,
                "first": first,
                "last": last,
                "seconds": times(self._film, first, last),
                "rectangles": rectangles(density, (self._film.height, self._film.width)),
            }


def rectangles(density: NDArray[np.float64], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Return rectangles about the smallest areas that hold the shares LEVELS of a density.

    Each part of such an area that is in one piece has a rectangle of its own: `level`, `rectangle`
    (left, top, right, bottom in pixels; right and bottom are the first ones outside) and the
    `share` of the density that the part holds, the largest first.

    Args:
        density: [y, x], of any scale.
        size: Height and width of the frame in pixels.
    """
    if not density.any():
        return []
    density = density / density.sum()
    order = np.argsort(-density, axis=None, kind="stable")
    sums = density.ravel()[order].cumsum()
    scale = np.array([*size[::-1], *size[::-1]]) / [*density.shape[::-1], *density.shape[::-1]]
    found = []
    for level in LEVELS:
        area = np.zeros(density.size, np.uint8)
        area[order[: np.searchsorted(sums, level - 1e-9) + 1]] = 1
        parts, labels, boxes, _ = cv2.connectedComponentsWithStats(area.reshape(density.shape))
        shares = np.bincount(labels.ravel(), density.ravel(), parts)[1:]
        for k in np.argsort(-shares, kind="stable").tolist():
            if shares[k] < LEAST and shares[k] < shares.max():
                break
            left, top, width, height = boxes[k + 1, :4].tolist()
            sides = np.array([left, top, left + width, top + height]) * scale
            box = [*np.floor(sides[:2]), *np.ceil(sides[2:])]
            share = round(float(shares[k]), 6)
            found.append({"level": level, "rectangle": [int(s) for s in box], "share": share})
    return found
