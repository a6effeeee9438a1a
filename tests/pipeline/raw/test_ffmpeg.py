"""ffmpeg: frames come back as they went in, and its complaints become one error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.raw.ffmpeg import (
    FfmpegError,
    count_frames,
    open_video,
    probe_video,
    read_frames,
    write_frames,
)
from pipeline.runtime.errors import InputError

LEVELS = (20, 60, 100, 140, 180)


def _write(path: Path, shape: tuple[int, ...] = (48, 64, 3)) -> Path:
    with write_frames(path, shape, 25.0, vcodec="libx264", crf=1) as write:
        for level in LEVELS:
            write(np.full(shape, level, np.uint8))
    return path


def _read(path: Path, **options: int | bool) -> list[np.ndarray]:
    timing = probe_video(path).timing
    return list(read_frames(open_video(path), (48, 64), timing, pixel_format="gray", **options))


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64)], ids=["colour", "grey"])
@pytest.mark.parametrize("name", ["a.mp4", "a: b.mp4"])
def test_frames_come_back_in_blocks(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    video = _write(tmp_path / name, shape)
    blocks = _read(video, block=2)
    assert [block.shape for block in blocks] == [(2, 48, 64), (2, 48, 64), (1, 48, 64)]
    np.testing.assert_allclose(np.concatenate(blocks).mean(axis=(1, 2)), LEVELS, atol=2)
    facts = probe_video(video)
    assert (facts.width, facts.height, facts.timing.rate) == (64, 48, 25)
    assert facts.pixel_format == "yuv420p"
    assert count_frames(video) == len(LEVELS)


def test_same_frames_same_bytes(tmp_path: Path) -> None:
    one, two = (_write(tmp_path / name).read_bytes() for name in ("a.mp4", "b.mp4"))
    assert one == two


def test_a_reader_may_stop_early(tmp_path: Path) -> None:
    video = _write(tmp_path / "a.mp4")
    timing = probe_video(video).timing
    frames = read_frames(open_video(video), (48, 64), timing, pixel_format="gray")
    assert next(frames).shape == (1, 48, 64)
    frames.close()


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_what_is_no_video(tmp_path: Path, content: bytes | None) -> None:
    video = tmp_path / "a.mp4"
    if content is not None:
        video.write_bytes(content)
    with pytest.raises(FfmpegError, match=r"^ffmpeg"):
        probe_video(video)
    assert count_frames(video) == 0


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent/a\.mp4: ffmpeg could not write it: .*; is the"):
        _write(tmp_path / "absent" / "a.mp4")
