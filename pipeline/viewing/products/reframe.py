"""A film in another shape, cut to where people look: `gfsalnet reframe in.mp4 --aspect 9:16`.

The first pass looks at the film shot by shot and remembers where attention lies along the side that
becomes shorter. Then the path of a window is sought for each shot (`crop_path`), and the second
pass writes what the window shows, with the sound. Where even the best path would lose too much of
the attention, as with two people at both edges, the whole frame is shown between bars.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.viewing.media.encoding import film_format, join_parts, write_part
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.crop_path import attention, crop_path, keyframes
from pipeline.viewing.products.numbers import source_of, times
from pipeline.viewing.products.regions import densities
from pipeline.viewing.run import view

if TYPE_CHECKING:
    from pipeline.viewing.network.load import Model

KEEP = 0.6
"""Share of the attention that a window shows at least, on average over a shot: with two equal
subjects apart it shows half, with one nearly all."""
SMALLEST = 16
"""Pixels of a window's side, at least."""
_CELLS = 128
"""Cells along the window's way, at most: an hour without a cut takes 50 MB."""
_BLUR = 24
"""Pixels along the shorter side of what is enlarged to blurred bars."""
_DIM = 0.6
"""Brightness of blurred bars: the frame between them stands out."""
_BLOCK = 4
"""Full-size frames that are held at once."""

Bars = Literal["blur", "black"]


class Window(NamedTuple):
    """The window of a film's frames that has a shape."""

    height: int
    """Pixels; even, as encoders want it."""
    width: int
    axis: int
    """The side of the frame along which it moves: 0, its height; 1, its width."""

    @classmethod
    def of(cls, film: Film, aspect: Fraction) -> "Window":
        """Return the largest window whose shape on the screen is `aspect`, width to height.

        Raises:
            InputError: It would be too small.
        """
        pixels = aspect / film.aspect
        axis = 1 if film.height * pixels <= film.width else 0
        exact = (film.height, film.height * pixels) if axis else (film.width / pixels, film.width)
        height = min(2 * round(exact[0] / 2), 2 * (film.height // 2))
        width = min(2 * round(exact[1] / 2), 2 * (film.width // 2))
        if min(height, width) < SMALLEST:
            raise InputError(
                f"{film.source}: {float(aspect):g} as wide as high is too narrow for frames of "
                f"{film.width} x {film.height} pixels; give another --aspect"
            )
        return cls(height, width, axis)


class _Shot(NamedTuple):
    """What is shown of a shot."""

    first: int
    last: int
    kept: float
    start: NDArray[np.int64] | None
    """[frame]: pixels to the left of or above the window; None: the whole frame is shown."""
    keys: list[int]
    """Frames, from the shot's first, between which the window moves evenly."""


class Reframed:
    """The film that a window shows, and where the window is."""

    sides: tuple[str, ...] = ()

    def __init__(
        self,
        film: Film,
        out: Path,
        aspect: Fraction,
        json_out: Path | None = None,
        *,
        bars: Bars = "blur",
        keep: float = KEEP,
        progress: bool = False,
    ) -> None:
        """Write to `out`, and the places of the window to `json_out`, when all pieces are there.

        Args:
            film: What is watched.
            out: A film.
            aspect: Width to height, on the screen.
            json_out: JSON; None: not written.
            bars: What is beside a frame that is shown whole.
            keep: Share of the attention below which a shot's frames are shown whole.
            progress: Whether a bar shows how far the second pass is.

        Raises:
            InputError: The window would be too small, or `out` has no suffix of a film.
        """
        film_format(out)
        self._film, self._out, self._json, self._aspect = film, out, json_out, str(aspect)
        self._window = Window.of(film, aspect)
        self._bars, self._keep = bars, keep
        self._console = Console(stderr=True, quiet=not progress)

    def add(self, piece: Piece, folder: Path) -> None:
        """Remember where the attention of a piece's frames lies along the window's way.

        Raises:
            InputError: The disk refuses it.
        """
        axis = self._window.axis
        along = np.concatenate([attention(one, axis) for _, one, _ in densities(piece.maps)])
        if along.shape[1] > _CELLS:  # the mean of what falls into a cell, but sums stay 1
            scale = along.shape[1] / _CELLS
            small = cv2.resize(along, (_CELLS, len(along)), interpolation=cv2.INTER_AREA)
            along = small.astype(np.float32) * np.float32(scale)
        with atomic(folder / "reframe.npz") as part, part.open("wb") as file:
            np.savez(file, first=piece.first, shot=piece.shot, along=along)

    def finish(self, folders: Sequence[Path]) -> None:
        """Find the paths, and write the film from frames of its own size.

        Raises:
            InputError: The film cannot be read again, or the disk refuses something.
        """
        shots = list(self._shots(folders))
        document = self._document(shots)
        if self._json is not None:
            with atomic(self._json) as partial:
                partial.write_text(document, encoding="utf-8")
        # A part of another path, which a run with other options has left, has another name.
        name = f"reframe_{hashlib.sha256((document + self._bars).encode()).hexdigest()[:12]}.mkv"
        parts = [folder / name for folder in folders]
        hidden = not self._console.is_terminal
        size = (self._window.height, self._window.width)
        with Reader(self._film) as reader:
            for folder in track(
                folders, "writing", console=self._console, transient=True, disable=hidden
            ):
                if (folder / name).exists():
                    continue
                with np.load(folder / "reframe.npz") as facts:
                    first, count = int(facts["first"]), len(facts["along"])
                reader.skip_to(first)
                pictures = self._pictures(reader, shots, first, count)
                write_part(folder / name, self._film, first, pictures, size=size)
        join_parts(parts, self._film, self._out, sound=True)

    def _shots(self, folders: Sequence[Path]) -> Iterator[_Shot]:
        """What is shown of each shot."""
        side = (self._film.height, self._film.width)[self._window.axis]
        size = self._window[self._window.axis]

        def loaded() -> Iterator[tuple[int, int, NDArray[np.float32]]]:
            for folder in folders:
                with np.load(folder / "reframe.npz") as facts:
                    yield int(facts["shot"]), int(facts["first"]), facts["along"]

        for _, group in itertools.groupby(loaded(), key=lambda piece: piece[0]):
            pieces = list(group)
            first, along = pieces[0][1], np.concatenate([piece[2] for piece in pieces])
            seconds = np.array([self._film.seconds(first + t) for t in range(len(along))])
            path = crop_path(along, seconds, size / side)
            places = path.start * side
            keys = keyframes(seconds, places)
            places[keys] = np.round(places[keys])
            line = np.round(np.interp(seconds, seconds[keys], places[keys])).astype(np.int64)
            shown = line.clip(0, side - size) if path.kept >= self._keep else None
            yield _Shot(first, first + len(along) - 1, path.kept, shown, keys)

    def _document(self, shots: Sequence[_Shot]) -> str:
        """Where the window is, as JSON with a line for each shot."""
        window = self._window
        head = {
            "schema": "gfsalnet/reframe/1",
            "source": source_of(self._film, shots[-1].last + 1),
            "aspect": self._aspect,
            "width": window.width,
            "height": window.height,
        }
        lines = []
        for index, shot in enumerate(shots):
            keys = []
            for key in shot.keys if shot.start is not None else ():
                assert shot.start is not None
                place = [0, 0]
                place[1 - window.axis] = int(shot.start[key])
                frame = shot.first + key
                seconds = times(self._film, frame, frame)[0]
                keys.append({"index": frame, "seconds": seconds, "x": place[0], "y": place[1]})
            facts = {
                "index": index,
                "first": shot.first,
                "last": shot.last,
                "seconds": times(self._film, shot.first, shot.last),
                "kept": round(shot.kept, 6),
                "mode": "letterbox" if shot.start is None else "crop",
                "keyframes": keys,
            }
            lines.append("  " + json.dumps(facts))
        text = json.dumps(head, indent=1)[: -len("\n}")]
        return text + ',\n "shots": [\n' + ",\n".join(lines) + "\n ]\n}\n"

    def _pictures(
        self, reader: Reader, shots: Sequence[_Shot], first: int, count: int
    ) -> Iterator[NDArray[np.uint8]]:
        """What is shown of each frame of a piece."""
        shot = next(shot for shot in shots if shot.first <= first <= shot.last)
        height, width, axis = self._window
        for begin in range(first, first + count, _BLOCK):
            frames = reader.take(min(_BLOCK, first + count - begin))
            for index, frame in enumerate(frames, begin):
                if shot.start is None:
                    yield letterbox(frame, (height, width), self._bars)
                    continue
                place = [0, 0]
                place[axis] = int(shot.start[index - shot.first])
                top, left = place
                yield np.ascontiguousarray(frame[top : top + height, left : left + width])


def letterbox(frame: NDArray[np.uint8], size: tuple[int, int], bars: Bars) -> NDArray[np.uint8]:
    """Return a whole frame [y, x, 3] in the middle of a picture of a size (height, width).

    Beside it is its own middle, enlarged, blurred and dimmed, or nothing.
    """
    (height, width), (rows, columns) = size, frame.shape[:2]
    scale, cover = sorted((height / rows, width / columns))
    found: NDArray[Any] = np.zeros((height, width, 3), np.uint8)
    if bars == "blur":
        deep, wide = min(round(height / cover), rows), min(round(width / cover), columns)
        top, left = (rows - deep) // 2, (columns - wide) // 2
        small = [max(1, round(side * _BLUR / min(size))) for side in (width, height)]
        middle = frame[top : top + deep, left : left + wide]
        tiny = cv2.GaussianBlur(cv2.resize(middle, small, interpolation=cv2.INTER_AREA), (0, 0), 1)
        large = cv2.resize(tiny, (width, height), interpolation=cv2.INTER_CUBIC)
        found = (large * _DIM).astype(np.uint8)
    rows, columns = max(1, round(rows * scale)), max(1, round(columns * scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    fitted = cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)
    found[top : top + rows, left : left + columns] = fitted
    return found


def reframe(
    film: Film,
    model: "Model",
    aspect: Fraction,
    out: Path,
    json_out: Path | None = None,
    *,
    folder: Path,
    every: int = 1,
    bars: Bars = "blur",
    keep: float = KEEP,
    progress: bool = True,
) -> None:
    """Write a film in another shape, cut to where people look.

    Args:
        film: What is seen.
        model: What sees it.
        aspect: Width to height, on the screen.
        out: A film.
        json_out: Where the window is, as JSON (docs/reframing.md); None: not written.
        folder: As `run.view` has it: a run that was stopped goes on there, in both passes.
        every: Film frames from one that the network sees to the next.
        bars: What is beside a frame that is shown whole.
        keep: Share of the attention below which a shot's frames are shown whole.
        progress: Whether standard error shows how far it is.

    Raises:
        InputError: The film cannot be read, the window would be too small, `out` has no suffix of
            a film, or the disk refuses something.
    """
    options: dict[str, Any] = {"bars": bars, "keep": keep, "progress": progress}
    product = Reframed(film, out, aspect, json_out, **options)
    view(film, model, [product], folder=folder, every=every, progress=progress)
