"""Names and sidecars of a BIDS dataset: which files belong to a recording, and what they say."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from pipeline.config.section import Section
from pipeline.datasets.records import ReaderError
from pipeline.datasets.screen import Position, options
from pipeline.datasets.table import text_of

Kind = TypeVar("Kind", bound=BaseModel)


_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
_PIXELS = ("pixel", "pixels", "px")
_NORMALISED = ("normalised", "normalized", "ratio")
Edge = Literal["top", "bottom", "left", "right", "center"]


class BidsOptions(Section):
    """Options of the reader."""

    fit: Literal["contain", "native", "stretch"] | None = None
    """See `pipeline.datasets.screen.Position`."""
    rectangle: tuple[float, float, PositiveFloat, PositiveFloat] | None = None
    """See `pipeline.datasets.screen.Position`."""
    eyes: Literal["mean", "left", "right", "cyclopean"] = "mean"
    """Which RecordedEye counts; mean: of left and right, or of the one that was tracked, or what is
    there."""
    start: Literal["events", "zero", "first"] = "events"
    """When the video begins: at its onset in events.tsv, at 0 of the events' clock, or with the
    first sample."""
    stimulus: str = "stim_file"
    """Column of events.tsv that names the clip, with or without folder and suffix."""
    events: tuple[str, ...] | None = None
    """Values of trial_type in physioevents during which samples count; None: all samples count."""
    screen: tuple[PositiveFloat, PositiveFloat] | None = None
    """Width and height in pixels, instead of ScreenResolution."""
    origin: tuple[Edge, Edge] | None = None
    """Where coordinates are 0, as [top, left], instead of ScreenOrigin."""
    y: Literal["down", "up"] | None = None
    """Where y grows to; needed for an origin in the centre."""


class Facts(BaseModel):
    """Some of the keys of a sidecar."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Column(Facts):
    """Metadata of a column."""

    units: str | None = Field(default=None, alias="Units")


class Recording(Facts):
    """Metadata of a recording."""

    columns: tuple[str, ...] = Field(alias="Columns")
    rate: PositiveFloat = Field(alias="SamplingFrequency")
    start: float = Field(alias="StartTime", allow_inf_nan=False)
    eye: Literal["left", "right", "cyclopean"] = Field(alias="RecordedEye")
    system: Literal["gaze-on-screen"] = Field(alias="SampleCoordinateSystem")
    timestamp: Column = Column()
    x: Column = Field(alias="x_coordinate")


class Screen(Facts):
    """Metadata of the screen, StimulusPresentation."""

    resolution: tuple[PositiveFloat, PositiveFloat] = Field(alias="ScreenResolution")
    origin: tuple[Edge, Edge] = Field(alias="ScreenOrigin")
    size: tuple[PositiveFloat, PositiveFloat] | None = Field(default=None, alias="ScreenSize")


class Events(Facts):
    """Metadata of physioevents."""

    columns: tuple[str, ...] = Field(alias="Columns")
    source: Literal["timestamp", "n/a"] = Field(alias="OnsetSource")


@dataclass(frozen=True)
class BidsFile:
    """A file by the parts of its name: `sub-01_task-ball_physio.tsv.gz`."""

    path: Path
    entities: Mapping[str, str] = field(hash=False)
    suffix: str
    extension: str


def bids_files(paths: Iterable[Path]) -> list[BidsFile]:
    """Return the files whose names are made as BIDS prescribes."""
    found = []
    for path in paths:
        stem, _, extension = path.name.partition(".")
        *pairs, suffix = stem.split("_")
        if all("-" in pair for pair in pairs):
            entities = dict(pair.split("-", 1) for pair in pairs)
            found.append(BidsFile(path, entities, suffix, extension))
    return found


def inherited(
    entities: Mapping[str, str], folder: Path, suffix: str, extension: str, files: list[BidsFile]
) -> list[BidsFile]:
    """Return the files that hold for one with these entities in this folder, nearest last.

    They lie in its folder or above it, and their names have none but its entities.
    """
    found = [
        file
        for file in files
        if (file.suffix, file.extension) == (suffix, extension)
        and file.entities.items() <= entities.items()
        and folder.is_relative_to(file.path.parent)
    ]
    return sorted(found, key=lambda file: (len(file.path.parts), len(file.entities)))


def metadata(sidecars: Sequence[BidsFile]) -> dict[str, Any]:
    """Return the keys of JSON files, of which a later one overrides those before.

    Raises:
        ReaderError: One of them is not a JSON object.
    """
    merged: dict[str, Any] = {}
    for file in sidecars:
        try:
            content = json.loads(text_of(file.path))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ReaderError(f"{file.path}: not JSON ({error}); correct the file") from None
        if not isinstance(content, dict):
            raise ReaderError(f"{file.path}: expected an object in JSON; correct the file")
        merged |= content
    return merged


def checked(kind: type[Kind], found: Mapping[str, Any], where: Path) -> Kind:
    """Return the metadata that hold for a file, checked.

    Raises:
        ReaderError: A key is missing or does not fit.
    """
    try:
        return kind.model_validate(dict(found))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ReaderError(
            f"{where}: its JSON sidecars: {'; '.join(problems):.600}; complete them, and list them "
            "in gaze.files of this dataset in config.yaml"
        ) from None


def without_eye(file: BidsFile) -> dict[str, str]:
    """Return the entities that the recordings of all eyes share."""
    return {key: value for key, value in file.entities.items() if key != "recording"}


def position_of(
    column: Column, screen: Screen, chosen: BidsOptions, where: Path
) -> tuple[Position, tuple[float, float]]:
    """Return what coordinates count, and by what x and y are to be multiplied before.

    Raises:
        ReaderError: The sidecars or the options do not say, or something else.
    """
    vertical, horizontal = screen.origin
    centred = (vertical, horizontal) == ("center", "center")
    if not centred and (vertical not in {"top", "bottom"} or horizontal != "left"):
        raise ReaderError(
            f"{where}: ScreenOrigin {list(screen.origin)} is none of [top, left], [bottom, left] "
            "and [center, center]; correct its JSON, or set gaze.options.origin in config.yaml"
        )
    if centred and chosen.y is None:
        raise ReaderError(
            f"{where}: BIDS does not say where y grows to from the centre; set gaze.options.y of "
            "this dataset in config.yaml to down or up"
        )
    units = (column.units or "").lower()
    factors = (1.0, 1.0)
    if units in _METRES and screen.size is not None:
        width, height = (side / _METRES[units] for side in screen.size)
        factors = (screen.resolution[0] / width, screen.resolution[1] / height)
    elif units not in {*_PIXELS, *_NORMALISED}:
        raise ReaderError(
            f"{where}: Units of x_coordinate are {column.units!r}; known are pixel, normalised "
            "and, with ScreenSize, m, cm and mm; convert the recording, or correct its JSON"
        )
    place = {
        "unit": "normalised" if units in _NORMALISED else "pixels",
        "origin": "centre" if centred else "corner",
        "y": chosen.y or ("up" if vertical == "bottom" else "down"),
        "screen": screen.resolution,
        "fit": chosen.fit,
        "rectangle": chosen.rectangle,
    }
    return options(Position, place), factors


def screen_of(file: BidsFile, files: list[BidsFile], chosen: BidsOptions) -> Screen:
    """Return what the sidecars of a recording and of its events say of the screen.

    Raises:
        ReaderError: They do not say enough.
    """
    found: dict[str, Any] = {}
    for suffix, entities in (("physio", file.entities), ("events", without_eye(file))):
        sidecars = inherited(entities, file.path.parent, suffix, "json", files)
        shown = metadata(sidecars).get("StimulusPresentation", {})
        found |= shown if isinstance(shown, dict) else {}
    if chosen.screen is not None:
        found["ScreenResolution"] = chosen.screen
    if chosen.origin is not None:
        found["ScreenOrigin"] = chosen.origin
    return checked(Screen, found, file.path)
