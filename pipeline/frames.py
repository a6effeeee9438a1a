"""Stage frames: raw videos to RGB frames on the frame grid (Sec. IV-B)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config import DatasetFrames, Frames
from pipeline.errors import InputError
from pipeline.raw import video_file
from pipeline.splits import SheetClip
from pipeline.stage import main
from pipeline.stores import FRAMES, SHARD, write_store

_IMAGES = {".jpg", ".jpeg", ".png"}
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
_NTSC = (24000 / 1001, 30000 / 1001, 60000 / 1001)
"""Rates that ffmpeg prints rounded to two decimals; a minute later that is a quarter of a frame."""


class DamagedError(Exception):
    """ffmpeg decoded a video with errors."""


def probe(video: Path) -> tuple[int, int, float]:
    """Width, height (pixels) and frame rate (frames/s) of a video or image (rate 1).

    Raises:
        InputError: The file is missing or cannot be decoded.
    """
    if not video.is_file():
        raise InputError(f"{video}: no such file; docs/datasets.md shows the expected layout")
    try:
        if video.suffix.lower() in _IMAGES:
            with Image.open(video) as image:
                return image.width, image.height, 1.0
        reader = imageio_ffmpeg.read_frames(video)
        facts = next(reader)
        reader.close()
    except (OSError, RuntimeError, StopIteration) as error:
        raise InputError(f"{video}: not a video that ffmpeg can read; fetch it again") from error
    width, height = facts["source_size"]
    rate = float(facts["fps"])
    return width, height, next((exact for exact in _NTSC if abs(exact - rate) < 0.006), rate)


def _decode_image(image_file: Path, frames: Frames) -> Iterator[NDArray[np.uint8]]:
    try:
        with Image.open(image_file) as image:
            size = (frames.width, frames.height)
            yield np.asarray(image.convert("RGB").resize(size, _FILTERS[frames.filter]))[None]
    except OSError as error:
        raise InputError(f"{image_file}: broken image ({error}); fetch it again") from error


def _decode_video(
    video: Path, frames: Frames, rate: float | None, clip: SheetClip
) -> Iterator[NDArray[np.uint8]]:
    stream = ffmpeg.input(str(video)).video
    if rate is not None:
        stream = stream.filter("fps", fps=rate)
    stream = stream.filter("scale", frames.width, frames.height, flags=frames.filter)
    # Without passthrough ffmpeg doubles or drops frames to even out the rate.
    options = {"fps_mode": "passthrough", "threads": 1}
    if clip.last is not None:
        options["frames:v"] = clip.last
    command = stream.output("pipe:", format="rawvideo", pix_fmt="rgb24", **options).compile(
        cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"]
    )
    return _frames_of(command, (frames.height, frames.width, 3), (clip.first or 1) - 1, video)


def _frames_of(
    command: list[str], shape: tuple[int, int, int], skip: int, video: Path
) -> Iterator[NDArray[np.uint8]]:
    """Frames that a command of ffmpeg writes, without the first `skip`.

    Raises:
        DamagedError: After the last frame, if ffmpeg complained.
    """
    # A file, not a pipe: ffmpeg's complaints about a damaged video would fill a pipe and stop it.
    with (
        TemporaryFile() as complaints,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process,
    ):
        assert process.stdout is not None
        size = int(np.prod(shape))
        while block := process.stdout.read(SHARD * size):
            whole = len(block) // size * size
            decoded = np.frombuffer(block[:whole], np.uint8).reshape(-1, *shape)
            if len(decoded) > skip:
                yield decoded[skip:]
            skip = max(0, skip - len(decoded))
        status = process.wait()
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").split("\n")[:-1]
    if status or lines:
        raise DamagedError(
            f"{video}: ffmpeg reads it with {len(lines)} errors, "
            f"the first: {next(iter(lines), f'exit status {status}')}"
        )


def decode(
    video: Path, frames: Frames, rate: float | None, clip: SheetClip
) -> Iterator[NDArray[np.uint8]]:
    """RGB frames of a video on the frame grid, in blocks [time, y, x, channel].

    Args:
        video: Video, or an image, which is a clip of one frame.
        frames: The frame grid and the resizing filter.
        rate: Frames per second to resample to; None keeps every frame as it is.
        clip: Its first and last frame limit what is decoded.
    """
    if video.suffix.lower() in _IMAGES:
        return _decode_image(video, frames)
    return _decode_video(video, frames, rate, clip)


def frames(
    *,
    raw: Path,
    clips: list[SheetClip],
    dataset: DatasetFrames,
    grid: Frames,
    store: Path,
    manifest: Path,
) -> None:
    """Raw videos of a part to its FRAMES store."""
    with write_store(FRAMES, store, manifest) as writer:
        for clip in clips:
            video = video_file(raw, dataset.video, clip.name, clip.split)
            width, height, rate = probe(video)
            facts = {
                "split": clip.split,
                "first": clip.first or 1,
                "source_width": width,
                "source_height": height,
                "rate": dataset.rate or rate,
            }
            blocks = decode(video, grid, dataset.rate, clip)
            count = writer.add(clip.name, _checked(blocks, video, dataset.damaged), **facts)
            print(f"{clip.name}: {count} frames of {width}x{height}")


def _checked(
    blocks: Iterator[NDArray[np.uint8]], video: Path, damaged: str
) -> Iterator[NDArray[np.uint8]]:
    empty = True
    try:
        for block in blocks:
            empty = False
            yield block
    except DamagedError as error:
        if damaged == "stop":
            raise InputError(
                f"{error}; fetch it again, take the clip out of the split sheet, or set "
                "frames.damaged of its dataset to keep in config.yaml"
            ) from error
        print(f"kept what was decoded: {error}")
    if empty:
        raise InputError(f"{video}: no frame in the range asked for; check the file and the sheet")


if __name__ == "__main__":
    main(frames)
