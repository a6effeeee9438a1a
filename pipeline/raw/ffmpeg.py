"""The one home of ffmpeg: what a video holds, its frames as arrays, and arrays as a video.

The binary is the one in imageio-ffmpeg's wheel, so no system package is needed. It comes without
ffprobe: facts are read from what ffmpeg itself prints.
"""

import os
import re
import subprocess
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.raw.timing import Packet, StampError, Timing, avi_chunks, timing_of
from pipeline.runtime.errors import InputError

CONTAINERS = (
    *("apng", "asf", "avi", "dv", "flv", "gif", "h263", "h264", "hevc", "ivf", "m4v", "matroska"),
    *("mjpeg", "mov", "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "vc1"),
    *("wtv", "yuv4mpegpipe"),
)
"""ffmpeg's names of the formats that hold a video."""
LARGEST_FRAME = 80_000_000
"""Largest number of pixels in a frame; ffmpeg refuses larger ones."""
_NO_STAMP = -(1 << 63)
_DISCARDED = 4
"""Flag of a packet that is decoded but not shown."""
_SAY_ALL = ("-loglevel", "repeat+level+info")
"""Each message with its level, and none of several counted as one."""
_REPEATABLE = {"threads": 1, "fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
"""One thread, no date, no version: the same frames give the same bytes."""


class FfmpegError(Exception):
    """ffmpeg complained about a video that it read; the text begins with "ffmpeg"."""


@dataclass(frozen=True)
class VideoFacts:
    """What the container of a video states, and when its frames appear."""

    width: int
    """Pixels as they are coded."""
    height: int
    """Pixels as they are coded."""
    quarter: bool
    """Whether players turn the picture by a quarter, either way."""
    aspect: Fraction
    """Width of a coded pixel divided by its height."""
    pixel_format: str
    """As ffmpeg calls it, for example yuv420p10le."""
    timing: Timing
    colours: tuple[str, ...] = ()
    """Range, matrix/primaries/transfer and order of the fields, as far as ffmpeg states them."""
    form: str = ""
    """ffmpeg's name of the container, the first where it has several: "mov" for MP4 as well."""
    sound: bool = False

    def shown(self, *, square: bool) -> tuple[int, int]:
        """Width and height of the picture that `open_video` gives, which is turned upright.

        Pixels that are not square count as such, or make it wider or narrower, as in players.
        """
        width, height = (self.height, self.width) if self.quarter else (self.width, self.height)
        aspect = 1 / self.aspect if self.quarter else self.aspect
        return (width if square else max(1, round(width * aspect))), height


def _command(stream: Any, *options: str) -> list[str]:
    quiet = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "error"]
    command: list[str] = stream.compile(cmd=[imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *options])
    return command


def _lines(complaints: IO[bytes]) -> list[str]:
    complaints.seek(0)
    return complaints.read().decode(errors="replace").strip().splitlines()


def probe_video(video: Path) -> VideoFacts:
    """Return the facts of a video, of which no picture is decoded.

    Raises:
        FfmpegError: It cannot be read, or its time stamps make no sense.
    """
    if video.is_file() and not video.stat().st_size:
        raise FfmpegError("ffmpeg: the file is empty")
    listing = _input(video).output("pipe:", c="copy", format="framecrc")
    # Damaged packets are for the decoder to find.
    done = subprocess.run(_command(listing, *_SAY_ALL), capture_output=True, check=False)
    head = dict(re.findall(r"^#(\w+) 0: (\S+)", done.stdout.decode(), re.MULTILINE))
    packets = [_packet(line) for line in done.stdout.splitlines() if line[:1] != b"#"]
    said = done.stderr.decode(errors="replace")
    stream = re.search(r"Stream #0:(\d+) -> #0:0", said)
    if stream is None or "dimensions" not in head or not any(packet.shown for packet in packets):
        complaints = re.findall(r"\[error\] (.*)", said)
        why = complaints[0][-200:] if complaints and not packets else ""
        if "matches no streams" in said or "on whitelist" in why or not why:
            why = "no moving picture in it"
        raise FfmpegError(f"ffmpeg: {why}")
    form = said.split("Input #0, ", 1)[1].split(",", 1)[0]
    about = said.split(f"   Stream #0:{stream[1]}", 1)[1].split("   Stream #")[0]
    rates = [Fraction(rate) for rate in re.findall(r" (\d+(?:\.\d+)?) (?:tbr|fps)\b", about)]
    turned = re.search(r"rotation of (-?[\d.]+) degrees", about)
    turn = float(turned[1]) % 180 if turned else 0.0
    if min(turn, 180 - turn, abs(turn - 90)) >= 1:  # what is within a degree, ffmpeg takes for it
        raise FfmpegError(f"ffmpeg: it is to be turned by {turn:g} degrees, which is no quarter")
    pixels = re.search(r"Video: \w+(?: \([^)]*\))*, (\w+)(?:\(([^)]*)\))?", about)
    sound = re.search(r"\[info\]   Stream #0:\d+\S*: Audio: (?!none)", said)
    width, height = map(int, head["dimensions"].split("x"))
    try:
        chunks = avi_chunks(video, int(stream[1])) if form == "avi" else None
        stated = [rate for rate in rates if rate]
        timing = timing_of(packets, Fraction(head["tb"]), stated, chunks)
    except StampError as error:
        raise FfmpegError(f"ffmpeg: {error}") from error
    above, below = map(int, head.get("sar", "1/1").split("/"))
    return VideoFacts(
        width=width,
        height=height,
        quarter=abs(turn - 90) < 1,
        aspect=Fraction(above, below) if above and below else Fraction(1),
        pixel_format=pixels[1] if pixels else "",
        timing=timing,
        colours=tuple((pixels[2] or "").split(", ")) if pixels else (),
        form=form,
        sound=sound is not None,
    )


def _packet(line: bytes) -> Packet:
    """A line of ffmpeg's format framecrc: stream, dts, pts, duration, size, checksum, F=flags."""
    _, dts, pts, duration, *rest = line.split(b",")
    flags = next((int(word.strip()[2:], 16) for word in rest if b"F=" in word), 0)
    at, until = (None if int(stamp) == _NO_STAMP else int(stamp) for stamp in (dts, pts))
    return Packet(at, until, max(0, int(duration)), shown=not flags & _DISCARDED)


def count_frames(video: Path) -> int:
    """Count the frames of a video without decoding them; 0 if ffmpeg cannot read it."""
    try:
        return len(probe_video(video).timing)
    except FfmpegError:
        return 0


def _input(video: Path, **options: Any) -> Any:
    """The first video stream of a file that is no cover picture.

    Only a regular file that holds a video itself is opened: no playlist that leads to other files,
    no picture, no device.
    """
    if not video.is_file():
        raise FfmpegError("ffmpeg: no regular file")
    # With the prefix, a colon in the name is no protocol.
    allowed = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS)}
    limits = {"max_pixels": LARGEST_FRAME}
    return ffmpeg.input(f"file:{video}", **allowed, **limits, **options)["V:0"]


def open_video(video: Path, *, rate: float | None = None, **options: Any) -> Any:
    """Return the video stream of a file, to which filters of ffmpeg-python can be added.

    It is resampled to `rate` frames/s, unless that is None. Options are those of ffmpeg's input.

    Raises:
        FfmpegError: It is no regular file.
    """
    # Else, after a single time stamp that does not ascend, ffmpeg believes none any more.
    stream = _input(video, fflags="+igndts", **options)
    if rate is not None:
        stream = stream.filter("setpts", "PTS-STARTPTS").filter("fps", fps=rate)
    return stream.filter("showinfo", checksum=0)


_SHOWN = re.compile(rb"n: *\d+ pts: *(\S+) .* duration: *(\d+) .* s:(\d+x\d+) ")
_LEVEL = re.compile(rb"(?:\[[^\]]* @ 0x[0-9a-f]+\] )*\[(\w+)\] (.*)")


class _Log:
    """What ffmpeg says while it decodes: a stamp for each picture, and complaints."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._read = 0
        self._rest = b""
        self.stamps: list[int] = []
        self.sizes: dict[str, None] = {}
        self.complaints: list[str] = []

    def update(self) -> None:
        """Read on. What comes before a picture has been written before that picture."""
        content = self._rest
        # Not `read`: ffmpeg writes where the position of this same file is.
        while piece := os.pread(self._file.fileno(), 1 << 20, self._read):
            self._read += len(piece)
            content += piece
        *lines, self._rest = content.split(b"\n")
        for line in lines:
            if shown := _SHOWN.search(line):
                stamp = (self.stamps or [-1])[-1] + 1 if shown[1] == b"NOPTS" else int(shown[1])
                if self.stamps and stamp < self.stamps[-1]:
                    self.complaints.append(f"time steps back at picture {len(self.stamps) + 1}")
                self.stamps.append(stamp)
                self.sizes[shown[3].decode()] = None
            elif (level := _LEVEL.match(line)) and level[1] in (b"error", b"fatal", b"panic"):
                self.complaints.append(level[2].decode(errors="replace"))

    def check(self, status: int) -> None:
        """Raise an FfmpegError if ffmpeg, which has ended, complained of anything."""
        self.update()
        if len(self.sizes) > 1:
            raise FfmpegError(f"ffmpeg finds pictures of several sizes, {', '.join(self.sizes)}")
        if status or self.complaints:
            first = (self.complaints or [f"exit status {status}"])[0]
            raise FfmpegError(
                f"ffmpeg reads it with {len(self.complaints)} errors, the first: {first[-200:]}"
            )


def read_frames(
    stream: Any,
    shape: Sequence[int],
    timing: Timing,
    *,
    pixel_format: str,
    dtype: str = "u1",
    block: int = 1,
    stop_at_error: bool = False,
    first: int = 1,
    last: int | None = None,
) -> Generator[NDArray[Any], None, int]:
    """Yield the frames `first` to `last` of a stream, from 1, in blocks [time, *shape].

    Frames are those of the timing: a picture that the video repeats comes once more. Returns the
    number of pictures that are never shown, since the next has the same time.

    Args:
        stream: From `open_video`, with any filters.
        shape: Shape of a frame as ffmpeg writes it: [y, x, channel], or [plane, y, x].
        timing: Of the video, resampled if the stream is.
        pixel_format: Format that ffmpeg converts frames to.
        dtype: Type of a value in that format.
        block: Frames in a block; some blocks may have fewer.
        stop_at_error: Whether frames after the first error are left out.
        first: First frame, from 1.
        last: Last frame; None: that of the video.

    Raises:
        FfmpegError: After the last frame, if ffmpeg complained of any.
    """
    # Without passthrough ffmpeg doubles or drops frames to even out the rate.
    raw = {"format": "rawvideo", "pix_fmt": pixel_format, "fps_mode": "passthrough", "threads": 1}
    # The stamps are known by then; ffmpeg complains of output whose stamps do not ascend.
    raw |= {"enc_time_base": "filter"}
    numbered = stream.filter("setpts", "N")
    limit = {} if last is None else {"frames:v": last}
    strict = ["-xerror"] if stop_at_error else []
    target = numbered.output("pipe:", **raw, **limit)
    command = _command(target, *_SAY_ALL, *strict)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    # A file, not a pipe: complaints about a damaged video would fill a pipe and stop ffmpeg.
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process,
    ):
        assert process.stdout is not None
        log, sink = _Log(said), process.stdout

        def decoded() -> Iterator[tuple[NDArray[Any], list[int]]]:
            count = 0
            while content := sink.read(block * size):
                whole = len(content) // size
                log.update()
                if whole:
                    pictures = np.frombuffer(content[: whole * size], dtype)
                    yield pictures.reshape(-1, *shape), log.stamps[count : count + whole]
                count += whole
            log.check(process.wait())

        try:
            return (yield from timing.arrange(decoded(), first, last))
        finally:
            process.kill()  # whoever needs no more frames closes this generator


@contextmanager
def write_frames(
    video: Path,
    shape: Sequence[int],
    rate: float,
    *,
    filters: Sequence[Sequence[str]] = (),
    **options: Any,
) -> Iterator[Callable[[NDArray[np.uint8]], object]]:
    """Encode a video from the frames that are given to the function; equal frames, equal bytes.

    A frame is [y, x] for grey, [y, x, 3] for RGB. The rate is in frames per second. A filter is its
    name and its arguments; options are the codec and others of ffmpeg's output.

    Raises:
        InputError: ffmpeg failed.
    """
    source = {"pix_fmt": "gray" if len(shape) == 2 else "rgb24", "s": f"{shape[1]}x{shape[0]}"}
    stream = ffmpeg.input("pipe:", format="rawvideo", framerate=rate, **source)
    for name, *arguments in filters:
        stream = stream.filter(name, *arguments)
    # Players want colour at half the resolution.
    target = stream.output(f"file:{video}", pix_fmt="yuv420p", **_REPEATABLE, **options)
    with TemporaryFile() as complaints:
        process = subprocess.Popen(_command(target, "-y"), stdin=subprocess.PIPE, stderr=complaints)
        assert process.stdin is not None
        sink, broken = process.stdin, False
        try:
            yield lambda frame: sink.write(np.ascontiguousarray(frame).data)
            sink.close()
        except BrokenPipeError:
            broken = True
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                sink.close()
            process.wait()
        lines = _lines(complaints)
    if broken or process.returncode:
        raise InputError(
            f"{video}: ffmpeg could not write it: {lines[-1] if lines else 'it stopped'}; "
            "is the disk full or read-only?"
        )
