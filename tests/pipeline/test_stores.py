"""Stores: what is written is read back, and what is damaged is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.stores import DENSITY, FRAMES, GAZE, SHARD, open_store, stores, write_store


def _write(folder: Path, lengths: dict[str, int], piece: int = 7) -> Path:
    manifest = folder / "0001.json"
    random = np.random.default_rng(1)
    with write_store(FRAMES, folder / "0001.zarr", manifest) as writer:
        for clip, length in lengths.items():
            video = random.integers(0, 255, (length, 6, 8, 3), np.uint8)
            writer.add(clip, (video[i : i + piece] for i in range(0, length, piece)), rate=25.0)
    return manifest


@pytest.mark.parametrize("length", [1, SHARD - 1, SHARD, SHARD + 1, 3 * SHARD + 5])
@pytest.mark.parametrize("piece", [1, 7, SHARD, 100])
def test_frames_come_back_whatever_the_pieces(tmp_path: Path, length: int, piece: int) -> None:
    manifest = _write(tmp_path, {"a": length}, piece)
    expected = np.random.default_rng(1).integers(0, 255, (length, 6, 8, 3), np.uint8)
    store = open_store(FRAMES, manifest)
    assert store.clips["a"] == {"shape": [length, 6, 8, 3], "rate": 25.0}
    np.testing.assert_array_equal(store["a"][:], expected)


def test_same_content_same_manifest(tmp_path: Path) -> None:
    manifests = [_write(tmp_path / name, {"a": 40, "b": 3}) for name in ("one", "two")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


def test_zero_frames_are_written_not_implied(tmp_path: Path) -> None:
    with write_store(DENSITY, tmp_path / "z.zarr", tmp_path / "z.json") as writer:
        writer.add("a", [np.zeros((SHARD + 1, 4, 4))])
    shards = [file for file in (tmp_path / "z.zarr" / "a" / "c").rglob("*") if file.is_file()]
    assert len(shards) == 2


def test_empty_gaze(tmp_path: Path) -> None:
    with write_store(GAZE, tmp_path / "g.zarr", tmp_path / "g.json") as writer:
        writer.add("a", [np.zeros((0, 4), np.float32)], frames=3)
    assert open_store(GAZE, tmp_path / "g.json")["a"][:].shape == (0, 4)


def test_missing_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": SHARD + 1})
    (tmp_path / "0001.zarr" / "a" / "c" / "1" / "0" / "0" / "0").unlink()
    with pytest.raises(InputError, match=r"a/c/1/0/0/0: expected \d+ bytes, found missing; rerun"):
        open_store(FRAMES, manifest)


def test_flipped_bit_is_found_by_verify_and_by_reading(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    shard = tmp_path / "0001.zarr" / "a" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[60] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match="differ"):
        stores(manifest=[manifest])
    with pytest.raises(Exception, match=r"(?i)checksum|corrupt|decompress|error"):
        open_store(FRAMES, manifest)["a"][0]


def test_wrong_kind(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    with pytest.raises(InputError, match="expected kind density, found 'frames'"):
        open_store(DENSITY, manifest)


def test_a_failed_job_leaves_no_manifest(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    with (
        pytest.raises(RuntimeError),
        write_store(FRAMES, tmp_path / "0001.zarr", manifest) as writer,
    ):
        writer.add("a", [np.zeros((1, 6, 8, 3), np.uint8)])
        raise RuntimeError
    assert not manifest.exists()
