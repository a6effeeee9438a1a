"""Frames: decoded frame by frame, resized, cut to the range of the split sheet."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from pipeline.config.data import DatasetFrames, Frames
from pipeline.datasets.records import Clip
from pipeline.demo.encode import write_video
from pipeline.preprocessing.frames import decode, frames
from pipeline.raw.splits import SheetClip
from pipeline.raw.video import probe
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FRAMES
from pipeline.stores.reading import open_store
from pipeline.stores.settings import frames_settings, recorded_settings

GRID = Frames(width=32, height=24, filter="bicubic", codec="lossless")


def _video(path: Path, levels: list[int], rate: int | str = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = np.stack([np.full((48, 64, 3), level, np.uint8) for level in levels])
    stream = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s="64x48", r=rate)
    ffmpeg.run(
        stream.output(str(path), vcodec="ffv1", pix_fmt="bgr0", loglevel="error"),
        cmd=imageio_ffmpeg.get_ffmpeg_exe(),
        input=pictures.tobytes(),
        overwrite_output=True,
    )
    return path


def _clip(first: int | None = None, last: int | None = None) -> SheetClip:
    return SheetClip("a", "train", first, last)


def _decoded(video: Path, rate: float | None = None, clip: SheetClip | None = None) -> np.ndarray:
    timing = probe(video, rate)[2]
    return np.concatenate(list(decode(video, GRID, rate, timing, clip or _clip())))


def test_every_frame_once_and_in_order(tmp_path: Path) -> None:
    levels = list(range(10, 210, 2))
    video = _video(tmp_path / "a.avi", levels)
    found = _decoded(video)
    assert found.shape == (100, 24, 32, 3)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), levels, atol=1)
    assert probe(video)[:2] == (64, 48)
    assert probe(video)[2].rate == 25


def test_range_of_the_sheet_is_one_based_and_closed(tmp_path: Path) -> None:
    video = _video(tmp_path / "a.avi", list(range(10, 210, 2)))
    found = _decoded(video, clip=_clip(40, 75))
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), np.arange(88, 160, 2), atol=1)


def test_resampling_to_another_rate(tmp_path: Path) -> None:
    video = _video(tmp_path / "a.avi", list(range(0, 240, 10)), rate=24)
    assert len(_decoded(video, 30.0)) == 30


def test_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 100, 50)).save(tmp_path / "a.png")
    found = _decoded(tmp_path / "a.png")
    assert found.shape == (1, 24, 32, 3)
    assert found[0, 5, 5].tolist() == [200, 100, 50]


def test_stage_writes_facts(tmp_path: Path) -> None:
    _video(tmp_path / "a.avi", [1, 2, 3, 4, 5])
    dataset = DatasetFrames(video="{clip}.avi", rate=None, damaged="stop")
    manifest = tmp_path / "0001.json"
    frames(
        raw=tmp_path,
        clips=[_clip(2, 4)],
        dataset=dataset,
        grid=GRID,
        store=tmp_path / "0001.zarr",
        manifest=manifest,
    )
    assert recorded_settings(manifest) == frames_settings(dataset, GRID)
    assert open_store(FRAMES, manifest).clips["a"] == {
        "shape": [3, 24, 32, 3],
        "split": "train",
        "first": 2,
        "last": 4,
        "source_width": 64,
        "source_height": 48,
        "rate": 25.0,
        "numbers": [],
        "times": [],
    }


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_bad_video_is_one_error_that_names_it(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.avi").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.avi: "):
        probe(tmp_path / "a.avi")


def test_a_range_beyond_the_video_is_told(tmp_path: Path) -> None:
    _video(tmp_path / "a.avi", list(range(100)))
    with pytest.raises(InputError, match="no frame in the range"):
        _frames(tmp_path, "stop", _clip(101, 120))


def _frames(folder: Path, damaged: Any, clip: SheetClip) -> None:
    frames(
        raw=folder,
        clips=[clip],
        dataset=DatasetFrames(video="{clip}.avi", rate=None, damaged=damaged),
        grid=GRID,
        store=folder / "s.zarr",
        manifest=folder / "s.json",
    )


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_a_truncated_video_is_one_error_and_leaves_no_store(
    tmp_path: Path, suffix: str, share: float
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (60, 48, 64, 3), np.uint8)
    video = tmp_path / f"whole{suffix}"
    write_video(video, Clip("whole", 60, 64, 48, 25.0), noise)
    content = video.read_bytes()
    (tmp_path / "a.avi").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"a\.avi: .*(fetch it again)"):
        _frames(tmp_path, "stop", _clip())
    assert not (tmp_path / "s.zarr").exists()
    assert not (tmp_path / "s.json").exists()


def test_a_video_behind_a_link_that_leaves_the_raw_folder_is_not_read(tmp_path: Path) -> None:
    _video(tmp_path / "elsewhere/a.avi", [1, 2])
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.avi").symlink_to(tmp_path / "elsewhere/a.avi")
    with pytest.raises(InputError, match=r"raw/a\.avi: leads to .*, outside"):
        _frames(raw, "stop", _clip())


RELEASED = DatasetFrames(video="{split}ing/{clip}/images/*_{frame}.png", rate=24.0, damaged="stop")


def _pictures(folder: Path, numbers: list[int], size: tuple[int, int] = (64, 48)) -> None:
    images = folder / "training/a/images"
    images.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.new("RGB", size, (number, number, number)).save(images / f"film_{number:05d}.png")


def _numbered(folder: Path, clip: SheetClip, **changes: Any) -> dict[str, Any]:
    frames(
        raw=folder,
        clips=[clip],
        dataset=RELEASED.model_copy(update=changes),
        grid=GRID,
        store=folder / "s.zarr",
        manifest=folder / "s.json",
    )
    store = open_store(FRAMES, folder / "s.json")
    return store.clips["a"] | {"levels": store["a"][:].mean(axis=(1, 2, 3)).tolist()}


def test_numbered_pictures_keep_the_numbers_of_the_whole_film(tmp_path: Path) -> None:
    _pictures(tmp_path, [100, 9, 101, 10, 11, *range(12, 100)])
    facts = _numbered(tmp_path, _clip())
    assert facts["numbers"] == facts["levels"] == list(range(9, 102))
    assert (facts["first"], facts["rate"], facts["source_width"]) == (1, 24.0, 64)


def test_a_shot_may_have_one_picture(tmp_path: Path) -> None:
    _pictures(tmp_path, [77])
    assert _numbered(tmp_path, _clip())["levels"] == [77]


def test_the_sheet_limits_numbered_pictures_by_number(tmp_path: Path) -> None:
    _pictures(tmp_path, list(range(1, 20)))
    assert _numbered(tmp_path, _clip(3, 5))["levels"] == [3, 4, 5]


def test_a_gap_in_numbered_pictures_stops_or_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _pictures(tmp_path, [1, 2, 4, 7])
    with pytest.raises(InputError, match=r"images/\*_\{frame\}\.png: 3 pictures.*first 3"):
        _numbered(tmp_path, _clip())
    assert not (tmp_path / "s.zarr").exists()
    assert _numbered(tmp_path, _clip(), damaged="keep")["numbers"] == [1, 2, 4, 7]
    assert "frames that could be decoded are kept" in capsys.readouterr().out


@pytest.mark.parametrize(("numbers", "absent"), [([2, 3, 4], 1), ([1, 2, 3], 4)])
def test_pictures_that_the_sheet_asks_for_and_that_are_missing_are_a_gap(
    tmp_path: Path, numbers: list[int], absent: int
) -> None:
    _pictures(tmp_path, numbers)
    with pytest.raises(InputError, match=rf"1 pictures are missing, the first {absent}"):
        _numbered(tmp_path, _clip(1, 4))


def test_no_picture_fits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture in the range of the split sheet"):
        _numbered(tmp_path, _clip())


def test_pictures_of_two_sizes_are_told(tmp_path: Path) -> None:
    _pictures(tmp_path, [1, 2])
    _pictures(tmp_path, [3], size=(32, 48))
    with pytest.raises(InputError, match=r"several sizes, .*film_00003\.png"):
        _numbered(tmp_path, _clip())


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_broken_picture_is_told(tmp_path: Path, content: bytes | None) -> None:
    _pictures(tmp_path, [1, 2, 3])
    picture = tmp_path / "training/a/images/film_00002.png"
    picture.write_bytes(picture.read_bytes()[:60] if content is None else content)
    with pytest.raises(InputError, match=r"film_00002\.png: .*; fetch it again"):
        _numbered(tmp_path, _clip())
    assert not (tmp_path / "s.zarr").exists()


def test_a_picture_that_announces_absurd_dimensions_is_not_read(tmp_path: Path) -> None:
    """A PNG header of 200,000 x 200,000 pixels over a body of a few bytes."""
    _pictures(tmp_path, [1])
    picture = tmp_path / "training/a/images/film_00001.png"
    content = bytearray(picture.read_bytes())
    header = b"IHDR" + (200_000).to_bytes(4, "big") * 2 + bytes(content[24:29])
    content[12:33] = header + zlib.crc32(header).to_bytes(4, "big")
    picture.write_bytes(content)
    with pytest.raises(InputError, match=r"film_00001\.png: not an image that can be read"):
        _numbered(tmp_path, _clip())


def test_numbered_pictures_need_a_rate() -> None:
    with pytest.raises(ValueError, match="numbered pictures carry no rate"):
        DatasetFrames(video="{clip}/{frame}.png", rate=None, damaged="stop")


def _damage(video: Path) -> None:
    content = bytearray(video.read_bytes())
    for place in range(len(content) // 4, len(content) - 64, 40):
        content[place] ^= 0xFF
    video.write_bytes(content)


def test_a_damaged_video_stops_with_one_error(tmp_path: Path) -> None:
    """Enough complaints of ffmpeg to fill a pipe: it must neither hang nor pass in silence."""
    _damage(_video(tmp_path / "a.avi", [17 * i % 251 for i in range(400)]))
    with pytest.raises(InputError, match=r"a\.avi: ffmpeg reads it with \d+ errors.* set frames"):
        _frames(tmp_path, "stop", _clip())


def test_a_damaged_video_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _damage(_video(tmp_path / "a.avi", [17 * i % 251 for i in range(400)]))
    _frames(tmp_path, "keep", _clip())
    assert "frames that could be decoded are kept" in capsys.readouterr().out
    assert open_store(FRAMES, tmp_path / "s.json").clips["a"]["shape"][0] > 0


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001"])
def test_ntsc_rates_are_exact(tmp_path: Path, rate: str) -> None:
    video = _video(tmp_path / "a.avi", [1] * 10, rate=rate)
    assert probe(video)[2].rate == Fraction(rate)
