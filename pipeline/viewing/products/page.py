"""The page: one file with the film, its map and its numbers, that opens in any browser.

The film of the page has the picture on top and the grey map below it, on the map's own grid, so
that the two are in step whatever a browser does: the page draws both from the same decoded frame.
Colours and strength are given to the map only there, and stay open to change.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup
from numpy.typing import NDArray
from rich.console import Console
from rich.filesize import decimal

from pipeline.reporting.html import digest, environment, source
from pipeline.runtime.files import atomic
from pipeline.viewing.media.encoding import join_parts, write_part, write_picture
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.media.sound import opened
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.colours import COLORMAPS, enlarged, levels, table
from pipeline.viewing.products.numbers import About, moments, times
from pipeline.viewing.products.regions import Regions

_LONGEST: Final = 960
"""Pixels of the longer side of the picture, at most."""
_BLOCK: Final = 16
"""Pixels of a block of H.264: the map begins with one, so that no picture leaks into it."""
_QUALITY: Final = 23
"""x264's rate factor: maps of recorded clips are off by less than a level of 255 on average, and a
second takes 50 kB."""
_SLICE: Final = 24 * 2**20
"""Bytes of the film in one element of the page, a multiple of 3: strings have a largest length."""
_LARGE: Final = 100 * 10**6
"""Bytes of a page from which on phones and mail refuse it."""
_BATCH: Final = 16
"""Frames that are read at once."""

_GATE: Final = "Motion gate"
_LANES: Final = {_GATE: "gate", "Spread": "spread"}
"""Numbers over time: name on the page -> key of `moments`."""
_ENDS: Final = (0.05, 0.1, 0.2, 0.5, 1)
"""Upper ends that an axis may have."""
_MEANINGS: Final = {
    "Centre (x, y)": "Mean place of the map, as shares of the width and the height of the picture, "
    "from its upper left corner.",
    _GATE: "G_T, the weight of the motion stream against that of the appearance stream, "
    "averaged over the frame, or over a region: 0 appearance alone, 1 motion alone.",
    "Spread": "Root mean square distance of the map from its centre, as a share of the picture's "
    "diagonal: 0 if all look at one point, 0.29 if they look everywhere alike.",
    "Share": "How much of the map lies inside a region; the mean is over time.",
}
"""What each number is."""


class _Layout(NamedTuple):
    """Where the picture and the map lie in a frame of the page's film, in pixels."""

    height: int
    width: int
    map_height: int
    map_width: int

    @property
    def top(self) -> int:
        """The first row of the map."""
        return -(-self.height // _BLOCK) * _BLOCK

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole, even as H.264 wants them."""
        return self.top + _even(self.map_height), _even(max(self.width, self.map_width))

    def stack(self, picture: NDArray[np.uint8], values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """A picture [y, x, 3] above its map [y, x]; their edges fill what they leave free."""
        found = enlarged(levels(values), (self.map_height, self.map_width))
        height, width = self.size
        parts = [
            cv2.copyMakeBorder(
                part, 0, rows - part.shape[0], 0, width - part.shape[1], cv2.BORDER_REPLICATE
            )
            for part, rows in (
                (picture, self.top),
                (cv2.cvtColor(found, cv2.COLOR_GRAY2RGB), height - self.top),
            )
        ]
        whole: NDArray[np.uint8] = np.concatenate(parts)
        return whole


def _even(pixels: float) -> int:
    """The even number that is not below and nearest, at least 2."""
    return max(2, 2 * int(-(-pixels // 2)))


class Page:
    """`--html`: one file with player, map, numbers over time and regions, for any browser.

    Args:
        film: What is shown, at most 960 pixels long.
        out: The page, *.html.
        regions: Named regions, whose shares are shown.
        about: The network and its weights.
        strength: Opacity of the map's peak at first, above 0 and at most 1.
        colormap: Name in `COLORMAPS` at first.
    """

    sides: tuple[str, ...] = ("gate_motion",)

    def __init__(
        self,
        film: Film,
        out: Path,
        regions: Regions,
        about: About,
        *,
        strength: float = 0.6,
        colormap: str = "inferno",
    ) -> None:
        self._film, self._out, self._regions = film, out, regions
        self._words = {"model": about.name, "about": about.about}
        self._at_first = {"strength": strength, "colormap": colormap}
        self._square = replace(film, aspect=Fraction(1))
        self._reader: Reader | None = None
        wide, high = film.width * float(film.aspect), film.height
        scale = min(1.0, _LONGEST / max(wide, high))
        self._shown = _even(int(high * scale)), _even(int(wide * scale))

    def add(self, piece: Piece, folder: Path) -> None:
        """Encode the piece's frames and maps, and keep its numbers."""
        layout = self._layout(piece.maps.shape[1:])
        if self._film.kind == "picture":
            (picture,) = self._pictures(piece)
            write_picture(folder / "page.jpg", layout.stack(picture, piece.maps[0]))
        else:
            frames = map(layout.stack, self._pictures(piece), piece.maps)
            part = folder / "page.mkv"
            write_part(part, self._square, piece.first, frames, size=layout.size, quality=_QUALITY)
        known = {
            "map": {"top": layout.top, "height": layout.map_height, "width": layout.map_width},
            "moments": moments(piece, self._regions, self._film),
        }
        with atomic(folder / "page.json") as partial:
            partial.write_text(json.dumps(known))

    def finish(self, folders: Sequence[Path]) -> None:
        """Write the page, and say how large it is.

        Raises:
            InputError: The disk refuses it.
        """
        if self._reader:
            self._reader.close()
            self._reader = None
        data = self._data([json.loads((one / "page.json").read_text()) for one in folders])
        picture, joined = None, folders[-1] / "page.mp4"
        if self._film.kind == "picture":
            picture = base64.b64encode((folders[0] / "page.jpg").read_bytes()).decode()
        else:
            parts = [one / "page.mkv" for one in folders]
            join_parts(parts, self._square, joined, sound=self._film.sound)
            data["start"] = _start(joined)
        values = {
            **self._words,
            **self._at_first,
            "title": os.fsencode(self._film.source.name).decode(errors="replace"),
            "still": picture is not None,
            "sound": self._film.sound,
            "colours": list(COLORMAPS),
            "regions": data["regions"],
            "meanings": _meanings(data),
            "picture": picture,
            "film": _slices(joined) if picture is None else [],
            "data": Markup(json.dumps(data, allow_nan=False).replace("<", "\\u003c")),
        }
        _write(self._out, values)
        joined.unlink(missing_ok=True)
        _report(self._out)

    def _layout(self, grid: tuple[int, ...]) -> _Layout:
        """Where picture and map lie, given the grid [y, x] of the maps: never finer than needed."""
        (height, width), (y, x) = self._shown, grid
        scale = min(1.0, height / y, width / x)
        return _Layout(height, width, max(1, round(y * scale)), max(1, round(x * scale)))

    def _pictures(self, piece: Piece) -> Iterator[NDArray[np.uint8]]:
        """The piece's frames from the source, at the page's size."""
        if self._reader is None:
            self._reader = Reader(self._film, self._shown, first=piece.first)
        self._reader.skip_to(piece.first)
        left = len(piece)
        while left and (taken := self._reader.take(min(left, _BATCH))):
            yield from taken
            left -= len(taken)

    def _data(self, pieces: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """What the page's script reads."""
        found = [one for piece in pieces for one in piece["moments"]]
        shots: dict[int, int] = {}
        for one in found:
            shots.setdefault(one["shot"], one["index"])
        _, gone = times(self._film, found[-1]["index"], found[-1]["index"])
        return {
            "still": self._film.kind == "picture",
            "height": self._shown[0],
            "width": self._shown[1],
            "map": pieces[0]["map"],
            "start": 0.0,
            "times": [*(one["seconds"] for one in found), gone],
            "shots": list(shots.values()),
            "colours": {
                name: base64.b64encode(table(name).tobytes()).decode() for name in COLORMAPS
            },
            **_numbers(found, self._regions),
        }


def _numbers(found: Sequence[Mapping[str, Any]], regions: Regions) -> dict[str, Any]:
    """Numbers of all frames as the page shows them: in words, in lanes of its chart, by region."""
    lanes: list[dict[str, Any]] = []
    words = {"Centre (x, y)": [_words(*one["centre"] or [None]) for one in found]}
    for name, key in _LANES.items():
        values = [_rounded(one.get(key)) for one in found]
        if any(value is not None for value in values):
            words[name] = [_words(value) for value in values]
            top = 1 if name == _GATE else _end(values)  # a gate is seen against one half
            lanes.append({"name": name, "top": top, "values": values})
    shares = {
        region.name: [_rounded(one["regions"].get(region.name)) for one in found]
        for region in regions
    }
    if regions:
        top = max(map(_end, shares.values()))
        lanes.append({"name": "Shares of the regions", "top": top, "values": None})
    gates = {
        region.name: [_words(one["gates"].get(region.name)) for one in found] for region in regions
    }
    named = [
        {
            "name": region.name,
            "points": region.corners,
            "shown": [region.name in one["regions"] for one in found],
            "shares": shares[region.name],
            "gates": gates[region.name] if _GATE in words else None,
        }
        for region in regions
    ]
    return {"numbers": words, "lanes": lanes, "regions": named}


def _end(values: Sequence[float | None]) -> float:
    """Upper end of an axis that holds values of 0..1."""
    largest = max((value for value in values if value is not None), default=0.0)
    return next((end for end in _ENDS if largest <= end), 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _words(*values: float | None) -> str:
    return ", ".join("-" if value is None else f"{value:.2f}" for value in values)


def _meanings(data: Mapping[str, Any]) -> dict[str, str]:
    """What is said of each number that the page shows."""
    known = [*data["numbers"], *(["Share"] if data["regions"] else [])]
    return {name: text for name, text in _MEANINGS.items() if name in known}


def _start(path: Path) -> float:
    """Seconds at which the first frame of a film appears by the film's own clock."""
    with opened(path) as container:
        stream = container.streams.video[0]
        return round(float((stream.start_time or 0) * (stream.time_base or 0)), 6)


def _slices(path: Path) -> Iterator[Markup]:
    """A file in base64, in pieces that decode by themselves."""
    with path.open("rb") as file:
        while content := file.read(_SLICE):
            yield Markup(base64.b64encode(content).decode())


def _write(out: Path, values: Mapping[str, Any]) -> None:
    """Write the page as it is rendered, so that the film is never held as a whole."""
    templates = _templates()
    script = source(templates, "page.js")
    style = templates.get_template("page.css.j2").render()
    digests = {"script_digest": digest(script), "style_digest": digest(style)}
    template = templates.get_template("page.html.j2")
    parts = template.generate(**values, **digests, script=Markup(script), style=Markup(style))
    with atomic(out) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(parts)


@cache
def _templates() -> Environment:
    """Templates of this chapter, and for their style those of `pipeline.reporting.pages`."""
    packages = ("pipeline.viewing.products", "pipeline.reporting.pages")
    return environment(ChoiceLoader([PackageLoader(package) for package in packages]))


def _report(out: Path) -> None:
    """Warn of a page that is large, and say what helps."""
    size = out.stat().st_size
    if size > _LARGE:
        Console(stderr=True, soft_wrap=True).print(
            f"{out}: {decimal(size)} are much for a browser; choose a part of the film with "
            "--start and --end",
            markup=False,
            highlight=False,
        )
