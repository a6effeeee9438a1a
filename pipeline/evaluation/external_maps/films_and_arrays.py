"""Films and arrays of many maps, read one map at a time."""

import math
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol

import numpy as np

from pipeline.evaluation.external_maps.decoding import (
    HEADER,
    MOST,
    ArrayHeader,
    Raw,
    array_header,
    refuse_large,
)
from pipeline.evaluation.external_maps.findings import MapError, shortened
from pipeline.evaluation.external_maps.unpacking import read_up_to
from pipeline.raw.ffmpeg import FfmpegError, VideoFacts, open_video, probe_video, read_frames

_HELD: Final = 256 * 2**20
"""Bytes of a film that are kept after decoding, for threads that read near each other."""
_LONGEST: Final = 1_000_000
"""Maps of a film or array, at most: nine hours of video."""
_GREY_CHROMA: Final = 16 / 256
"""How far a grey film's colour differs from grey after lossy coding, as a share of its range."""


class Stack(Protocol):
    """A film or array: maps that have an index instead of names."""

    numbers: Sequence[int] | None = None
    """Number of each map in the whole video, from 1, where they are known."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Raw: ...

    def close(self) -> None:
        """End what decodes, if anything does; the next read begins at the start."""
        return


@dataclass
class ArrayStack(Stack):
    """An array [time, y, x] or [time, y, x, channel] that is read map by map, or one map [y, x]."""

    array: Any
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return 1 if self.array.ndim == 2 else int(self.array.shape[0])

    def __getitem__(self, index: int) -> Raw:
        return Raw(np.asarray(self.array[... if self.array.ndim == 2 else index]))


class _RollingStack(Stack):
    """Maps that can only be decoded one after the other; the last ones are kept.

    Threads that read near each other share one pass. Whoever asks for a map that is no longer kept
    begins a new one.
    """

    def __init__(self, length: int, start: Callable[[], Iterator[Raw]]) -> None:
        self._length, self._start = length, start
        self._lock = threading.Lock()
        self._coming: Iterator[Raw] | None = None
        self._held: deque[Raw] = deque()
        self._next = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Raw:
        with self._lock:
            if self._coming is None or index < self._next - len(self._held):
                self._stop()
                self._coming = self._start()
            while self._next <= index:
                self._keep(next(self._coming, None))
            return self._held[index - self._next]

    def _keep(self, decoded: Raw | None) -> None:
        if decoded is None:
            raise MapError("truncated", f"it ends after {self._next} of {self._length} maps")
        self._held.append(decoded)
        self._next += 1
        self._bytes += decoded.values.nbytes
        while self._bytes > _HELD and len(self._held) > 1:
            self._bytes -= self._held.popleft().values.nbytes

    def _stop(self) -> None:
        close = getattr(self._coming, "close", None)
        if close is not None:  # of a generator: ends its ffmpeg
            close()
        self._coming = None
        self._held.clear()
        self._next = self._bytes = 0

    def close(self) -> None:
        with self._lock:
            self._stop()


def film(video: Path) -> Stack:
    """Open a grey film, or the brightness of a coloured one.

    Raises:
        MapError: It holds no film, or one that is too large.
    """
    try:
        facts = probe_video(video)
    except FfmpegError as error:
        raise MapError("truncated", str(error)) from error
    refuse_large(facts.height, facts.width, facts.height * facts.width)
    _refuse_long(len(facts.timing))
    return _RollingStack(len(facts.timing), lambda: _film_maps(video, facts))


def _film_maps(video: Path, facts: VideoFacts) -> Iterator[Raw]:
    """Yield the brightness of each frame, in full range.

    Colours are decoded too, for otherwise a film of a colour map would pass for a grey one.
    """
    try:
        deep = re.search(r"(?:p|gray|y)(9|10|12|14|16)[lb]e", facts.pixel_format)
        bits = int(deep[1]) if deep else 8
        stream = open_video(video, noautorotate=None).filter("scale", out_range="pc")
        form, dtype = ("yuv444p", "u1") if bits == 8 else (f"yuv444p{bits}le", "<u2")
        shape = (3, facts.height, facts.width)
        maps = read_frames(
            stream, shape, facts.timing, pixel_format=form, dtype=dtype, stop_at_error=True
        )
        for (planes,) in maps:
            middle = 2 ** (bits - 1)
            furthest = max(int(planes[1:].max()) - middle, middle - int(planes[1:].min()))
            colour = furthest > _GREY_CHROMA * 2**bits
            yield Raw(planes[0].copy(), ("film", "colour") if colour else ("film",))
    except FfmpegError as error:
        raise MapError("truncated", str(error)) from error


def _refuse_long(length: int) -> None:
    if length > _LONGEST:
        raise MapError("too_large", shortened(f"{length} maps"))


def mapped_array(opened: IO[bytes]) -> Stack:
    """Return the maps of an opened .npy file without reading it whole.

    Raises:
        MapError: It is no array of maps, or announces more than there is.
    """
    size = opened.seek(0, os.SEEK_END)
    opened.seek(0)
    shape, fortran, dtype, start = array_header(opened.read(HEADER), size)
    stack_shape(shape, dtype)
    order: Literal["C", "F"] = "F" if fortran else "C"
    array: np.memmap[Any, Any] = np.memmap(opened, dtype, "r", start, shape, order)
    return ArrayStack(array)


def packed_array(opened: Callable[[], IO[bytes]], size: int) -> Stack:
    """Return the maps of a .npy file of `size` bytes that can be read forwards only.

    Raises:
        MapError: It is no array of maps, or announces more than there is.
    """
    with opened() as file:
        header = array_header(read_up_to(file, HEADER), size)
    shape = stack_shape(header.shape, header.dtype)
    if header.fortran and size > MOST:
        raise MapError("too_large", f"an array of {size} bytes in Fortran's order")
    return _RollingStack(shape[0], lambda: _array_maps(opened, header, shape))


def _array_maps(
    opened: Callable[[], IO[bytes]], header: ArrayHeader, shape: tuple[int, ...]
) -> Iterator[Raw]:
    with opened() as file:
        read_up_to(file, header.start)
        at_once = header.shape if header.fortran else shape[1:]
        size = math.prod(at_once) * header.dtype.itemsize
        while len(block := read_up_to(file, size)) == size:
            values = np.frombuffer(block, header.dtype)
            if header.fortran:
                yield from map(Raw, values.reshape(at_once, order="F").reshape(shape))
                return
            yield Raw(values.reshape(at_once))


def stack_shape(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the shape [time, ...] of an array of maps; a single map is an array of one.

    Raises:
        MapError: It has other axes, an empty one, other values than numbers, or is too large.
    """
    if len(shape) not in (2, 3, 4) or min(shape) < 1 or dtype.kind not in "buif":
        raise MapError("not_a_map", shortened(f"an array of shape {shape}, {dtype}"))
    stacked = (1, *shape) if len(shape) == 2 else shape
    _refuse_long(stacked[0])
    refuse_large(stacked[1], stacked[2], math.prod(stacked[1:]) * dtype.itemsize)
    return stacked
