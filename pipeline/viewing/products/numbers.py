"""Where people look in a film, in numbers: a file of JSON with a record of each frame and shot.

The types below are its schema, which is also `workflow/schemas/moments.schema.json`; call
`python -m pipeline.viewing.products.numbers` after a change. One film gives the same bytes each
time on the same machine: numbers are rounded, keys have an order, and neither a date nor a folder
is written.

A map counts as a density: divided by its sum, so that only places count, not its scale. Places are
shares of the width and the height of the picture (0 to 1; x to the right, y down), the middle of a
pixel of the map standing for all of it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema

from pipeline.planning.provenance import ROOT
from pipeline.runtime.cli import main
from pipeline.runtime.files import atomic
from pipeline.runtime.version import VERSION
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece
from pipeline.viewing.products.regions import Regions, densities

SCHEMA = ROOT / "workflow/schemas/moments.schema.json"
_DIGITS = 6
"""Decimals: a hundredth of a pixel of 4K, a microsecond."""
PART = "numbers.jsonl"
"""File in a piece's folder: a line for each frame."""
_AVERAGED = ("centre", "deviation", "spread", "gate")
_BY_REGION = ("regions", "gates")

Share = Annotated[float, Field(ge=0, le=1)]
Place = tuple[Share, Share]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class About(_Record):
    """What made the maps."""

    name: str
    about: str
    """One sentence: which weights, their licence and their source."""
    weights: str | None = None
    """SHA-256 of the file of weights, in hexadecimal digits; null: the model needs none."""
    version: str = Field(default_factory=lambda: VERSION)
    """Version of the package that wrote this file."""


class Source(_Record):
    """The film, or the part of it that was chosen."""

    name: str
    """Name of the file, without its folder."""
    width: int
    """Pixels of a frame as it is shown upright."""
    height: int
    """Likewise."""
    pixel_aspect: str
    """Width of a pixel / its height, as a fraction."""
    frames: int
    """Number of frames: those that were chosen, as far as they could be read."""
    rate: str | None
    """Frames per second, as a fraction; null: frames last differently, and only `seconds` count."""
    seconds: float
    """Length of the chosen part."""


class Moments(_Record):
    """Where people look, at one moment or on average over a shot."""

    centre: Place | None
    """x, y: mean of the density; null, as the next three, where a map is empty."""
    deviation: Place | None
    """x, y: standard deviation of the density, in shares of the width and of the height."""
    spread: Share | None
    """Root mean square distance from the centre, as a share of the picture's diagonal: 0 if all
    look at one point, 0.288675 if they look everywhere alike, whatever the picture's shape."""
    gate: float | None
    """G_T, the weight of the motion stream against that of the appearance stream (GFSalNet,
    Sec. III-C, Fig. 6), averaged over the frame; null: the network has no gate by location."""
    regions: dict[str, Share | None]
    """Name of a region -> share of the density that lies inside; null where the map is empty. A
    region is absent while it is not shown."""
    gates: dict[str, float]
    """Name of a region -> mean of G_T over it; empty where `gate` is null."""


class Frame(Moments):
    """One frame."""

    index: int
    """From 0, the first chosen frame."""
    seconds: float
    """When it appears, from the first chosen frame."""
    shot: int
    """Index of its shot."""
    peak: Place | None
    """x, y: where the map is highest; of several places the uppermost, then the leftmost."""


class Shot(Moments):
    """Frames between two cuts; its numbers are means of those of its frames."""

    index: int
    """From 0."""
    first: int
    """Index of its first frame."""
    last: int
    """Index of its last frame."""
    seconds: tuple[float, float]
    """When its first frame appears and its last one goes."""


class Document(_Record):
    """Where people look in a film, as a network predicts it."""

    layout: Literal["gfsalnet/moments/1"] = Field(alias="schema")
    """Name and version of this layout."""
    source: Source
    model: About
    regions: dict[str, Share]
    """Name of each region -> share of the picture that it covers; attention that falls on it by
    chance has the same share."""
    frames: list[Frame]
    shots: list[Shot]


def moments(piece: Piece, regions: Regions, film: Film) -> list[dict[str, Any]]:
    """Return the numbers of each frame of a piece, as `Frame` has them, rounded."""
    height, width = piece.maps.shape[1:]
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    weights, names = regions.weights(height, width), [region.name for region in regions]
    sides = np.array([film.width * float(film.aspect), film.height]) ** 2
    gate = piece.sides.get("gate_motion")
    gated = weights if gate is None else regions.weights(*gate.shape[1:])
    found = []
    for begin, density, seen in densities(piece.maps):
        across, down = density.sum(axis=1), density.sum(axis=2)
        centre = np.stack([across @ x, down @ y], axis=1)
        off = (across * (x - centre[:, :1]) ** 2, down * (y - centre[:, 1:]) ** 2)
        variance = np.stack([one.sum(axis=1) for one in off], axis=1)
        spread = np.sqrt(variance @ sides / sides.sum())
        row, column = np.divmod(density.reshape(len(density), -1).argmax(axis=1), width)
        peak = np.stack([x[column], y[row]], axis=1)
        shares = np.einsum("tyx,ryx->tr", density, weights).clip(0, 1)
        for t in range(len(density)):
            index, known = piece.first + begin + t, bool(seen[t])
            seconds = film.seconds(index)
            shown = [r for r, region in enumerate(regions) if region.shown(seconds)]
            one = None if gate is None else gate[begin + t].astype(np.float64)
            found.append(
                {
                    "index": index,
                    "seconds": round(seconds, _DIGITS),
                    "shot": piece.shot,
                    "centre": _rounded(centre[t]) if known else None,
                    "deviation": _rounded(np.sqrt(variance[t])) if known else None,
                    "spread": _rounded(spread[t]) if known else None,
                    "peak": _rounded(peak[t]) if known else None,
                    "gate": None if one is None else _rounded(one.mean()),
                    "regions": {names[r]: _rounded(shares[t, r]) if known else None for r in shown},
                    "gates": {}
                    if one is None
                    else {
                        names[r]: _rounded((one * gated[r]).sum() / gated[r].sum()) for r in shown
                    },
                }
            )
    return found


def _rounded(value: Any) -> Any:
    """A number or an array as what JSON holds; no -0.0."""
    return (np.round(np.asarray(value, np.float64), _DIGITS) + 0.0).tolist()


def source_of(film: Film, frames: int) -> dict[str, Any]:
    """Return the facts about a film, as `Source` has them, of which so many frames were read."""
    rate = film.timing.rate
    return {
        "name": film.source.name,
        "width": film.width,
        "height": film.height,
        "pixel_aspect": str(film.aspect),
        "frames": frames,
        "rate": None if rate is None else str(rate),
        "seconds": times(film, 0, frames - 1)[1],
    }


class Numbers:
    """Product `--json`: the numbers of all frames and shots, `Document`.

    Those of a piece are lines in its folder, one for each frame, which `finish` copies.
    """

    sides: tuple[str, ...] = ("gate_motion",)

    def __init__(self, film: Film, out: Path, regions: Regions, about: About) -> None:
        """Write to `out` when all pieces are there."""
        self._film, self._out, self._regions, self._about = film, out, regions, about

    def add(self, piece: Piece, folder: Path) -> None:
        """Write the numbers of a piece's frames into its folder.

        Raises:
            InputError: The disk refuses it.
        """
        lines = [json.dumps(frame) + "\n" for frame in moments(piece, self._regions, self._film)]
        with atomic(folder / PART) as part:
            part.write_text("".join(lines), encoding="utf-8")

    def finish(self, folders: Sequence[Path]) -> None:
        """Write the document, with memory that does not grow with the number of frames.

        Raises:
            InputError: The disk refuses it.
        """
        head = {
            "schema": "gfsalnet/moments/1",
            "source": source_of(self._film, count(folders, PART)),
            "model": self._about.model_dump(),
            "regions": {region.name: _rounded(region.area) for region in self._regions},
        }
        shots = _Shots(self._film)
        write_document(self._out, head, folders, PART, shots.means(), shots.add)


def write_document(
    out: Path,
    head: Mapping[str, Any],
    folders: Sequence[Path],
    part: str,
    shots: Iterable[Mapping[str, Any]],
    seen: Callable[[dict[str, Any]], None] = lambda frame: None,
) -> None:
    """Write a document with a head, `frames` and `shots`, a line for each, and with flat memory.

    The file `part` in each of the folders has a line for each frame, which `seen` is called with;
    `shots` are asked for after the last one.

    Raises:
        InputError: The disk refuses it.
    """
    with atomic(out) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, indent=1)[: -len("\n}")] + ',\n "frames": [')
        between = "\n  "
        for folder in folders:
            with (folder / part).open(encoding="utf-8") as lines:
                for line in lines:
                    file.write(between + line.rstrip("\n"))
                    seen(json.loads(line))
                    between = ",\n  "
        written = (json.dumps(shot) for shot in shots)
        file.write('\n ],\n "shots": [\n  ' + ",\n  ".join(written) + "\n ]\n}\n")


def count(folders: Sequence[Path], part: str) -> int:
    """Return the number of frames of which there are lines."""
    last = (folders[-1] / part).read_text(encoding="utf-8").splitlines()[-1]
    return int(json.loads(last)["index"]) + 1


class _Mean:
    """A mean of numbers, or of lists of them, of which some are absent."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | float = 0.0
        self._count = 0

    def add(self, value: float | list[float] | None) -> None:
        if value is not None:
            self._sum = self._sum + np.array(value)
            self._count += 1

    def value(self) -> Any:
        return _rounded(self._sum / self._count) if self._count else None


class _Shots:
    """Means over the frames of each shot; frames come in order."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._shots: dict[int, tuple[list[int], dict[str, _Mean], dict[str, Any]]] = {}

    def add(self, frame: Mapping[str, Any]) -> None:
        shot = frame["shot"]
        if shot not in self._shots:
            by_region = {key: defaultdict[str, _Mean](_Mean) for key in _BY_REGION}
            self._shots[shot] = [frame["index"], 0], defaultdict(_Mean), by_region
        ends, means, inside = self._shots[shot]
        ends[1] = frame["index"]
        for key in _AVERAGED:
            means[key].add(frame[key])
        for key, regions in inside.items():
            for name, value in frame[key].items():
                regions[name].add(value)

    def means(self) -> Iterator[dict[str, Any]]:
        for index, (ends, means, inside) in self._shots.items():
            yield {
                "index": index,
                "first": ends[0],
                "last": ends[1],
                "seconds": list(times(self._film, *ends)),
                **{name: mean.value() for name, mean in means.items()},
                **{
                    key: {name: mean.value() for name, mean in sorted(regions.items())}
                    for key, regions in inside.items()
                },
            }


def times(film: Film, first: int, last: int) -> tuple[float, float]:
    """Return the seconds at which a frame appears and at which another one goes."""
    gone = film.seconds(last + 1) if last + 1 < len(film) else film.timing.seconds
    return round(film.seconds(first), _DIGITS), round(gone, _DIGITS)


def schema() -> str:
    """Return the text of the JSON schema of `Document`."""
    found = {"$schema": GenerateJsonSchema.schema_dialect, **Document.model_json_schema()}
    return json.dumps(found, indent=2) + "\n"


def write_schema() -> None:
    """Write the schema of the numbers of a film."""
    SCHEMA.write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main(write_schema)
