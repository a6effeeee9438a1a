"""Films and arrays of many maps, read one map at a time."""

import math
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np

from pipeline.evaluation.external_maps.decoding import Raw, read_array
from pipeline.evaluation.external_maps.findings import MapError
from pipeline.raw.ffmpeg import FfmpegError, count_frames, open_video, probe_video, read_frames

_HELD: Final = 256 * 2**20
"""Bytes of a film that are kept after decoding, for threads that read near each other."""
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
    """An array [time, y, x], or [time, y, x, channel], of which one map is read at a time."""

    array: Any
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, index: int) -> Raw:
        return Raw(np.asarray(self.array[index]))


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
        MapError: It holds no film.
    """
    length = count_frames(video)
    if not length:
        raise MapError("truncated", "ffmpeg finds no film in it")
    return _RollingStack(length, lambda: _film_maps(video))


def _film_maps(video: Path) -> Iterator[Raw]:
    """Yield the brightness of each frame, in full range.

    Colours are decoded too, for otherwise a film of a colour map would pass for a grey one.
    """
    try:
        facts = probe_video(video)
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
            colour = np.abs(planes[1:].astype(np.int32) - middle).max() > _GREY_CHROMA * 2**bits
            yield Raw(planes[0].copy(), ("film", "colour") if colour else ("film",))
    except FfmpegError as error:
        raise MapError("truncated", str(error)) from error


def mapped_array(file: Path) -> Stack:
    """Open a .npy file without reading it whole."""
    array = np.lib.format.open_memmap(file, mode="r")
    return ArrayStack(array.reshape(_stacked(array.shape)))


def packed_array(opened: Callable[[], IO[bytes]]) -> Stack:
    """Open a .npy file inside a zip, which if compressed can be read forwards only."""
    with opened() as file:
        shape, _, _ = _header(file)
    return _RollingStack(shape[0], lambda: _array_maps(opened))


def _array_maps(opened: Callable[[], IO[bytes]]) -> Iterator[Raw]:
    with opened() as file:
        shape, fortran, dtype = _header(file)
        if fortran or dtype.hasobject:  # only as a whole, or not at all
            file.seek(0)
            yield from map(Raw, read_array(file).reshape(shape))
            return
        size = math.prod(shape[1:]) * dtype.itemsize
        for _ in range(shape[0]):
            block = file.read(size)
            if len(block) < size:
                return
            yield Raw(np.frombuffer(block, dtype).reshape(shape[1:]))


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape [time, ...], whether in Fortran's order, and type of an opened .npy file."""
    first = np.lib.format.read_magic(file) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return _stacked(shape), fortran, dtype


def _stacked(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array of maps; a single map is an array of one."""
    if len(shape) not in (2, 3, 4):
        raise MapError("not_a_map", f"an array of shape {shape}")
    return (1, *shape) if len(shape) == 2 else shape
