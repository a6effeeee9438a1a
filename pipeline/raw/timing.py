"""When the frames of a video are on the screen.

A container states a time for each packet that it holds, and each such time is a frame:

- A packet whose picture is "not coded" (N-VOPs and empty chunks of XviD, empty packets of Theora)
  shows the picture before once more. Decoders leave it out; it is put back.
- Packets that are to be decoded but not shown (before the cut of an edit list) are no frames, nor
  are two packets of one time (VP8's hidden pictures) more than one.
- An AVI has a frame for each chunk, in order, whatever its pictures' own times.
- Frames that last differently stay as they are, each with its own duration.

Time begins with the first frame. Frames are equidistant, at a rational rate, where every stamp lies
within a tick of the container's clock from it; otherwise the times themselves count.
"""

import math
import os
import re
import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

LONGEST = 60
"""Seconds that a frame may stay; a longer one is taken for a damaged time stamp."""
_SHARE = 1 / 3
"""Of a frame's duration: where the clock is so coarse, its tick is no measure any more."""
_ROUNDED = Fraction(6, 1000)
"""Frames per second by which ffmpeg, which prints two decimals, may round a rate."""
_FINE = 1e-4
"""Seconds, less than any eye tracker resolves: a finer clock may be off by as much."""
_BLOCK = 32
"""Frames that are repeated at once."""

_RIFF_HEADER = 12
"""Bytes before the first part of an AVI."""
_RIFF_PARTS = 1000
"""Parts of an AVI among which its index is looked for: files have a handful."""
_INDEX = np.dtype([("name", "S4"), ("flags", "<u4"), ("offset", "<u4"), ("size", "<u4")])
_VOP = b"\0\0\1\xb6"
"""Start of a picture of MPEG-4."""
_NOT_CODED = 8
"""Most bytes of a chunk that repeats the picture before."""
_PACKED = re.compile(rb"DivX\d+(?:b|Build)\d+p")
_LARGEST_INDEX = 1 << 26
"""Bytes of an AVI's index that are read: 4 million chunks, or a day of video."""


class StampError(Exception):
    """Time stamps that no video of an experiment has."""


class Packet(NamedTuple):
    """What a container states of one packet, in ticks."""

    dts: int | None
    """When it is decoded."""
    pts: int | None
    """When it is shown."""
    duration: int
    shown: bool


@dataclass(frozen=True, eq=False)
class Timing:
    """When the frames of a whole video appear, in ticks of its container."""

    stamps: NDArray[np.int64]
    """[frame], ascending."""
    tick: Fraction
    """Seconds."""
    rate: Fraction | None
    """Frames per second, if they are equidistant."""
    last: int
    """Ticks that the last frame lasts."""
    start: int | None = None
    """Stamp at which the first decoded picture counts, where pictures' own stamps are shifted;
    None: pictures and packets have the same stamps."""

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def seconds(self) -> float:
        """Length of the video."""
        if self.rate is not None:
            return float(len(self) / self.rate)
        return float((int(self.stamps[-1] - self.stamps[0]) + self.last) * self.tick)

    @property
    def mean_rate(self) -> float:
        """Frames per second, on average where they last differently."""
        return float(self.rate) if self.rate is not None else len(self) / self.seconds

    def edges(self) -> list[float]:
        """Seconds at which each frame appears and the last one goes; empty at a constant rate."""
        if self.rate is not None:
            return []
        ends = np.append(self.stamps, self.stamps[-1] + self.last) - self.stamps[0]
        # Microseconds: finer than any eye tracker.
        return [round(float(end), 6) for end in ends * float(self.tick)]

    def resampled(self, rate: float) -> "Timing":
        """Timing after ffmpeg's filter fps, which begins at 0 and rounds the end.

        Raises:
            StampError: The video is shorter than half a frame.
        """
        exact = Fraction(rate).limit_denominator(1_001_000)  # as ffmpeg reads a number
        count = math.floor(self.seconds * exact + 0.5)
        if not count:
            raise StampError(f"{self.seconds:g} s are less than half a frame at {rate:g} frames/s")
        return Timing(np.arange(count), 1 / exact, exact, 1, 0)

    def arrange(
        self,
        decoded: Iterable[tuple[NDArray[Any], Sequence[int]]],
        first: int = 1,
        last: int | None = None,
    ) -> Generator[NDArray[Any], None, int]:
        """Yield the frames `first` to `last`, from 1, given blocks of pictures and their stamps.

        A frame without a picture of its own shows the one before, or at the start the one after.
        Returns the number of pictures that are never shown, since the next has the same time.
        """
        between = (self.stamps[1:] + self.stamps[:-1]) / 2
        stop = min(last or len(self), len(self))
        shift: int | None = None
        held: NDArray[Any] | None = None
        place = lost = 0  # the next frame; pictures never shown
        for pictures, stamps in decoded:
            if shift is None:
                shift = 0 if self.start is None else self.start - stamps[0]
            frame = np.searchsorted(between, np.asarray(stamps) + shift, side="right")
            frame = np.maximum.accumulate(np.maximum(frame, place - 1))  # never backwards
            lost += len(frame) - len(np.unique(frame[frame >= place]))
            coming = np.arange(place, frame[-1] + 1)
            chosen = np.searchsorted(frame, coming, side="right") - 1
            yield from _pick(pictures, held, chosen[(coming >= first - 1) & (coming < stop)])
            held, place = pictures[-1].copy(), int(frame[-1]) + 1
        if held is not None:
            rest = max(0, stop - max(place, first - 1))
            yield from _pick(held[None], held, np.full(rest, -1))
        return lost


STILL = Timing(np.zeros(1, np.int64), Fraction(1), Fraction(1), 1)
"""Of a picture: one frame, at a rate of 1."""


def _pick(
    pictures: NDArray[Any], held: NDArray[Any] | None, chosen: NDArray[np.intp]
) -> Iterator[NDArray[Any]]:
    """Pictures by index, -1 for the one held from before, in blocks as large as they came."""
    if np.array_equal(chosen, np.arange(len(pictures))):
        yield pictures
        return
    before = pictures[:1] if held is None else held[None]
    both = np.concatenate([before, pictures])
    for start in range(0, len(chosen), _BLOCK):
        yield both[chosen[start : start + _BLOCK] + 1]


def avi_chunks(video: Path, stream: int) -> int:
    """Number of chunks of a stream that the index of an AVI lists; 0 where it has none.

    Raises:
        StampError: A chunk holds two pictures, and decoders leave out the second.
    """
    with video.open("rb") as file:
        file.seek(_RIFF_HEADER)
        movie = 0
        for _ in range(_RIFF_PARTS):
            head = file.read(8)
            if len(head) < 8:
                break
            kind, size = struct.unpack("<4sI", head)
            begin = file.tell()
            if kind == b"idx1":
                content = file.read(min(size, _LARGEST_INDEX))
                index = np.frombuffer(content[: len(content) // 16 * 16], _INDEX)
                names = [b"%02ddc" % stream, b"%02ddb" % stream]
                chunks = index[np.isin(index["name"], names)]
                _check_packed(file, movie, chunks)
                return len(chunks)
            if kind == b"LIST" and file.read(4) == b"movi":
                movie = begin
            file.seek(begin + size + size % 2)
    return 0


def _check_packed(file: BinaryIO, movie: int, chunks: NDArray[Any]) -> None:
    """Refuse B-pictures that are packed into the chunk before them, where they would be lost.

    Decoders show such a picture at the next chunk if that is not coded, and if the stream says that
    it is packed.
    """
    sizes = chunks["size"]
    coded = np.flatnonzero(sizes)
    after = np.append(coded[1:], len(sizes))
    shows = np.append(sizes, _NOT_CODED + 1)[after] <= _NOT_CODED
    alone = (sizes[coded] > _NOT_CODED) & (shows | (after > coded + 1))
    if not alone.any() or sizes.sum() > os.fstat(file.fileno()).st_size:
        return
    file.seek(0)
    start = file.read(min(movie + int(sizes[coded[0]]) + 1024, _LARGEST_INDEX))
    if _PACKED.search(start):
        alone &= ~shows
    for k in coded[alone].tolist():
        for begin in (movie, 0):  # what offsets count from
            file.seek(begin + int(chunks["offset"][k]))
            if file.read(8)[:4] == chunks["name"][k]:
                break
        if file.read(min(int(sizes[k]), _LARGEST_INDEX)).count(_VOP) > 1:
            raise StampError(
                f"chunk {k + 1} holds two pictures (packed B-frames), and the second would be lost"
            )


def timing_of(
    packets: Sequence[Packet], tick: Fraction, stated: Sequence[Fraction], chunks: int | None
) -> Timing:
    """Return when the frames of a video appear.

    Args:
        packets: In the order of the file, at least one that is shown.
        tick: Seconds.
        stated: Frame rates that the container states, which may be rounded or wrong.
        chunks: Where each chunk is a frame, as in an AVI: how many the index lists, or 0.

    Raises:
        StampError: A frame would stay for more than LONGEST seconds.
    """
    shown = [packet for packet in packets if packet.shown]
    presented = all(packet.pts is not None for packet in shown)
    start: int | None = None
    if presented and chunks is None:
        stamps = np.unique([packet.pts or 0 for packet in shown])
    elif all(packet.dts is not None for packet in shown):
        stamps = np.unique([packet.dts or 0 for packet in shown])
        start = None if presented else int(stamps[0])
        if chunks is not None:  # those without a byte are not even packets
            begin, stop = min(0, int(stamps[0])), max(int(stamps[-1]) + 1, chunks)
            _check_gaps(np.concatenate([[begin], stamps, [stop]]), tick)
            stamps = np.arange(begin, stop)
    else:
        stamps = np.cumsum([0, *(packet.duration for packet in shown[:-1])])
        start = 0
    stamps = stamps.astype(np.int64)
    _check_gaps(stamps, tick)
    latest = max(shown, key=lambda packet: (packet.pts or 0, packet.dts or 0)).duration
    # The clock of some containers states one duration for all, however long they last.
    lasts = max(latest, int(stamps[-1] - stamps[-2]) if len(stamps) > 1 else 0, 1)
    return Timing(stamps, tick, _rate(stamps, tick, stated, lasts), lasts, start)


def _check_gaps(stamps: NDArray[np.int64], tick: Fraction) -> None:
    gaps = np.diff(stamps.astype(np.float64)) * float(tick)  # wild stamps overflow integers
    if gaps.max(initial=0) > LONGEST:
        raise StampError(
            f"frame {int(gaps.argmax()) + 1} would stay for {gaps.max():,.0f} s, more than "
            f"{LONGEST}: its time stamps are damaged"
        )


def _near(rate: Fraction) -> Iterator[Fraction]:
    """Whole rates, and those of NTSC, that a rate may stand for."""
    for whole in dict.fromkeys((round(rate), round(rate * 1001 / 1000))):
        if whole > 0:
            yield from (Fraction(whole), Fraction(1000 * whole, 1001))


def _rate(
    stamps: NDArray[np.int64], tick: Fraction, stated: Sequence[Fraction], lasts: int
) -> Fraction | None:
    """The rate at which every frame lies within a tick of its stamp, if there is one.

    Of several, rates in use come before the one that fits best: a few frames at 24 and at 23.976
    frames/s have the same stamps in milliseconds.
    """
    usual = [rate for one in stated for rate in _near(one) if abs(rate - one) <= _ROUNDED]
    steps = np.diff(stamps)
    if not len(steps):
        return (*usual, 1 / (lasts * tick))[0]
    same = int(steps[0]) if (steps == steps[0]).all() else 0
    if same == 1:  # a clock that counts frames
        return 1 / tick
    mean = len(steps) / (int(stamps[-1] - stamps[0]) * tick)
    exact = [1 / (same * tick)] if same else []
    seconds = (stamps - stamps[0]) * float(tick)
    for rate in (*usual, *_near(mean), *exact, *stated, mean):
        late = np.abs(seconds - np.arange(len(stamps)) / float(rate))
        if late.max() <= min(max(float(tick), _FINE), _SHARE / float(rate)):
            return rate
    return None
