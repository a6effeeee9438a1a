"""JPEG in Zarr: close to what was written, and damage raises."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr
from zarr.codecs import Crc32cCodec
from zarr.errors import BaseZarrError

from pipeline.stores.jpeg import NAME, Jpeg
from pipeline.stores.kinds import SHARD

ROOT = Path(__file__).parents[3]


def _smooth(length: int, height: int, width: int) -> np.ndarray:
    """Frames of slow waves in all three channels, each frame another phase."""
    t, y, x = np.ogrid[:length, :height, :width]
    waves = [np.sin(x / (9 + i) + y / (13 - i) + t / 3 + i) for i in range(3)]
    return np.rint(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def _array(path: Path, shape: tuple[int, ...], jpeg: Jpeg, **others: object) -> zarr.Array:
    return zarr.create_array(
        path,
        shape=shape,
        dtype="uint8",
        chunks=(1, *shape[1:]),
        shards=(SHARD, *shape[1:]),
        serializer=jpeg,
        compressors=[Crc32cCodec()],
        config={"write_empty_chunks": True},
        **others,
    )


@pytest.mark.parametrize("length", [1, SHARD - 1, SHARD, SHARD + 5])
@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (1, 1), (9, 3)])
def test_smooth_pictures_come_back_nearly_as_they_were(
    tmp_path: Path, length: int, height: int, width: int
) -> None:
    frames = _smooth(length, height, width)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    found = zarr.open_array(tmp_path / "a", mode="r")[:]
    error = np.abs(found.astype(int) - frames)
    assert error.mean() < 1
    assert error.max() <= 8


def test_shards_hold_only_the_frames_that_there_are(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(0, 256, (SHARD + 1, 40, 40, 3), np.uint8)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    first, second = (tmp_path / "a" / "c" / str(i) / "0/0/0" for i in (0, 1))
    assert second.stat().st_size < first.stat().st_size / 10


def test_full_colour_is_closer_than_halved_colour(tmp_path: Path) -> None:
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    frames[:, :, ::2] = (255, 0, 0)
    frames[:, :, 1::2] = (0, 0, 255)
    errors = {}
    for subsampling in ("4:4:4", "4:2:0"):
        array = _array(tmp_path / subsampling[2:], frames.shape, Jpeg(95, subsampling))
        array[:] = frames
        errors[subsampling] = np.abs(array[:].astype(int) - frames).mean()
    assert errors["4:4:4"] < 5 < 50 < errors["4:2:0"]


@pytest.mark.parametrize("quality", [40, 95])
def test_configuration_is_in_the_metadata_and_read_back(tmp_path: Path, quality: int) -> None:
    _array(tmp_path / "a", (2, 8, 8, 3), Jpeg(quality=quality))
    metadata = json.loads((tmp_path / "a" / "zarr.json").read_text())
    codecs = metadata["codecs"][0]["configuration"]["codecs"]
    assert codecs[0] == {
        "name": NAME,
        "configuration": {"quality": quality, "subsampling": "4:4:4"},
    }
    assert codecs[1] == {"name": "crc32c"}
    assert Jpeg.from_dict(codecs[0]) == Jpeg(quality=quality)


def test_every_flipped_byte_raises(tmp_path: Path) -> None:
    frames = _smooth(2, 16, 16)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    shard = tmp_path / "a" / "c" / "0" / "0" / "0" / "0"
    content = shard.read_bytes()
    unnoticed = []
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        shard.write_bytes(damaged)
        try:
            zarr.open_array(tmp_path / "a", mode="r")[:]
        except (ValueError, OSError, BaseZarrError):
            continue
        unnoticed.append(place)
    assert not unnoticed, "damage at these bytes reads as data"


def test_without_the_checksum_a_flipped_byte_reads_as_a_picture(tmp_path: Path) -> None:
    """Why the store's codec has one."""
    frames = _smooth(1, 64, 64)
    array = zarr.create_array(
        tmp_path / "a",
        shape=frames.shape,
        dtype="uint8",
        chunks=frames.shape,
        serializer=Jpeg(quality=95),
        compressors=None,
    )
    array[:] = frames
    before, file = array[:], tmp_path / "a" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(file.read_bytes())
    content[len(content) * 3 // 4] ^= 4
    file.write_bytes(content)
    assert (array[:] != before).any()


def test_reading_through_dask(tmp_path: Path) -> None:
    frames = _smooth(2 * SHARD + 3, 24, 32)
    array = _array(tmp_path / "a", frames.shape, Jpeg(quality=95))
    array[:] = frames
    lazy = da.from_zarr(zarr.open_array(tmp_path / "a", mode="r"), chunks=(SHARD, 24, 32, 3))
    np.testing.assert_array_equal(lazy.compute(), array[:])
    np.testing.assert_allclose(lazy.mean().compute(), frames.mean(), atol=0.5)


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 8, 8, 1), (4, 8, 8, 4)])
def test_only_rgb_frames(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="a chunk is one RGB frame"):
        _array(tmp_path / "a", shape, Jpeg(quality=95))[:] = np.zeros(shape, np.uint8)


def test_only_single_frames_and_bytes(tmp_path: Path) -> None:
    for dtype, chunks in (("uint8", (2, 8, 8, 3)), ("float32", (1, 8, 8, 3))):
        with pytest.raises(ValueError, match="a chunk is one RGB frame"):
            zarr.create_array(
                tmp_path / "b",
                shape=(4, 8, 8, 3),
                dtype=dtype,
                chunks=chunks,
                serializer=Jpeg(quality=95),
                compressors=None,
                overwrite=True,
            )


@pytest.mark.parametrize(
    ("quality", "subsampling"), [(0, "4:4:4"), (96, "4:4:4"), (95, "4:2:2"), (95, "")]
)
def test_settings_out_of_range(quality: int, subsampling: str) -> None:
    with pytest.raises(ValueError, match=NAME):
        Jpeg(quality, subsampling)


def _mean_in_another_process(path: Path, imported: str) -> float:
    code = (
        f"import {imported}, sys, zarr\n"
        f"assert {imported == 'zarr'} or 'pipeline.stores.jpeg' in sys.modules\n"
        f"print(zarr.open_array({str(path)!r}, mode='r')[:].mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return float(done.stdout)


def test_another_process_reads_it_with_the_module(tmp_path: Path) -> None:
    frames = _smooth(3, 24, 32)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    found = _mean_in_another_process(tmp_path / "a", "pipeline.stores.jpeg")
    assert found == pytest.approx(frames.mean(), abs=0.5)


def test_another_process_reads_it_with_zarr_alone(tmp_path: Path) -> None:
    if NAME not in importlib.metadata.entry_points(group="zarr.codecs").names:
        pytest.skip(f"entry point {NAME} is not installed: pip install -e . again")
    frames = _smooth(3, 24, 32)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    found = _mean_in_another_process(tmp_path / "a", "zarr")
    assert found == pytest.approx(frames.mean(), abs=0.5)


def test_zarr_finds_it_by_the_line_of_an_entry_point(tmp_path: Path) -> None:
    """The entry point's line, tried in a folder of its own whatever is installed."""
    frames = _smooth(3, 24, 32)
    _array(tmp_path / "a", frames.shape, Jpeg(quality=95))[:] = frames
    info = tmp_path / "site" / "line-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: line\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[zarr.codecs]\n{NAME} = pipeline.stores.jpeg:Jpeg\n")
    code = (
        f"import sys; sys.path.insert(0, {str(info.parent)!r})\n"
        "import zarr; assert 'pipeline.stores.jpeg' not in sys.modules\n"
        f"print(zarr.open_array({str(tmp_path / 'a')!r}, mode='r')[:].mean())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    assert float(done.stdout) == pytest.approx(frames.mean(), abs=0.5)
