"""The one home of ffmpeg: what a video holds, its frames as arrays, and arrays as a video.

The binary is the one in imageio-ffmpeg's wheel, so no system package is needed. It comes without
ffprobe: facts are read from what ffmpeg itself prints.
"""

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError

_REPEATABLE = {"threads": 1, "fflags": "+bitexact", "flags:v": "+bitexact", "map_metadata": -1}
"""One thread, no date, no version: the same frames give the same bytes."""


class FfmpegError(Exception):
    """ffmpeg complained about a video that it read; the text begins with "ffmpeg"."""


class VideoFacts(NamedTuple):
    """What the header of a video states."""

    width: int
    """Pixels."""
    height: int
    """Pixels."""
    rate: float
    """Frames per second, which ffmpeg rounds to two decimals."""
    pixel_format: str
    """As ffmpeg calls it, for example yuv420p10le."""


def _command(stream: Any, *options: str) -> list[str]:
    quiet = ["-nostdin", "-loglevel", "error"]
    command: list[str] = stream.compile(cmd=[imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *options])
    return command


def _lines(complaints: IO[bytes]) -> list[str]:
    complaints.seek(0)
    return complaints.read().decode(errors="replace").strip().splitlines()


def probe_video(video: Path) -> VideoFacts:
    """Return the facts of a video, whose first frame must be readable.

    Raises:
        FfmpegError: It cannot be read.
    """
    try:
        reader = imageio_ffmpeg.read_frames(video)
        facts = next(reader)
        reader.close()
        width, height = facts["source_size"]
        return VideoFacts(width, height, float(facts["fps"]), facts["pix_fmt"])
    except (OSError, RuntimeError, StopIteration, KeyError) as error:
        raise FfmpegError(f"ffmpeg: {str(error).strip()[-200:]}") from error


def count_frames(video: Path) -> int:
    """Count the frames of a video without decoding them; 0 if ffmpeg cannot read it."""
    stream = ffmpeg.input(f"file:{video}")["v:0"].output("-", c="copy", format="null")
    command = stream.compile(cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin"])
    done = subprocess.run(command, capture_output=True, check=False)
    # The count is repeated while ffmpeg goes on; the last one is the number of packets.
    counts = re.findall(rb"frame=\s*(\d+)", done.stderr)
    return int(counts[-1]) if counts else 0


def open_video(video: Path, **options: Any) -> Any:
    """Return the video stream of a file, to which filters of ffmpeg-python can be added."""
    # With the prefix, a colon in the name is no protocol.
    return ffmpeg.input(f"file:{video}", **options).video


def read_frames(
    stream: Any,
    shape: Sequence[int],
    *,
    pixel_format: str,
    dtype: str = "u1",
    block: int = 1,
    stop_at_error: bool = False,
    **options: Any,
) -> Iterator[NDArray[Any]]:
    """Yield the frames of a stream, each as it is and none doubled, in blocks [time, *shape].

    Args:
        stream: From `open_video`, with any filters.
        shape: Shape of a frame as ffmpeg writes it: [y, x, channel], or [plane, y, x].
        pixel_format: Format that ffmpeg converts frames to.
        dtype: Type of a value in that format.
        block: Frames in a block; the last block may have fewer.
        stop_at_error: Whether frames after the first error are left out.
        options: Further options of ffmpeg's output.

    Raises:
        FfmpegError: After the last frame, if ffmpeg complained of any.
    """
    # Without passthrough ffmpeg doubles or drops frames to even out the rate.
    raw = {"format": "rawvideo", "pix_fmt": pixel_format, "fps_mode": "passthrough", "threads": 1}
    strict = ["-xerror"] if stop_at_error else []
    command = _command(stream.output("pipe:", **raw, **options), *strict)
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    # A file, not a pipe: complaints about a damaged video would fill a pipe and stop ffmpeg.
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process,
    ):
        assert process.stdout is not None
        try:
            while content := process.stdout.read(block * size):
                whole = len(content) // size * size
                if whole:
                    yield np.frombuffer(content[:whole], dtype).reshape(-1, *shape)
            status = process.wait()
        finally:
            process.kill()  # whoever needs no more frames closes this generator
        lines = _lines(complaints)
    if status or lines:
        first = lines[0] if lines else f"exit status {status}"
        raise FfmpegError(f"ffmpeg reads it with {len(lines)} errors, the first: {first[-200:]}")


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
