"""Where a video stood on a screen, for gaze whose geometry is an option of its reader."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, ValidationError, model_validator

from pipeline.config.section import Section
from pipeline.datasets.records import Clip, Gaze, ReaderError, Samples

Options = TypeVar("Options", bound=Section)
_MOST_OUTSIDE = 0.5
"""Share of samples outside the video above which a finding doubts the position."""


def options(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Return the options of a reader, checked.

    Raises:
        ReaderError: One is missing, unknown or does not fit.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise ReaderError(
            f"config.yaml: gaze.options of this dataset: {'; '.join(problems)}; "
            "docs/datasets.md describes them"
        ) from None


class Position(Section):
    """What coordinates count, and from where; and where the video stood."""

    unit: Literal["pixels", "normalised"]
    """Pixels, or shares of the width and of the height."""
    origin: Literal["corner", "centre"] = "corner"
    """Where both are 0: in the middle, or at the left edge and, if y goes down, the upper one."""
    y: Literal["down", "up"] = "down"
    screen: tuple[PositiveFloat, PositiveFloat] | None = None
    """Width and height of the screen in pixels; None: coordinates are those of the video."""
    fit: Literal["contain", "native", "stretch"] | None = None
    """Of a video in the middle of the screen: as large as it fits, in its own size, or stretched
    over the whole of it."""
    rectangle: tuple[float, float, PositiveFloat, PositiveFloat] | None = None
    """Instead of `fit`: left, top, width and height of the video, in pixels of the screen."""

    @model_validator(mode="after")
    def _video_has_one_place(self) -> Self:
        places = [self.fit, self.rectangle].count(None)
        if self.screen is None and places < 2:
            raise ValueError("fit and rectangle are of a video on a screen: set screen")
        if self.screen is not None and places != 1:
            raise ValueError("on a screen the video has a fit or a rectangle: set one of the two")
        return self

    def _rectangle(self, clip: Clip) -> tuple[float, float, float, float]:
        if self.rectangle is not None:
            return self.rectangle
        if self.screen is None:
            return 0.0, 0.0, clip.width, clip.height
        width, height = self.screen
        if self.fit == "stretch":
            return 0.0, 0.0, width, height
        scale = min(width / clip.width, height / clip.height) if self.fit == "contain" else 1.0
        wide, high = scale * clip.width, scale * clip.height
        return (width - wide) / 2, (height - high) / 2, wide, high

    def on_video(self, x: Samples, y: Samples, clip: Clip) -> Samples:
        """Return [(x, y), n] in pixels of the video, as in `Gaze`."""
        width, height = self.screen or (clip.width, clip.height)
        if self.unit == "normalised":
            x, y = x * width, y * height
        if self.y == "up":
            y = -y
        if self.origin == "centre":
            x, y = x + width / 2, y + height / 2
        elif self.y == "up":
            y = y + height
        left, top, wide, high = self._rectangle(clip)
        return np.stack([(x - left) * clip.width / wide, (y - top) * clip.height / high]) - 0.5


def outside(point: Samples, clip: Clip) -> NDArray[np.bool_]:
    """Return [n] True where a place, [(x, y), n] in pixels of the video, is not on it."""
    size = np.array([[clip.width], [clip.height]])
    return np.asarray(((point < -0.5) | (point >= size - 0.5)).any(axis=0))


def usable(gaze: Gaze, files: Sequence[Path], clip: Clip) -> Gaze:
    """Return the gaze with a finding if much of it lies outside the video.

    Raises:
        ReaderError: No sample is left, which no option can have meant.
    """
    dropped = {reason: count for reason, count in gaze.dropped.items() if count}
    if not len(gaze.frame):
        raise ReaderError(
            f"{', '.join(map(str, files[:3]))}: no sample of {clip.name} can be used: {dropped}; "
            f"correct gaze.options of this dataset in config.yaml: {clip.name} has {clip.frames} "
            f"frames of {clip.width} x {clip.height} pixels at {clip.rate:g} frames/s"
        )
    outside = dropped.get("outside", 0)
    if outside <= _MOST_OUTSIDE * (outside + len(gaze.frame)):
        return gaze
    finding = (
        f"{outside} of {outside + len(gaze.frame)} samples lie outside the video: does "
        "gaze.options.position in config.yaml fit?"
    )
    return replace(gaze, findings=(*gaze.findings, finding))
