"""The two records every reader speaks: the clip it is asked about and the gaze it returns.

Coordinates are pixels of the raw video: x right, y down, pixel centres at integers, so that the
origin is the centre of the top-left pixel and a W x H picture spans -0.5 to W - 0.5 and -0.5 to H
- 0.5.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError

Samples = NDArray[np.float64]
"""One value per recorded sample, in whatever unit the variable's name or docstring says."""

NOBODY = -1
"""Observer of points of which nobody knows whose they are."""

Reasons = Sequence[tuple[str, NDArray[np.bool_]]]
"""Why samples are dropped, first match counts: (reason, True where it applies)."""


class ReaderError(InputError):
    """Raw data that cannot be read; the message names file, line, expectation and remedy."""


@dataclass(frozen=True)
class Clip:
    """One stored clip: its raw size in pixels, and the number and rate of its stored frames.

    Frames are those of the raw video, from its first one on; `numbers` says which they are where
    they come from a folder of numbered pictures, and is empty otherwise.
    """

    name: str
    frames: int
    width: int
    height: int
    rate: float
    """Stored frames per second."""
    numbers: tuple[int, ...] = ()
    """Number in the file name of each stored frame, ascending."""
    times: tuple[float, ...] = ()
    """When each stored frame appears, and last when the last one goes, in seconds from the first:
    `frames` + 1 values, ascending. Empty where frames follow each other at `rate`."""
    cut: bool = False
    """Whether a split sheet ends the clip early, so that there may be gaze of later frames."""

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.times[-1] if self.times else self.frames / self.rate

    def position(self, seconds: Samples) -> Samples:
        """Return where moments, in seconds from the first frame on, fall among the frames.

        k + s means: frame k (from 0) is on the screen, and the share s of its time has passed.
        Below 0 the clip has not begun; from `frames` on it is over.
        """
        if not self.times:
            return np.asarray(self.rate * seconds, np.float64)
        edges = np.array(self.times)
        frame = np.searchsorted(edges, seconds, side="right") - 1
        shown = np.clip(frame, 0, self.frames - 1)
        return np.asarray(shown + (seconds - edges[shown]) / np.diff(edges)[shown], np.float64)


@dataclass(frozen=True, eq=False)
class Gaze:
    """Points looked at in one clip, one row a point; every array has the shape [n].

    Attributes:
        frame: int32, 0-based index of the stored frame.
        x: float32, pixels of the raw video to the right of the centre of the top-left pixel.
        y: float32, pixels of the raw video below the centre of the top-left pixel.
        observer: int16, the dataset's own number of the observer, or NOBODY.
        dropped: Samples left out, counted by reason.
        seconds: Length of each recording that was read, if it is known.
        findings: What else a user should know of how the files were read, a line each.
    """

    frame: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    observer: NDArray[np.int16]
    dropped: dict[str, int]
    seconds: tuple[float, ...] = ()
    findings: tuple[str, ...] = ()


def keep(
    frame: Samples,
    x: Samples,
    y: Samples,
    observer: int,
    reasons: Reasons,
    *,
    seconds: float | None = None,
) -> Gaze:
    """Return the gaze of one observer without the samples that a reason excludes.

    `frame`, `x` and `y`, each [n], are as in `Gaze`, and only read where no reason applies. Reasons
    are tried in order; a sample is counted under the first that applies to it. `seconds` is the
    length of the recording, if it is known.
    """
    kept = np.ones(len(frame), dtype=bool)
    dropped: dict[str, int] = {}
    for reason, applies in reasons:
        dropped[reason] = dropped.get(reason, 0) + int(np.count_nonzero(kept & applies))
        kept &= ~applies
    return Gaze(
        frame=frame[kept].astype(np.int32),
        x=x[kept].astype(np.float32),
        y=y[kept].astype(np.float32),
        observer=np.full(int(np.count_nonzero(kept)), observer, dtype=np.int16),
        dropped=dropped,
        seconds=() if seconds is None else (seconds,),
    )


def join(parts: Iterable[Gaze]) -> Gaze:
    """Return all parts in order, as one record; counts of dropped samples add up."""
    nothing = keep(np.empty(0), np.empty(0), np.empty(0), 0, ())
    gazes = [nothing, *parts]
    dropped: Counter[str] = Counter()
    for gaze in gazes:
        dropped.update(gaze.dropped)
    return Gaze(
        frame=np.concatenate([gaze.frame for gaze in gazes]),
        x=np.concatenate([gaze.x for gaze in gazes]),
        y=np.concatenate([gaze.y for gaze in gazes]),
        observer=np.concatenate([gaze.observer for gaze in gazes]),
        dropped=dict(dropped),
        seconds=tuple(length for gaze in gazes for length in gaze.seconds),
        findings=tuple(finding for gaze in gazes for finding in gaze.findings),
    )
