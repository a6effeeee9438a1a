"""Stage frames: raw videos to RGB frames on the frame grid (Sec. IV-B).

Which frames a video has, and when each is on the screen, its container says
(`pipeline.raw.timing`): a picture that it repeats is stored once more, and frames that last
differently keep their times, which the manifest passes on to stage gaze.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.data import DatasetFrames, Frames
from pipeline.raw.ffmpeg import FfmpegError, open_video, read_frames
from pipeline.raw.patterns import numbered_files, stays_inside, video_file
from pipeline.raw.splits import SheetClip
from pipeline.raw.timing import Timing
from pipeline.raw.unchanged import Unchanged
from pipeline.raw.video import is_picture, numbered_pictures, probe, read_picture
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.stores.kinds import FRAMES, SHARD
from pipeline.stores.settings import frames_settings
from pipeline.stores.verify import damage
from pipeline.stores.writing import write_store

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


class DamagedError(Exception):
    """A video was decoded with errors."""


def _decode_images(files: Iterable[Path], frames: Frames) -> Iterator[NDArray[np.uint8]]:
    size = (frames.width, frames.height)
    for file in files:
        yield np.asarray(read_picture(file).resize(size, _FILTERS[frames.filter]))[None]


def _decode_video(
    video: Path, frames: Frames, rate: float | None, timing: Timing, clip: SheetClip
) -> Iterator[NDArray[np.uint8]]:
    try:
        stream = open_video(video, rate=rate)
        stream = stream.filter("scale", frames.width, frames.height, flags=frames.filter)
        lost = yield from read_frames(
            stream,
            (frames.height, frames.width, 3),
            timing,
            pixel_format="rgb24",
            block=SHARD,
            # Counted after resampling; seeking to the first one would not be exact.
            first=clip.first or 1,
            last=clip.last,
        )
    except FfmpegError as error:
        raise DamagedError(f"{video}: {error}") from error
    if lost:
        print(f"{video}: {lost} pictures are left out, whose time is that of the next")


def decode(
    video: Path, frames: Frames, rate: float | None, timing: Timing, clip: SheetClip
) -> Iterator[NDArray[np.uint8]]:
    """Decode RGB frames of a video or an image on the frame grid, [time, y, x, channel] a block.

    A video is resampled to `rate` frames/s, unless it is None; `timing` says when the frames are on
    the screen then. They are limited to the clip's range.

    Raises:
        InputError: An image is damaged.
        DamagedError: A video is damaged; raised after its last frame.
    """
    if is_picture(video):
        return _decode_images([video], frames)
    return _decode_video(video, frames, rate, timing, clip)


def _open_video(
    raw: Path, clip: SheetClip, dataset: DatasetFrames, grid: Frames
) -> tuple[dict[str, Any], Iterator[NDArray[np.uint8]]]:
    """Facts and frames of a video or an image."""
    video = video_file(raw, dataset.video, clip.name, clip.split)
    stays_inside(raw, [video])
    width, height, timing = probe(video, dataset.rate, square=dataset.square_pixels)
    size = {"source_width": width, "source_height": height}
    edges = timing.edges()[: None if clip.last is None else clip.last + 1]
    times = {"rate": dataset.rate or timing.mean_rate, "times": edges}
    facts = {"first": clip.first or 1, "numbers": [], **times, **size}
    blocks = decode(video, grid, dataset.rate, timing, clip)
    return facts, _stop_or_keep(blocks, video, dataset.damaged)


def _open_pictures(
    raw: Path, clip: SheetClip, dataset: DatasetFrames, grid: Frames
) -> tuple[dict[str, Any], Iterator[NDArray[np.uint8]]]:
    """Facts and frames of a folder of numbered pictures; the sheet's range is of such numbers."""
    files, absent, (width, height) = numbered_pictures(raw, dataset.video, clip)
    where = video_file(raw, dataset.video, clip.name, clip.split)
    size = {"source_width": width, "source_height": height}
    facts = {"first": 1, "rate": dataset.rate, "numbers": list(files), "times": [], **size}
    blocks = _decode_images(files.values(), grid)
    return facts, _stop_or_keep(blocks, where, dataset.damaged, absent)


def _stop_or_keep(
    blocks: Iterator[NDArray[np.uint8]], video: Path, damaged: str, absent: Sequence[int] = ()
) -> Iterator[NDArray[np.uint8]]:
    """The blocks of a clip; where it is damaged, then `stop`, or `keep` what could be read."""
    empty, fault = True, ""
    try:
        for block in blocks:
            empty = False
            yield block
    except DamagedError as error:
        fault = str(error)
    if absent:
        fault = f"{video}: {len(absent)} pictures are missing, the first {absent[0]}"
    if fault and damaged == "stop":
        raise InputError(
            f"{fault}; fetch it again, take the clip out of the split sheet, or set "
            "frames.damaged of its dataset to keep or leave_out in config.yaml"
        )
    if fault and damaged == "leave_out":
        raise InputError(fault)
    if fault:
        print(f"frames that could be decoded are kept: {fault}")
    if empty:
        raise InputError(
            f"{video}: no frame in the range of the split sheet; check the file and the sheet"
        )


def frames(
    *,
    raw: Path,
    clips: list[SheetClip],
    dataset: DatasetFrames,
    grid: Frames,
    store: Path,
    manifest: Path,
) -> None:
    """Turn raw videos, or folders of numbered pictures, of a part into its FRAMES store.

    Raises:
        InputError: A file is missing, damaged, outside the raw folder or changed meanwhile.
    """
    open_clip = _open_pictures if "{frame}" in dataset.video else _open_video
    settings = frames_settings(dataset, grid)
    with write_store(FRAMES, store, manifest, settings, grid.codec) as writer:
        for clip in Pace(len(clips), "clips").along(clips):
            files = numbered_files(raw, dataset.video, clip.name, clip.split).values()
            with Unchanged(files) as read:
                try:
                    facts, blocks = open_clip(raw, clip, dataset, grid)
                    count = writer.add(clip.name, blocks, split=clip.split, last=clip.last, **facts)
                except InputError as error:
                    if dataset.damaged != "leave_out":
                        raise
                    writer.leave_out(clip.name, str(error))
                    continue
            writer.inputs[f"raw/{clip.name}"] = read.digest
            size = f"{facts['source_width']}x{facts['source_height']}"
            print(f"{clip.name}: {count} frames of {size}")


if __name__ == "__main__":
    main(frames, damage=damage)
