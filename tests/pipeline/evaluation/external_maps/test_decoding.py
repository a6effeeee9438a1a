"""Depth, colour, damage and size of maps, also read by threads and other processes."""

from __future__ import annotations

import errno
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.evaluation.external_maps.findings import UnreadableMap
from pipeline.evaluation.external_maps.reader import open_maps
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    H,
    W,
    assert_clip,
    drawn,
    expected,
    film,
    kinds,
    only,
    save,
    save_clip,
    zipped,
)


def test_colour_is_told_and_becomes_luminance(tmp_path: Path) -> None:
    grey = drawn(1)
    jet = cv2.applyColorMap(grey, cv2.COLORMAP_JET)
    save(tmp_path / "a/1.png", jet)
    save(tmp_path / "a/2.png", np.stack([grey] * 3, axis=-1))
    save(tmp_path / "a/3.npy", jet[:, :, ::-1].astype(np.float32))
    Image.fromarray(np.stack([grey, 255 - grey], -1), "LA").save(tmp_path / "a/4.png")
    deep = drawn(2, np.uint16)
    save(tmp_path / "a/5.png", np.stack([deep, deep, deep, deep], axis=-1))
    found = open_maps(tmp_path, [expected("a", 5)])
    luminance = jet[:, :, ::-1].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(found.read_map("a", 0), luminance, rtol=1e-5)
    np.testing.assert_array_equal(found.read_map("a", 1), grey)
    np.testing.assert_allclose(found.read_map("a", 2), luminance, rtol=1e-5)
    np.testing.assert_array_equal(found.read_map("a", 3), grey)
    np.testing.assert_array_equal(found.read_map("a", 4), deep)
    assert kinds(found) == ["alpha_channel", "colour", "sixteen_bit"]
    assert only(found, "colour").text.endswith("(2 maps: 1, 3)")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_depth_is_kept(tmp_path: Path, suffix: str) -> None:
    deep = np.arange(H * W, dtype=np.uint16).reshape(H, W) * 85 + 1
    save(tmp_path / f"a/1.{suffix}", deep)
    found = open_maps(tmp_path, [expected("a", 1)])
    assert_clip(found, "a", [deep])
    assert kinds(found, besides=()) == ["sixteen_bit"]


def test_floats_are_kept(tmp_path: Path) -> None:
    values = drawn(1, np.float32) / 7
    save(tmp_path / "a/1.tiff", values)
    save(tmp_path / "a/2.npy", values.astype(np.float64) - 1)
    found = open_maps(tmp_path, [expected("a", 2)])
    assert_clip(found, "a", [values, values.astype(np.float64) - 1])
    assert kinds(found, besides=()) == ["negative"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.full((H, W), 1e300), "not_finite"),
        (np.full((H, W, 3), np.nan), "not_finite"),
        (np.zeros((3, H, W)), "not_a_map"),
        (np.zeros((2, 3, H, W)), "not_a_map"),
        (np.zeros((H, 0)), "not_a_map"),
        (np.zeros(5), "not_a_map"),
        (np.zeros((H, W), complex), "not_a_map"),
        (np.array([["a"]], object), "not_a_map"),
        (np.zeros((H, W), [("saliency", float)]), "not_a_map"),
    ],
)
def test_arrays_that_are_no_map(tmp_path: Path, values: NDArray, kind: str) -> None:
    save(tmp_path / "a/0001.npy", values)
    found = open_maps(tmp_path, [expected("a", 1)])
    with pytest.raises(UnreadableMap) as caught:
        found.read_map("a", 0)
    assert caught.value.finding.kind == kind
    assert only(found, kind)[:4] == (kind, "a", 1, str(tmp_path / "a/0001.npy"))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "npy"])
def test_files_cut_anywhere_are_left_out(tmp_path: Path, suffix: str) -> None:
    content = save(tmp_path / f"whole.{suffix}", drawn(1)).read_bytes()
    cuts = [0, 1, 7, 40, len(content) // 2, len(content) - 9]
    (tmp_path / "maps/a").mkdir(parents=True)
    for number, cut in enumerate(cuts, 1):
        (tmp_path / f"maps/a/{number}.{suffix}").write_bytes(content[:cut])
    found = open_maps(tmp_path / "maps", [expected("a", len(cuts))])
    for frame in found.frames("a"):
        with pytest.raises(UnreadableMap):
            found.read_map("a", frame)
    assert only(found, "truncated").text.endswith(f"(6 maps: 1-{len(cuts)})")


def test_a_header_of_absurd_size_is_not_believed(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png", np.zeros((1, 20000), np.uint8))
    found = open_maps(tmp_path, [expected("a", 1)])
    with pytest.raises(UnreadableMap, match="found 20000x1 pixels"):
        found.read_map("a", 0)


def test_an_encrypted_or_damaged_entry_is_left_out(tmp_path: Path) -> None:
    save_clip(tmp_path / "maps/a")
    archive = zipped(tmp_path / "maps", tmp_path / "maps.zip")
    content = bytearray(archive.read_bytes())
    place = content.index(b"IDAT") + 40
    content[place] ^= 255
    archive.write_bytes(content)
    found = open_maps(archive, [expected("a")])
    with pytest.raises(UnreadableMap, match="Bad CRC-32"):
        found.read_map("a", 0)
    assert found.read_map("a", 1).shape == (H, W)


def test_a_disk_that_fails_is_no_fault_of_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_clip(tmp_path / "a")
    found = open_maps(tmp_path, [expected("a")])

    def fail(path: Path, _flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Too many open files"):
        found.read_map("a", 0)
    assert kinds(found, besides=()) == []


def test_maps_of_another_size(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"a/{number}.png", drawn(number, shape=(12, 16)))
    found = open_maps(tmp_path, [expected("a", 2)])
    assert [found.read_map("a", frame).shape for frame in (0, 1)] == [(12, 16)] * 2
    assert kinds(found) == ["other_size"]
    assert "the frame grid, 32x24, found 16x12" in only(found, "other_size").text


def test_threads_read_one_film_and_one_zip(tmp_path: Path) -> None:
    grey = np.stack([drawn(i) for i in range(40)])
    film(tmp_path / "a.avi", grey, "gray", "-c:v", "ffv1")
    save(tmp_path / "maps/a.npy", grey)
    for number, picture in enumerate(grey, 1):
        save(tmp_path / f"maps/b/{number}.png", picture)
    archive = zipped(tmp_path / "maps", tmp_path / "maps.zip", method=zipfile.ZIP_DEFLATED)
    filmed = open_maps(tmp_path / "a.avi", [expected("a", 40)])
    packed = open_maps(archive, [expected("a", 40), expected("b", 40)])
    jobs = [(filmed, "a"), (packed, "a"), (packed, "b")] * 4
    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(assert_clip, found, clip, list(grey)) for found, clip in jobs]:
            result.result()
