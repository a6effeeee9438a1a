"""A film with what a network made of a film side by side, each panel under its name.

The panels are the frame and the saliency map and, as far as the network has them, the optical flow
in Middlebury's colours, the maps of both streams S_A and S_T, and the gate of motion G_T (Eq. 1),
in place of which the light network has what stands out by colour and light, S_C.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from model.flow.encoding import colorwheel
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import SIDES, Piece
from pipeline.viewing.products.colours import enlarged, heat, looked_up, table, top
from pipeline.viewing.products.drawing import overlay
from pipeline.viewing.products.overlay import Frames, Shown, SteadyPeaks

_LABELS: Final = {
    "frame": "frame",
    "map": "saliency",
    "flow": "optical flow",
    "appearance": "S_A: appearance",
    "motion": "S_T: motion",
    "conspicuity": "S_C: colour and light",
    "gate_motion": "G_T: weight of motion, 0 to 1",
}
"""Panels in their order -> what stands above them."""
_COLUMNS: Final = {1: 1, 2: 2, 4: 2}
"""Number of panels -> columns, if not 3."""
_LARGEST: Final = 640
"""Pixels of a panel's longer side, at most."""
_SMALLEST: Final = 320
"""Pixels to which small films are enlarged, so that the labels fit."""
_GAP: Final = 4
_GROUND: Final = (24, 24, 24)
_INK: Final = (235, 235, 235)
_GATE: Final = "viridis"


class SideBySide:
    """A film of panels, with the time stamps and the sound of its source; or a picture.

    Args:
        film: The film or picture.
        out: Film or, of a single frame, also a picture that is written.
        strength: Lay the map over the frame in its panel, see `drawing.overlay`; None: the map
            alone.
        colormap: One of `colours.COLORMAPS`, for maps; the gate, a share, has a scale of its own.

    Raises:
        InputError: The name has another suffix, as that of a picture where there are more frames.
    """

    sides: tuple[str, ...] = SIDES

    def __init__(
        self, film: Film, out: Path, strength: float | None = None, colormap: str = "inferno"
    ) -> None:
        # Letters are drawn in square pixels.
        self._shown = Shown(replace(film, aspect=Fraction(1)), out, "panels")
        self._strength, self._colormap = strength, colormap
        self._size = panel_size(max(1, round(film.width * film.aspect)), film.height)
        shrunk = self._size[0] <= film.height and self._size[1] <= film.width
        self._frames = Frames(film, self._size if shrunk else None)
        self._peaks = SteadyPeaks(film, "panels")

    def add(self, piece: Piece, folder: Path) -> None:
        """Draw a piece's part of the film.

        Raises:
            InputError: The film cannot be read, or the disk refuses the part.
        """
        names = [name for name in _LABELS if name in {"frame", "map", *_beside(piece)}]
        sheet = Sheet([_LABELS[name] for name in names], self._size)
        drawn = (sheet.filled(panels) for panels in self._panels(piece, folder, names))
        self._shown.add(piece, folder, drawn, sheet.size)

    def _panels(
        self, piece: Piece, folder: Path, names: Sequence[str]
    ) -> Iterator[list[NDArray[np.uint8]]]:
        maps = {"map": piece.maps, **piece.sides}
        drawn = [name for name in names if name in maps and name != "gate_motion"]
        tops = {name: np.array([top(one) for one in maps[name]]) for name in drawn}
        if piece.flow is not None:
            # Below a pixel per frame there is little but noise, which is not stretched.
            speeds = np.hypot(piece.flow[:, 0], piece.flow[:, 1]).max(axis=(1, 2))
            tops["flow"] = np.maximum(1.0, speeds)
        steady = self._peaks.add(piece, folder, tops)
        for index, shown in enumerate(self._frames.of(piece)):
            peaks = {name: float(found[index]) for name, found in steady.items()}
            panels = {"frame": enlarged(shown, self._size)}
            for name in drawn:
                values = maps[name][index]
                panels[name] = heat(values, self._colormap, size=self._size, peak=peaks[name])
            if self._strength is not None:
                look = (self._strength, self._colormap)
                panels["map"] = overlay(
                    panels["frame"], piece.maps[index], *look, peak=peaks["map"]
                )
            if piece.flow is not None:
                panels["flow"] = flow_picture(piece.flow[index], peaks["flow"], self._size)
            if "gate_motion" in names:
                panels["gate_motion"] = gate_picture(piece.sides["gate_motion"][index], self._size)
            yield [panels[name] for name in names]

    def finish(self, folders: Sequence[Path]) -> None:
        """Join the parts to a film with the source's sound, or put the picture in its place.

        Raises:
            InputError: The disk refuses it.
        """
        self._frames.close()
        self._shown.finish(folders)


def _beside(piece: Piece) -> set[str]:
    """Names of what a network has beside its map."""
    return {*piece.sides, *(("flow",) if piece.flow is not None else ())}


def panel_size(width: int, height: int) -> tuple[int, int]:
    """Return the height and width of a panel of frames of a size: even, within 640 x 640."""
    longer = max(width, height)
    scale = min(_LARGEST, max(longer, _SMALLEST)) / longer
    return max(2, round(height * scale / 2) * 2), max(2, round(width * scale / 2) * 2)


def flow_picture(
    flow: NDArray[np.float32], scale: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return flow [2, y, x] in Middlebury's colours, RGB [height, width, 3]; white is still.

    Speeds of `scale` and above are saturated.
    """
    speed = np.hypot(flow[0], flow[1])
    # A little less than the scale, which rounding must not take for faster: that is darkened.
    slower = flow * np.minimum(1, scale * (1 - 1e-5) / np.maximum(speed, 1e-9))
    colours = colorwheel(torch.from_numpy(slower.astype(np.float32))[None], scale=scale)[0]
    picture = np.rint(colours.permute(1, 2, 0).numpy() * 255).clip(0, 255).astype(np.uint8)
    return enlarged(picture, size)


def gate_picture(gate: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a gate [y, x] of 0..1 in colours, RGB [height, width, 3], on a scale that is fixed."""
    found = np.rint(np.clip(gate, 0, 1) * 255).astype(np.uint8)
    return looked_up(enlarged(found, size), table(_GATE))


class Sheet:
    """A grid of panels under their labels; all but the panels is drawn once."""

    def __init__(self, labels: Sequence[str], panel: tuple[int, int]) -> None:
        height, width = panel
        # A 24th of the width, so that the longest label fits.
        letters = min(20, max(8, width // 24))
        strip = round(letters * 0.8) * 2
        columns = min(len(labels), _COLUMNS.get(len(labels), 3))
        rows = -(-len(labels) // columns)
        self.size = rows * (strip + height), columns * width + (columns - 1) * _GAP
        """Height and width, both even."""
        ground = Image.new("RGB", self.size[::-1], _GROUND)
        pen, font = ImageDraw.Draw(ground), ImageFont.load_default(letters)
        self._corners = list[tuple[int, int]]()
        for index, label in enumerate(labels):
            row, column = divmod(index, columns)
            y, x = row * (strip + height), column * (width + _GAP)
            pen.text((x + letters // 2, y + strip / 2), label, _INK, font, anchor="lm")
            self._corners.append((y + strip, x))
        self._ground = np.asarray(ground)
        self._panel = panel

    def filled(self, panels: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return the grid, RGB [*size, 3], with a picture [height, width, 3] in each panel."""
        picture = self._ground.copy()
        height, width = self._panel
        for (y, x), panel in zip(self._corners, panels, strict=True):
            picture[y : y + height, x : x + width] = panel
        return picture
