"""Stores: what is written is read back, and damage is reported."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr.storage._local

from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, FRAMES, GAZE, SHARD, Codec
from pipeline.stores.manifests import write_json
from pipeline.stores.reading import open_store
from pipeline.stores.seals import rerun
from pipeline.stores.verify import verify
from pipeline.stores.writing import write_store
from tests import builders


def _write(folder: Path, lengths: dict[str, int], piece: int = 7) -> Path:
    rng = np.random.default_rng(1)
    with write_store(FRAMES, folder / "0001.zarr", folder / "0001.json", {}) as writer:
        for clip, length in lengths.items():
            video = rng.integers(0, 255, (length, 6, 8, 3), np.uint8)
            writer.add(clip, (video[i : i + piece] for i in range(0, length, piece)), rate=25.0)
    return folder / "0001.json"


@pytest.mark.parametrize("length", [1, SHARD - 1, SHARD, SHARD + 1, 3 * SHARD + 5])
@pytest.mark.parametrize("piece", [1, 7, SHARD, 100])
def test_frames_come_back_whatever_the_pieces(tmp_path: Path, length: int, piece: int) -> None:
    manifest = _write(tmp_path, {"a": length}, piece)
    expected = np.random.default_rng(1).integers(0, 255, (length, 6, 8, 3), np.uint8)
    store = open_store(FRAMES, manifest)
    assert store.clips["a"] == {"shape": [length, 6, 8, 3], "rate": 25.0}
    np.testing.assert_array_equal(store["a"][:], expected)


@pytest.mark.parametrize("indices", [[], [0], range(70), [69, 3, 4, 5, 31, 32, 33, 2], [7] * 3])
def test_some_frames_in_any_order(tmp_path: Path, indices: list[int], monkeypatch: Any) -> None:
    store = open_store(FRAMES, _write(tmp_path, {"a": 70}))
    for ahead in (1, 400, 8 << 20):  # bytes
        monkeypatch.setattr("pipeline.stores.reading._AHEAD", ahead)
        for frame, index in zip(store.frames_at("a", indices), indices, strict=True):
            assert frame.tolist() == store["a"][index].tolist()


def test_same_content_same_manifest(tmp_path: Path) -> None:
    manifests = [_write(tmp_path / name, {"a": 40, "b": 3}) for name in ("one", "two")]
    assert manifests[0].read_bytes() == manifests[1].read_bytes()


def test_zero_frames_are_written_not_implied(tmp_path: Path) -> None:
    with write_store(DENSITY, tmp_path / "z.zarr", tmp_path / "z.json", {}) as writer:
        writer.add("a", [np.zeros((SHARD + 1, 4, 4))])
    shards = [file for file in (tmp_path / "z.zarr" / "a" / "c").rglob("*") if file.is_file()]
    assert len(shards) == 2


def test_empty_gaze(tmp_path: Path) -> None:
    with write_store(GAZE, tmp_path / "g.zarr", tmp_path / "g.json", {}) as writer:
        writer.add("a", [np.zeros((0, 4), np.float32)], frames=3)
    assert open_store(GAZE, tmp_path / "g.json")["a"][:].shape == (0, 4)


def test_missing_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": SHARD + 1})
    (tmp_path / "0001.zarr" / "a" / "c" / "1" / "0" / "0" / "0").unlink()
    with pytest.raises(InputError, match=r"a/c/1/0/0/0: expected \d+ bytes, found missing; rerun"):
        open_store(FRAMES, manifest)


def test_flipped_bit_is_found_by_verify_and_by_reading(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    opened = open_store(FRAMES, manifest)
    shard = tmp_path / "0001.zarr" / "a" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[60] ^= 1
    shard.write_bytes(content)
    (message,) = verify(manifest=[manifest])
    assert (
        "changed since it was written: a/c/0/0/0/0; rerun it: snakemake --cores 2 --forcerun"
        in message
    )
    with pytest.raises(InputError, match=r"c/0/0/0/0: changed since it was written; rerun it"):
        open_store(FRAMES, manifest)
    with pytest.raises(Exception, match=r"(?i)checksum|corrupt|decompress|error"):
        opened["a"][0]


def test_wrong_kind(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    with pytest.raises(InputError, match="expected kind density, found 'frames'"):
        open_store(DENSITY, manifest)


def test_a_store_that_somebody_else_removed_meanwhile_gets_no_manifest(tmp_path: Path) -> None:
    store, manifest = tmp_path / "0001.zarr", tmp_path / "0001.json"
    with (
        pytest.raises(InputError, match="a was removed while others were written"),
        write_store(DENSITY, store, manifest, {}) as writer,
    ):
        for clip in "ab":
            writer.add(clip, [np.zeros((2, 2, 2))])
        shutil.rmtree(store / "a")
    assert not manifest.exists()


def test_a_failed_job_leaves_no_manifest(tmp_path: Path) -> None:
    manifest = _write(tmp_path, {"a": 2})
    with (
        pytest.raises(RuntimeError),
        write_store(FRAMES, tmp_path / "0001.zarr", manifest, {}) as writer,
    ):
        writer.add("a", [np.zeros((1, 6, 8, 3), np.uint8)])
        raise RuntimeError
    assert not manifest.exists()


def _smooth(length: int) -> np.ndarray:
    t, y, x = np.ogrid[:length, :24, :32]
    return np.rint(127 + 60 * np.stack([np.sin((x + y + t) / (5 + i)) for i in range(3)], -1))


@pytest.mark.parametrize(("codec", "error"), [("lossless", 0), ("jpeg95", 10)])
def test_codec_is_recorded_and_need_not_be_known(tmp_path: Path, codec: Codec, error: int) -> None:
    video = _smooth(SHARD + 5)
    manifest = tmp_path / "a.json"
    with write_store(FRAMES, tmp_path / "a.zarr", manifest, {}, codec) as writer:
        writer.add("a", (video[i : i + 9] for i in range(0, len(video), 9)))
    assert json.loads(manifest.read_text())["codec"] == codec
    found = open_store(FRAMES, manifest)["a"][:]
    assert np.abs(found - video).max() <= error
    assert (np.abs(found - video).max() > 0) == (codec == "jpeg95")
    assert verify(manifest=[manifest]) == []


def test_what_snakemake_adds_is_no_damage(tmp_path: Path) -> None:
    manifest = builders.store(DENSITY, tmp_path, {"a": np.ones((2, 4, 4))})
    (manifest.with_suffix(".zarr") / ".snakemake_timestamp").touch()
    assert verify(manifest=[manifest]) == []
    (manifest.with_suffix(".zarr") / "other").touch()
    (message,) = verify(manifest=[manifest])
    assert message == f"{manifest}: changed since it was written: other; {rerun(manifest)}"


def test_flipped_bit_of_a_jpeg_raises(tmp_path: Path) -> None:
    with write_store(FRAMES, tmp_path / "a.zarr", tmp_path / "a.json", {}, "jpeg95") as writer:
        writer.add("a", [_smooth(3)])
    opened = open_store(FRAMES, tmp_path / "a.json")
    shard = tmp_path / "a.zarr" / "a" / "c" / "0" / "0" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[len(content) // 4] ^= 1
    shard.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        opened["a"][0]


def test_jpeg_is_for_frames(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="density: jpeg95 is for frames"),
        write_store(DENSITY, tmp_path / "a.zarr", tmp_path / "a.json", {}, "jpeg95"),
    ):
        pass


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_whatever_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    manifest = _write(tmp_path, {"a": 2})
    with (
        pytest.raises(type(error)),
        write_store(FRAMES, tmp_path / "0001.zarr", manifest, {}) as writer,
    ):
        writer.add("a", [_smooth(40)])
        raise error
    assert list(tmp_path.iterdir()) == []


REFUSALS = {
    errno.ENOSPC: r"no space left on its disk \(.*free, up to [\d.]+ kB needed next\); free space",
    errno.EDQUOT: r"quota of its disk is used up .*; free space",
    errno.EROFS: r"its disk is read-only .*; make it writable",
    errno.EACCES: r"no permission .*; change its permissions",
    errno.EPERM: r"no permission .*; change its permissions",
}


@pytest.mark.parametrize("number", REFUSALS)
def test_what_the_disk_refuses_within_zarr_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    put = zarr.storage._local._put

    def refuse(path: Path, *arguments: Any, **others: Any) -> int:
        if path.parts[-6:-4] == ("b", "c"):
            raise OSError(number, os.strerror(number))
        return put(path, *arguments, **others)

    monkeypatch.setattr(zarr.storage._local, "_put", refuse)
    with (
        pytest.raises(InputError) as told,
        write_store(FRAMES, tmp_path / "0001.zarr", tmp_path / "0001.json", {}) as writer,
    ):
        writer.add("a", [_smooth(40)])
        writer.add("b", [_smooth(40)])
    monkeypatch.undo()
    message = str(told.value)
    assert message.startswith(f"{tmp_path / '0001.zarr'}: ")
    assert "pathvars" in message
    assert "\n" not in message
    assert re.search(REFUSALS[number], message)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_an_input_is_not_taken_for_the_stores(tmp_path: Path) -> None:
    absent = tmp_path / "raw" / "a.avi"
    with (
        pytest.raises(FileNotFoundError),
        write_store(FRAMES, tmp_path / "data" / "a.zarr", tmp_path / "data" / "a.json", {}),
    ):
        absent.read_bytes()
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("inside", ["a.zarr", "sub/a.zarr"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, inside: str) -> None:
    (tmp_path / "data").write_text("mine")
    store = tmp_path / "data" / inside
    with (
        pytest.raises(InputError, match=rf"^{tmp_path / 'data'}: a file is where a folder should"),
        write_store(FRAMES, store, store.with_suffix(".json"), {}),
    ):
        pass
    assert (tmp_path / "data").read_text() == "mine"


def test_a_file_where_the_store_should_be_stays(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    store.write_text("mine")
    with (
        pytest.raises(InputError, match=rf"^{store}: a file is where a folder should be"),
        write_store(FRAMES, store, tmp_path / "a.json", {}),
    ):
        pass
    assert store.read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_manifest_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write = Path.write_text

    def half(path: Path, text: str) -> None:
        write(path, text[: len(text) // 2])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(InputError, match=r"a\.json: "):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(InputError, match=r"a\.json: "),
        write_store(FRAMES, tmp_path / "a.zarr", tmp_path / "a.json", {}) as writer,
    ):
        writer.add("a", [_smooth(3)])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; only who may mount has one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no command mount")
    if done.returncode:
        pytest.skip(f"may not mount a small disk: {done.stderr.splitlines()[0]}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def _noise(writer_frames: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (writer_frames, 48, 64, 3), np.uint8)


@pytest.mark.parametrize("codec", ["lossless", "jpeg95"])
def test_a_disk_that_fills(small_disk: Path, codec: Codec) -> None:
    store = small_disk / "data" / "a.zarr"
    with (
        pytest.raises(InputError, match="no space left on its disk") as told,
        write_store(FRAMES, store, store.with_suffix(".json"), {}, codec) as writer,
    ):
        writer.add("a", (_noise(20) for _ in range(20)))
    assert re.fullmatch(
        rf"{store}: no space left on its disk \([\d.]+ k?B?(bytes)? free, up to 294.9 kB needed "
        r"next\); free space there, or move pathvars in config.yaml to another disk",
        str(told.value),
    )
    assert list(store.parent.iterdir()) == []


def test_a_disk_that_has_room_for_the_store_but_not_for_its_manifest(small_disk: Path) -> None:
    store = small_disk / "a.zarr"
    with (
        pytest.raises(InputError, match=r"a\.json: no space left on its disk"),
        write_store(FRAMES, store, small_disk / "a.json", {}) as writer,
    ):
        writer.add("a", [_noise(1)], note="long" * 300_000)
    assert list(small_disk.iterdir()) == []


def test_a_read_only_disk(small_disk: Path) -> None:
    manifest = _write(small_disk, {"a": 2})
    before = manifest.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name in ("0001", "0002", "sub/0003"):
        store = small_disk / f"{name}.zarr"
        with (
            pytest.raises(InputError, match=r"its disk is read-only .*; make it writable, or move"),
            write_store(FRAMES, store, store.with_suffix(".json"), {}),
        ):
            pass
    assert manifest.read_bytes() == before
    assert open_store(FRAMES, manifest)["a"].shape == (2, 6, 8, 3)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(InputError, match=r"no permission .*; change its permissions"),
            write_store(FRAMES, tmp_path / "a.zarr", tmp_path / "a.json", {}),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)
