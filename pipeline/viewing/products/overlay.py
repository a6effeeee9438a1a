"""A film of where people look: its maps in colours, laid over its frames or alone."""

import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.files import atomic
from pipeline.viewing.media.encoding import film_format, join_parts, write_part, write_picture
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.colours import heat, top
from pipeline.viewing.products.drawing import overlay

STILLS: Final = (".png", ".jpg", ".jpeg")
"""Suffixes of pictures."""
_TOGETHER: Final = 8
"""Frames that are decoded at once: 22 MB of 720p."""
_STEADY: Final = 0.5
"""Seconds after which a peak counts 1/e in a film's brightness: shorter than a fixation and the
saccade to the next one take, longer than a network's flicker."""
_FREEDOM: Final = 1.5
"""How far a steady peak may lie from a frame's own, as a factor: where a map suddenly becomes
another one, as after a fade from black, it should neither drown in one colour nor vanish."""


class SteadyPeaks:
    """What maps of a film are divided by, so that brightness does not flicker between frames.

    It is the mean of the largest values up to a frame, the later the heavier, not too far from the
    frame's own, and begins at every shot. What lies above is drawn like the peak. Frames still to
    come are not looked at, and the state goes into the folder of each piece, so a run that was
    stopped goes on as if it had not.
    """

    def __init__(self, film: Film, name: str) -> None:
        self._film, self._file = film, f"{name}.json"
        self._state: dict[str, Any] | None = None

    def add(
        self, piece: Piece, folder: Path, tops: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the peak of each frame of a piece, [t], given the largest values, [t], by name.

        A largest value of 0 is that of no map and leaves the peak as it is; before the first other
        one, it is 0.

        Raises:
            InputError: The disk refuses the state.
        """
        if self._state is None or self._state["next"] != piece.first:
            self._state = self._stored(piece, folder)
        before = self._state if self._state and self._state["shot"] == piece.shot else {}
        peaks = dict[str, NDArray[np.float64]]()
        for name, highest in tops.items():
            peaks[name] = self._smoothed(highest, piece.first, before.get("peaks", {}).get(name, 0))
        last = {name: float(found[-1]) for name, found in peaks.items()}
        self._state = {"next": piece.first + len(piece), "shot": piece.shot, "peaks": last}
        with atomic(folder / self._file) as partial:
            partial.write_text(json.dumps(self._state))
        return peaks

    def _smoothed(
        self, highest: NDArray[np.float64], first: int, peak: float
    ) -> NDArray[np.float64]:
        found = np.zeros(len(highest))
        for index, value in enumerate(highest.tolist()):
            if value and peak:
                time = first + index
                passed = self._film.seconds(time) - self._film.seconds(time - 1)
                kept = math.exp(-passed / _STEADY)
                peak = kept * peak + (1 - kept) * value
                peak = min(max(peak, value / _FREEDOM), value * _FREEDOM)
            elif value:
                peak = value
            found[index] = peak
        return found

    def _stored(self, piece: Piece, folder: Path) -> dict[str, Any] | None:
        """The state behind the piece before this one, which an earlier run has left."""
        for file in folder.parent.glob(f"*/{self._file}"):
            state: dict[str, Any] = json.loads(file.read_text())
            if state["next"] == piece.first:
                return state
        return None


class Frames:
    """The frames of a film's pieces at a size of their own, from a decoder that stays open."""

    def __init__(self, film: Film, size: tuple[int, int] | None = None) -> None:
        self._film, self._size = film, size
        self._reader: Reader | None = None

    def of(self, piece: Piece) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames, RGB [y, x, 3], of a piece that begins behind the one before it.

        Raises:
            InputError: The film cannot be read.
        """
        if self._reader is None:
            self._reader = Reader(self._film, self._size, first=piece.first)
        self._reader.skip_to(piece.first)
        left = len(piece)
        while left and (frames := self._reader.take(min(left, _TOGETHER))):
            left -= len(frames)
            yield from frames

    def close(self) -> None:
        """Close the decoder."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@dataclass(frozen=True)
class Shown:
    """What is drawn of a film: another film with the source's sound or, of one frame, a picture.

    Raises:
        InputError: The name of the file has a suffix that no film has, or no picture either.
    """

    film: Film
    """Whose time stamps and sound it has."""
    out: Path
    """File that is written."""
    name: str
    """How the names of its parts begin."""

    def __post_init__(self) -> None:
        if not self._still:
            film_format(self.out)

    @property
    def _still(self) -> bool:
        return len(self.film) == 1 and self.out.suffix.lower() in STILLS

    @property
    def _part(self) -> str:
        return f"{self.name}{self.out.suffix.lower() if self._still else '.mkv'}"

    def add(
        self,
        piece: Piece,
        folder: Path,
        pictures: Iterator[NDArray[np.uint8]],
        size: tuple[int, int],
    ) -> None:
        """Write the part that a piece becomes, of pictures [y, x, 3] of a height and width.

        Raises:
            InputError: The disk refuses it.
        """
        part = folder / self._part
        if self._still:
            write_picture(part, next(pictures))
        else:
            write_part(part, self.film, piece.first, pictures, size=size)

    def finish(self, folders: Sequence[Path]) -> None:
        """Join the parts, or put the picture in its place.

        Raises:
            InputError: The disk refuses it.
        """
        parts = [folder / self._part for folder in folders]
        if self._still:
            with atomic(self.out) as partial:
                shutil.copyfile(parts[0], partial)
        else:
            join_parts(parts, self.film, self.out, sound=self.film.sound)


class Overlay:
    """A film of a film's maps in colours, of its size, time stamps and sound; or a picture.

    Args:
        film: The film or picture.
        out: Film or, of a single frame, also a picture (`STILLS`) that is written.
        strength: Opacity of the peak above the frame, see `drawing.overlay`; None: the map alone.
        colormap: One of `colours.COLORMAPS`.

    Raises:
        InputError: The name has another suffix, as that of a picture where there are more frames.
    """

    sides: tuple[str, ...] = ()

    def __init__(
        self, film: Film, out: Path, strength: float | None = 0.6, colormap: str = "inferno"
    ) -> None:
        self._strength, self._colormap = strength, colormap
        name = "heat" if strength is None else "overlay"
        self._shown, self._size = Shown(film, out, name), (film.height, film.width)
        self._frames, self._peaks = Frames(film), SteadyPeaks(film, name)

    def add(self, piece: Piece, folder: Path) -> None:
        """Draw a piece's part of the film.

        Raises:
            InputError: The film cannot be read, or the disk refuses the part.
        """
        peaks = self._peaks.add(piece, folder, {"map": np.array([top(one) for one in piece.maps])})
        self._shown.add(piece, folder, self._drawn(piece, peaks["map"].tolist()), self._size)

    def _drawn(self, piece: Piece, peaks: Sequence[float]) -> Iterator[NDArray[np.uint8]]:
        if self._strength is None:
            for values, peak in zip(piece.maps, peaks, strict=True):
                yield heat(values, self._colormap, size=self._size, peak=peak)
            return
        # A damaged film may end before it should.
        for frame, values, peak in zip(self._frames.of(piece), piece.maps, peaks, strict=False):
            yield overlay(frame, values, self._strength, self._colormap, peak=peak)

    def finish(self, folders: Sequence[Path]) -> None:
        """Join the parts to a film with the source's sound, or put the picture in its place.

        Raises:
            InputError: The disk refuses it.
        """
        self._frames.close()
        self._shown.finish(folders)
