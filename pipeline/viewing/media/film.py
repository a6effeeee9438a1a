"""What a user gave, as frames: a film, a still picture, or a folder of pictures."""

import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.raw.ffmpeg import FfmpegError, VideoFacts, open_video, probe_video, read_frames
from pipeline.raw.timing import STILL, StampError, Timing
from pipeline.raw.video import picture_size
from pipeline.runtime.errors import InputError
from pipeline.viewing.media.showing import PICTURES, filters, on_black, pictures_of

_RATE = 25.0
"""Frames per second of a folder of pictures, where none is given."""
_FASTEST = 1000.0
"""Most frames per second: Matroska counts milliseconds."""
_SLACK = 1e-6
"""Seconds by which a time may miss the frame that it means: what a typed decimal is off by."""
_SEEKS = {"mov", "matroska"}
"""Containers whose index leads to any frame."""
_RUN_UP = 1.0
"""Seconds before the first frame at which decoding begins: frames come out of order by less."""
_FAR = 10.0
"""Seconds from which on seeking is quicker than decoding what is skipped."""
_BLOCK = 1 << 24
"""Bytes of frames that are read at once."""
_DECODERS = 2
"""Threads of the decoder: more hardly help one film, and a fixed number decodes damage alike."""
_warned: set[str] = set()


@dataclass(frozen=True, eq=False)
class Film:
    """A film, a still picture or a folder of pictures, and the frames of it that were chosen."""

    source: Path
    kind: Literal["film", "picture", "pictures"]
    width: int
    """Pixels of a frame as it is shown upright; pixels that are not square count as such."""
    height: int
    """Pixels of a frame as it is shown upright."""
    aspect: Fraction
    """Width of a pixel divided by its height, upright."""
    timing: Timing
    """Of the chosen frames only."""
    sound: bool
    whole: Timing
    """Of all frames."""
    before: int
    """Frames before the first chosen one."""
    begins: Fraction
    """Seconds from the start of the container to the first chosen frame."""
    rate: float | None
    """Frames per second to which a film is resampled; None: those that it has."""
    facts: VideoFacts | None
    """Of a film."""
    files: tuple[Path, ...] = ()
    """Of pictures, in order, all of them."""

    def __len__(self) -> int:
        """Return the number of chosen frames."""
        return len(self.timing)

    def seconds(self, index: int) -> float:
        """Return when a chosen frame appears, in seconds from the first chosen one."""
        stamps = self.timing.stamps
        return float(int(stamps[index] - stamps[0]) * self.timing.tick)


def open_film(
    path: Path | str,
    *,
    rate: float | None = None,
    start: float | None = None,
    end: float | None = None,
) -> Film:
    """Return the film at a path: a file, or a folder of pictures that are sorted naturally.

    Args:
        path: Of a film, a picture or a folder.
        rate: Frames per second: a film is resampled to it; pictures of a folder have it, or 25.
        start: Seconds; the first frame is the one that is on the screen then. None: the first.
        end: Seconds; the last frame is the last one that appears before. None: the last.

    Raises:
        InputError: There is no such film, it cannot be read, or not between these times.
    """
    _check_name(str(path))
    source = Path(path)
    if rate is not None and not 0 < rate <= _FASTEST:
        raise InputError(f"a rate of {rate:g}: give frames per second, up to {_FASTEST:g}")
    if source.is_dir():
        width, height, files = pictures_of(source)
        exact = Fraction(rate or _RATE).limit_denominator(1_001_000)
        whole = Timing(np.arange(len(files), dtype=np.int64), 1 / exact, exact, 1)
        return _between(source, "pictures", (width, height), whole, start, end, files=files)
    if not source.exists():
        raise InputError(f"{source}: no such file; check its name")
    if not source.is_file():
        raise InputError(f"{source}: no regular file; save the film to one first")
    if not os.access(source, os.R_OK):
        raise InputError(f"{source}: no permission to read it; change its permissions")
    if source.suffix.lower() in PICTURES:
        if (rate, start, end) != (None, None, None):
            raise InputError(f"{source}: a still picture has neither times nor a rate; give none")
        return _between(source, "picture", picture_size(source), STILL, files=(source,))
    try:
        facts = probe_video(source)
    except (FfmpegError, StampError) as error:
        why = str(error).removeprefix("ffmpeg: ")
        raise InputError(f"{source}: no film that can be read ({why}); check the file") from error
    try:
        whole = facts.timing if rate is None else facts.timing.resampled(rate)
    except StampError as error:
        raise InputError(f"{source}: {error}; give another rate") from error
    size = (facts.height, facts.width) if facts.quarter else (facts.width, facts.height)
    return _between(source, "film", size, whole, start, end, rate=rate, facts=facts)


def _check_name(name: str) -> None:
    """Refuse what is no path."""
    if name == "-":
        raise InputError(
            "-: a film is read more than once, so not from a pipe; save it to a file first"
        )
    if re.match(r"[a-z]{2,}:/", name) and not Path(name).exists():  # Path leaves one slash of two
        raise InputError(f"{name}: an address, not a file; download the film first")


def _between(
    source: Path,
    kind: Literal["film", "picture", "pictures"],
    size: tuple[int, int],
    whole: Timing,
    start: float | None = None,
    end: float | None = None,
    *,
    rate: float | None = None,
    facts: VideoFacts | None = None,
    files: tuple[Path, ...] = (),
) -> Film:
    """The film of the frames from one time to another."""
    first, last = _chosen(source, whole, start, end)
    stamps, lasts = whole.stamps[first:last], whole.last
    if last < len(whole):
        lasts = int(whole.stamps[last] - whole.stamps[last - 1])
    origin = facts.timing.stamps[0] * facts.timing.tick if facts else Fraction(0)
    aspect = facts.aspect if facts else Fraction(1)
    return Film(
        source=source,
        kind=kind,
        width=size[0],
        height=size[1],
        aspect=1 / aspect if facts and facts.quarter else aspect,
        timing=Timing(stamps, whole.tick, whole.rate, lasts, whole.start),
        sound=facts is not None and facts.sound,
        whole=whole,
        before=first,
        begins=origin + int(stamps[0] - whole.stamps[0]) * whole.tick,
        rate=rate,
        facts=facts,
        files=files,
    )


def _chosen(source: Path, whole: Timing, start: float | None, end: float | None) -> tuple[int, int]:
    """The first frame from one time to another, and the one behind the last."""
    lasts = int(whole.stamps[-1] - whole.stamps[0] + whole.last) * float(whole.tick)
    appear = (whole.stamps - whole.stamps[0]) * float(whole.tick)
    begin, stop = start or 0.0, lasts if end is None else end
    for name, time in (("start", begin), ("end", stop)):
        if not math.isfinite(time) or time < 0:
            raise InputError(f"--{name} {time:g}: give seconds from the film's start, 0 or more")
    if begin >= lasts - _SLACK:
        raise InputError(f"--start {begin:g}: {source} ends at {lasts:.10g} s; start before")
    if stop <= begin:
        raise InputError(f"--end {stop:g}: not after the start, {begin:g} s; end later")
    if stop > lasts + whole.last * float(whole.tick) + _SLACK:  # films are rarely of whole seconds
        raise InputError(f"--end {stop:g}: {source} ends at {lasts:.10g} s; leave --end out")
    first = int(np.searchsorted(appear, begin + _SLACK, side="right")) - 1
    return first, int(np.searchsorted(appear, stop - _SLACK, side="left"))


class Reader:
    """The chosen frames of a film, decoded once, forwards, with flat memory."""

    def __init__(self, film: Film, size: tuple[int, int] | None = None, first: int = 0) -> None:
        """Begin to decode a film.

        Args:
            film: What to read.
            size: Height and width that frames are brought to, by the mean of what falls into a
                pixel; None: those that the film has.
            first: The first frame that is taken.
        """
        self._film = film
        self._size = size or (film.height, film.width)
        self._next = first
        self._ahead: list[NDArray[np.uint8]] = []
        self._blocks = self._decode(first)

    def take(self, count: int) -> list[NDArray[np.uint8]]:
        """Return the next frames, RGB [y, x, 3]; fewer at the end, or where a film is broken off.

        Raises:
            InputError: A picture is damaged, or no frame of the film can be decoded.
        """
        while len(self._ahead) < count and (block := self._block()) is not None:
            self._ahead.extend(block)
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        self._next += len(taken)
        return taken

    def skip_to(self, index: int) -> None:
        """Make a frame the next one, or the end if the film has fewer.

        Raises:
            ValueError: It has been taken already.
        """
        if index < self._next:
            raise ValueError(f"frame {index} has been taken")
        index = min(index, len(self._film))
        if index < len(self._film):
            far = self._film.seconds(index) - self._film.seconds(self._next)
            if far > _FAR and _seekable(self._film):
                self.close()
                self._next, self._ahead, self._blocks = index, [], self._decode(index)
        while self._next < index and self.take(min(index - self._next, 32)):
            pass

    def close(self) -> None:
        """Stop decoding."""
        self._blocks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _block(self) -> NDArray[np.uint8] | None:
        """The next frames, [t, y, x, 3]; None at the end."""
        try:
            return next(self._blocks, None)
        except FfmpegError as error:
            read, film = self._next + len(self._ahead), self._film
            why = str(error).removeprefix("ffmpeg ").removeprefix("ffmpeg: ")
            if not read:
                raise InputError(
                    f"{film.source}: no frame of it can be decoded (ffmpeg {why}); check the file"
                ) from error
            line = f"{film.source}: {read} of {len(film)} frames could be read; ffmpeg {why}"
            if line not in _warned:  # a film may be read at several sizes
                _warned.add(line)
                print(f"warning: {line}", file=sys.stderr, flush=True)
            return None

    def _decode(self, first: int) -> Any:
        """Blocks of frames from one on, a generator."""
        film = self._film
        return _decoded(film, self._size, first) if film.facts else _opened(film, self._size, first)


def _seekable(film: Film) -> bool:
    """Whether decoding can begin anywhere."""
    facts = film.facts
    return (
        facts is not None
        and facts.form in _SEEKS
        and film.rate is None
        and film.whole.start is None  # else pictures' own stamps lead elsewhere
    )


def _decoded(film: Film, size: tuple[int, int], first: int) -> Iterator[NDArray[np.uint8]]:
    """Blocks of a film's frames from one on."""
    facts, whole = film.facts, film.whole
    assert facts is not None
    at = film.before + first
    if first >= len(film):
        return
    seek: dict[str, Any] = {}
    until = float(whole.stamps[at] * whole.tick) - _RUN_UP
    if _seekable(film) and until > _FAR - _RUN_UP:
        seek = {"ss": f"{until:.6f}", "itsoffset": f"{until:.6f}"}  # stamps stay what they were
    stream = open_video(film.source, rate=film.rate, threads=_DECODERS, **seek)
    for name, arguments, options in filters(facts, size):
        stream = stream.filter(name, *arguments, **options)
    shape = (*size, 3)
    stop = film.before + len(film)
    yield from read_frames(
        stream,
        shape,
        whole,
        pixel_format="rgb24",
        block=max(1, min(32, _BLOCK // math.prod(shape))),
        first=at + 1,
        last=None if stop == len(whole) else stop,
    )


def _opened(film: Film, size: tuple[int, int], first: int) -> Iterator[NDArray[np.uint8]]:
    """Each picture from one on, alone in a block."""
    for file in film.files[film.before + first : film.before + len(film)]:
        picture = on_black(file)
        if picture.shape[:2] != size:
            picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        yield picture[None]
