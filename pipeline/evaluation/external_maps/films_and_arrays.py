"""Films and arrays of many maps, read one map at a time."""

from __future__ import annotations

import math
import re
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final, Protocol

import ffmpeg
import imageio_ffmpeg
import numpy as np

from pipeline.evaluation.external_maps.decoding import Raw, read_array
from pipeline.evaluation.external_maps.findings import MapError
from pipeline.raw.video import count_frames

_HELD: Final = 256 * 2**20
"""Bytes of a film that are kept after decoding, for tasks that read near each other."""
_GREY_CHROMA: Final = 16 / 256
"""How far a grey film's colour differs from grey after lossy coding, as a share of its range."""


class Stack(Protocol):
    """A film or array: maps without names."""

    numbers: Sequence[int] | None = None
    """Of each map in the whole video, if they are known."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Raw: ...

    def close(self) -> None:
        """Ends what decodes, if anything does; the next read begins anew."""
        return


@dataclass
class ArrayStack(Stack):
    """An array [time, y, x], or [time, y, x, channel], of which one map is read at a time."""

    array: Any
    numbers: Sequence[int] | None = None

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, place: int) -> Raw:
        return Raw(np.asarray(self.array[place]))


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

    def __getitem__(self, place: int) -> Raw:
        with self._lock:
            if self._coming is None or place < self._next - len(self._held):
                self._stop()
                self._coming = self._start()
            while self._next <= place:
                self._keep(next(self._coming, None))
            return self._held[place - self._next]

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
    """A grey film, or the brightness of a coloured one."""
    length = count_frames(video)
    if not length:
        raise MapError("truncated", "ffmpeg finds no film in it")
    return _RollingStack(length, lambda: _film_maps(video))


def _film_facts(video: Path) -> tuple[int, int, int]:
    """Width, height, and bits of a value."""
    try:
        reader = imageio_ffmpeg.read_frames(video)
        facts = next(reader)
        reader.close()
        width, height = facts["source_size"]
    except (OSError, RuntimeError, StopIteration, KeyError) as error:
        raise MapError("truncated", f"ffmpeg: {str(error).strip()[-200:]}") from error
    deep = re.search(r"(?:p|gray|y)(9|10|12|14|16)[lb]e", facts["pix_fmt"])
    return width, height, int(deep[1]) if deep else 8


def _film_maps(video: Path) -> Iterator[Raw]:
    """The brightness of each frame, in full range.

    Colours are decoded too, for otherwise a film of a colour map would pass for a grey one.
    """
    width, height, bits = _film_facts(video)
    form = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    dtype = np.dtype("u1" if bits == 8 else "<u2")
    stream = ffmpeg.input(f"file:{video}", noautorotate=None).video.filter("scale", out_range="pc")
    options = {"format": "rawvideo", "pix_fmt": form, "fps_mode": "passthrough", "threads": 1}
    command = stream.output("pipe:", **options).compile(
        cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-xerror"]
    )
    for block in _blocks(command, 3 * height * width * dtype.itemsize):
        planes = np.frombuffer(block, dtype).reshape(3, height, width)
        middle = 2 ** (bits - 1)
        colour = np.abs(planes[1:].astype(np.int32) - middle).max() > _GREY_CHROMA * 2**bits
        yield Raw(planes[0].copy(), ("film", "colour") if colour else ("film",))


def _blocks(command: list[str], size: int) -> Iterator[bytes]:
    """Blocks of bytes that a command of ffmpeg writes.

    Raises:
        MapError: After the last, if ffmpeg complained.
    """
    # A file, not a pipe: many complaints would fill a pipe and stop ffmpeg.
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process,
    ):
        assert process.stdout is not None
        try:
            while len(block := process.stdout.read(size)) == size:
                yield block
            process.wait()
        finally:
            process.kill()
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").strip().splitlines()
    if lines:
        raise MapError("truncated", f"ffmpeg: {lines[0][-200:]}")


def mapped_array(file: Path) -> Stack:
    """A .npy file."""
    array = np.lib.format.open_memmap(file, mode="r")
    return ArrayStack(array.reshape(_stacked(array.shape)))


def packed_array(opened: Callable[[], IO[bytes]]) -> Stack:
    """A .npy file inside a zip, which if compressed can be read forwards only."""
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
    """Shape [time, ...], whether in Fortran's order, and type of a .npy file that was opened."""
    first = np.lib.format.read_magic(file) == (1, 0)
    read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return _stacked(shape), fortran, dtype


def _stacked(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an array of maps; a lone map is an array of one."""
    if len(shape) not in (2, 3, 4):
        raise MapError("not_a_map", f"an array of shape {shape}")
    return (1, *shape) if len(shape) == 2 else shape
