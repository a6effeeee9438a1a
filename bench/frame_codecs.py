"""What a frame costs in each codec: bytes, time to write and to read, and what is lost.

Frames of real recordings on the frame grid, in the layout of a FRAMES store: a chunk a frame, 32
chunks a shard. Read as training does, frame by frame in random order. Run from anywhere:

    python bench/frame_codecs.py --shared FOLDER [--frames 60] [--times 3]

FOLDER holds the recordings: dhf1k/video/002.AVI and the clip causality_clip_01_1000x750 of diem.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
import zarr
from numpy.typing import NDArray
from pages import publish, with_python
from zarr.codecs import Crc32cCodec

from pipeline.config.data import Frames
from pipeline.preprocessing.frames import decode
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import probe
from pipeline.stores.jpeg import Jpeg
from pipeline.stores.kinds import ENCODINGS, SHARD

ROOT = Path(__file__).resolve().parents[1]
GRID = Frames(width=640, height=480, filter="bicubic", codec="lossless")
DIEM = "causality_clip_01_1000x750"
VIDEOS = {
    "DHF1K 002, camera": "dhf1k/video/002.AVI",
    "DIEM causality 01, drawn": f"diem/{DIEM}/video/{DIEM}.mp4",
}
CODECS: dict[str, dict[str, Any]] = {
    **{str(name): encoding for name, encoding in ENCODINGS.items()},
    "jpeg95 with 4:2:0": {"serializer": Jpeg(95, "4:2:0"), "compressors": [Crc32cCodec()]},
}


class Cost(NamedTuple):
    """A codec on a video."""

    size: float
    """Bytes a frame, shard index included."""
    write: float
    """Frames per second."""
    read: float
    """Frames per second."""
    psnr: float
    """dB; infinite where nothing is lost."""
    worst: int
    """Largest difference of a level."""


def some_frames(video: Path, count: int) -> NDArray[np.uint8]:
    """Frames [time, y, x, channel], evenly spread over the video."""
    blocks = decode(video, GRID, None, probe(video)[2], SheetClip(video.stem, "test", None, None))
    frames = np.concatenate(list(blocks))
    chosen = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
    return np.asarray(frames[chosen], np.uint8)


def seconds(work: Callable[[], object], times: int) -> float:
    """Median of the time that some work takes."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def cost(frames: NDArray[np.uint8], encoding: dict[str, Any], times: int) -> Cost:
    """Writes and reads the frames."""
    order = np.random.default_rng(0).permutation(len(frames))
    with tempfile.TemporaryDirectory() as folder:

        def write() -> zarr.Array[Any]:
            array = zarr.create_array(
                folder,
                shape=frames.shape,
                dtype="uint8",
                chunks=(1, *frames.shape[1:]),
                shards=(SHARD, *frames.shape[1:]),
                config={"write_empty_chunks": True},
                overwrite=True,
                **encoding,
            )
            for start in range(0, len(frames), SHARD):
                array[start : start + SHARD] = frames[start : start + SHARD]
            return array

        written = seconds(write, times)
        array = zarr.open_array(folder, mode="r")
        read = seconds(lambda: [array[int(index)] for index in order], times)
        found: NDArray[np.uint8] = np.asarray(array[:])
        size = sum(
            file.stat().st_size for file in (Path(folder) / "c").rglob("*") if file.is_file()
        )
    error = found.astype(np.int16) - frames
    mean = float(np.mean(np.square(error, dtype=np.float32)))
    psnr = 10 * math.log10(255**2 / mean) if mean else math.inf
    worst = int(np.abs(error).max())
    return Cost(size / len(frames), len(frames) / written, len(frames) / read, psnr, worst)


def row(video: str, codec: str, found: Cost, lossless: Cost) -> str:
    """A line of the report."""
    loss = "none" if math.isinf(found.psnr) else f"{found.psnr:.1f}"
    return (
        f"| {video} | {codec} | {found.size:,.0f} | {found.size / lossless.size:.2f} "
        f"| {found.write:.0f} | {found.read:.0f} | {loss} | {found.worst} |"
    )


def report(count: int, rows: list[str]) -> str:
    """The Markdown page."""
    versions = f"Zarr {zarr.__version__}, Pillow {PIL.__version__}"
    return "\n".join(
        [
            "# Codecs of frames",
            "",
            f"{with_python()}, {versions}. At most {count} frames of",
            f"{GRID.width}x{GRID.height} a video, evenly spread; read one by one in random order,",
            "from the page cache. `python bench/frame_codecs.py`.",
            "",
            "| video | codec | bytes a frame | of lossless | written, frames/s | read, frames/s "
            "| PSNR, dB | largest error, levels |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measures and writes bench/results/frame_codecs.md."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    rows = []
    for video, path in VIDEOS.items():
        frames = some_frames(given.shared / path, given.frames)
        found = {name: cost(frames, codec, given.times) for name, codec in CODECS.items()}
        rows += [row(video, name, one, found["lossless"]) for name, one in found.items()]
    page = report(given.frames, rows)
    publish("frame_codecs", page)


if __name__ == "__main__":
    main()
