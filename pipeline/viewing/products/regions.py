"""Named parts of the picture, whose share of the attention is counted.

A file of regions is JSON:

    {
      "unit": "pixels",
      "regions": {
        "logo": {"rectangle": [1500, 40, 1880, 200]},
        "face": {"polygon": [[600, 200], [900, 220], [740, 700]], "from": 2, "until": 5.5}
      }
    }

A rectangle is left, top, right, bottom; a polygon a list of corners, each x, y. The unit is
"pixels" of a frame as it is shown, or "shares" of its width and height (0 to 1), which it is where
none is stated. `from` and `until` are seconds of the chosen part of the film; `until` is the first
moment at which the region is gone.
"""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.text import read_text

_BANDS = 8
"""Lines at which the sides of a region are looked at in each row of a map: cells that a slanting
side crosses are right to about 1/100, and the whole of the region is exact."""
_BLOCK = 16
"""Maps that are worked on at once: a piece has hundreds, and these are of double precision."""
_LEAST = 1e-6
"""Smallest share of the frame that a region may have: less is a line or a typing error."""
_SLACK = 1e-9
"""Of the frame: as much may a corner lie outside by rounding."""

Corner = tuple[float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Region(_Strict):
    rectangle: tuple[float, float, float, float] | None = None
    polygon: Annotated[tuple[Corner, ...], Field(min_length=3)] | None = None
    since: float | None = Field(default=None, alias="from", ge=0)
    until: float | None = None


class _File(_Strict):
    unit: Literal["shares", "pixels"] = "shares"
    regions: dict[str, _Region] = Field(min_length=1)


@dataclass(frozen=True)
class Region:
    """A part of the picture, for all of the film or for some of it."""

    name: str
    corners: tuple[Corner, ...]
    """x, y as shares of the width and the height; where a side crosses another, what is enclosed
    twice is outside."""
    since: float = 0.0
    """Seconds of the chosen part of the film."""
    until: float = math.inf

    @property
    def area(self) -> float:
        """Share of the frame, for a region whose sides do not cross."""
        x, y = np.array(self.corners).T
        return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2

    def shown(self, seconds: float) -> bool:
        """Whether it counts at a time."""
        return self.since <= seconds < self.until

    def weights(self, height: int, width: int) -> NDArray[np.float64]:
        """Return the share [y, x] of each cell of a map that lies inside.

        Its mean is the region's share of the frame.
        """
        corners = np.array(self.corners) * (width, height)
        ends = np.roll(corners, -1, axis=0)
        levels = np.union1d(np.arange(height * _BANDS + 1) / _BANDS, corners[:, 1])
        inside = np.zeros((height, width))
        left = np.arange(width)
        for top, bottom in itertools.pairwise(levels.tolist()):
            middle = (top + bottom) / 2
            crossed = (corners[:, 1] <= middle) != (ends[:, 1] <= middle)
            (x, y), (to_x, to_y) = corners[crossed].T, ends[crossed].T
            at = np.sort(x + (middle - y) / (to_y - y) * (to_x - x))
            for begin, end in zip(at[::2].tolist(), at[1::2].tolist(), strict=True):
                covered = np.clip(end - left, 0, 1) - np.clip(begin - left, 0, 1)
                inside[int(middle)] += (bottom - top) * covered
        return inside


class Regions(tuple[Region, ...]):
    """Regions in the order of their names."""

    __slots__ = ()

    def __new__(cls, regions: Iterable[Region] = ()) -> "Regions":
        """Sort them, so that what is written does not depend on the file's order."""
        return super().__new__(cls, sorted(regions, key=lambda region: region.name))

    def weights(self, height: int, width: int) -> NDArray[np.float64]:
        """Return the share [region, y, x] of each cell of a map that lies inside each."""
        found = [region.weights(height, width) for region in self]
        return np.array(found).reshape(len(self), height, width)


def densities(
    maps: NDArray[Any],
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.bool_]]]:
    """Yield maps [t, y, x] as densities, a few at once: the first's index, they, which are seen.

    A density is a map divided by its sum; one that is zero everywhere stays so and is not seen.
    What is not finite counts as 0.
    """
    for begin in range(0, len(maps), _BLOCK):
        block = maps[begin : begin + _BLOCK].astype(np.float64)
        block = np.nan_to_num(block, copy=False, posinf=0.0).clip(0)
        sums = block.sum(axis=(1, 2))
        yield begin, block / np.where(sums > 0, sums, 1)[:, None, None], sums > 0


def read_regions(path: Path, *, width: int, height: int, seconds: float) -> Regions:
    """Return the regions that a file names.

    Args:
        path: JSON, as this module's docstring describes it.
        width: Pixels of a frame as it is shown.
        height: Likewise.
        seconds: Length of the chosen part of the film.

    Raises:
        InputError: The file cannot be read, is no JSON, or holds something that is no region of
            this film.
    """
    content = _loaded(path)
    try:
        file = _File.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise InputError(f"{path}: {_problem(error, content)}") from None
    scale = (width, height) if file.unit == "pixels" else (1, 1)
    ends = "{:g} x {:g}".format(*scale) + (" pixels" if file.unit == "pixels" else " (shares)")
    found = []
    for name, region in file.regions.items():
        try:
            found.append(_region(name, region, scale, ends, seconds))
        except ValueError as error:
            raise InputError(f"{path}: region {name!r}: {error}") from None
    return Regions(found)


def _loaded(path: Path) -> Any:
    """The content of a JSON file without a name that occurs twice."""

    def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        for name in (names := [name for name, _ in pairs]):
            if names.count(name) > 1:
                raise InputError(f"{path}: {name!r} is there twice; rename or remove one")
        return dict(pairs)

    try:
        return json.loads(read_text(path), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}, column {error.colno}: no JSON ({error.msg}); "
            "docs/regions_of_interest.md shows a file of regions"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: brackets within brackets without end; no regions") from None


def _problem(error: ValidationError, content: Any) -> str:
    """A line about the first thing that does not fit."""
    problem = error.errors()[0]
    where = ".".join(str(step) for step in problem["loc"]) or "the file"
    what = problem["msg"]
    match problem["type"]:
        case "extra_forbidden":
            fields = _File.model_fields if len(problem["loc"]) == 1 else _Region.model_fields
            known = [field.alias or name for name, field in fields.items()]
            what = f"not known; known are {', '.join(known)}{meant(problem['loc'][-1], known)}"
        case "missing" if problem["loc"] == ("regions",):
            what = 'missing; {"regions": {"name": {"rectangle": [x, y, x, y]}}} is expected'
        case "model_type" | "too_short" if len(problem["loc"]) < 2:
            what = 'no regions; {"regions": {"name": {"rectangle": [x, y, x, y]}}} is expected'
        case "missing":
            what = "a number is missing; a rectangle has four, a corner two"
        case "too_short" if problem["loc"][-1] == "polygon":
            what = "a polygon has three corners or more"
    return f"{where}: {what[0].lower()}{what[1:]}"


def _region(
    name: str, region: _Region, scale: tuple[int, int], ends: str, seconds: float
) -> Region:
    """A region in shares; ValueError: what is wrong with it, and the remedy."""
    if not name.strip() or len(name) > 64 or not name.isprintable():  # a column of a page
        raise ValueError("a name has 1 to 64 characters that can be printed; rename it")
    match region.rectangle, region.polygon:
        case (left, top, right, bottom), None:
            if left >= right or top >= bottom:
                raise ValueError(
                    f"the rectangle {[left, top, right, bottom]} is empty: left, top, right, "
                    "bottom are expected, not a width and a height"
                )
            corners: tuple[Corner, ...] = (left, top), (right, top), (right, bottom), (left, bottom)
        case None, (*polygon,):
            corners = tuple(polygon)
        case _:
            raise ValueError("either a rectangle or a polygon is expected")
    shares = np.array(corners) / scale
    outside = np.flatnonzero(((shares < -_SLACK) | (shares > 1 + _SLACK)).any(axis=1))
    if len(outside):
        x, y = corners[outside[0]]
        remedy = '; is "unit": "pixels" missing?' if scale == (1, 1) else "; move it inside"
        raise ValueError(f"the corner ({x:g}, {y:g}) lies outside the frame of {ends}{remedy}")
    since, until = region.since or 0.0, math.inf if region.until is None else region.until
    if not since < until:
        raise ValueError(f"it is gone (until {until:g}) before it is there (from {since:g})")
    if since >= seconds:
        raise ValueError(f"it comes at {since:g} s, but the film has {seconds:g} s; change `from`")
    points = [(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) for x, y in shares.tolist()]
    found = Region(name, tuple(points), since, until)
    if found.area < _LEAST:
        raise ValueError("its corners lie on a line, or its sides cross; list them in order")
    return found
