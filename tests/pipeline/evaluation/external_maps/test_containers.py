"""Every layout of folders, zips, arrays, stores and films."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import zarr

from pipeline.evaluation.external_maps import films_and_arrays as stacks
from pipeline.evaluation.external_maps.findings import Expected, UnreadableMap
from pipeline.evaluation.external_maps.reader import open_maps
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.writing import write_store
from tests.pipeline.evaluation.external_maps.maps_on_disk import (
    H,
    T,
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


@pytest.mark.parametrize("inner", ["", "saliency/", "maps/"])
@pytest.mark.parametrize("outer", ["", "wrapped/", "split/test/"])
def test_folders_between_and_around(tmp_path: Path, inner: str, outer: str) -> None:
    truth = {clip: save_clip(tmp_path / outer / clip / inner, i) for i, clip in enumerate("ab")}
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    for clip, pictures in truth.items():
        assert_clip(found, clip, pictures)
    assert kinds(found) == []


@pytest.mark.parametrize(
    "name", ["img_{:05d}.png", "{:d}.bmp", "frame{:02d}_sal.tif", "{:04d}.PNG"]
)
def test_the_last_digits_are_the_number(tmp_path: Path, name: str) -> None:
    pictures = [drawn(i) for i in range(12)]
    for number, picture in enumerate(pictures, 1):
        save(tmp_path / "a2" / name.format(number), picture)
    assert_clip(open_maps(tmp_path, [expected("a2", 12)]), "a2", pictures)


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("suffix", ["png", "npy"])
def test_flat(tmp_path: Path, suffix: str, archived: bool) -> None:
    pictures = {"Run-Side_001": drawn(1), "Run-Side_002": drawn(2)}
    for clip, picture in pictures.items():
        for number in (2, 3):
            save(tmp_path / f"maps/{clip}_{number:03d}.{suffix}", picture + number)
    path = zipped(tmp_path / "maps", tmp_path / "m.zip") if archived else tmp_path / "maps"
    found = open_maps(path, [expected(clip, 2, 2) for clip in pictures])
    for clip, picture in pictures.items():
        assert_clip(found, clip, [picture + 2, picture + 3])
    assert kinds(found) == []


def test_images(tmp_path: Path) -> None:
    clips = [f"COCO_val2014_{number:012d}" for number in (133, 136, 192)]
    pictures = [drawn(i, np.uint16) for i in range(3)]
    save(tmp_path / f"{clips[0]}.png", pictures[0])
    save(tmp_path / f"{clips[1]}.tif", pictures[1])
    save(tmp_path / f"{clips[2]}/{clips[2]}.png", pictures[2])
    save(tmp_path / "COCO_val2014_000000000999.png", pictures[2])
    found = open_maps(tmp_path, [expected(clip, 1) for clip in clips])
    for clip, picture in zip(clips, pictures, strict=True):
        assert_clip(found, clip, [picture])
    assert kinds(found) == ["unknown_clip", "sixteen_bit"]
    assert only(found, "unknown_clip").clip == "COCO_val2014_000000000999"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("method", [None, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_array_per_clip(tmp_path: Path, order: str, method: int | None) -> None:
    values = np.stack([drawn(i, np.float64) for i in range(T)])
    save(tmp_path / "maps/a.npy", np.asarray(values, order=order))
    save(tmp_path / "maps/b.npy", values[:, None].astype(np.float16))
    save(tmp_path / "maps/c.npy", values[0])
    save(tmp_path / "maps/d.npy", values[..., None])
    path = tmp_path / "maps"
    if method is not None:
        path = zipped(path, tmp_path / "maps.zip", method=method)
    found = open_maps(path, [expected("a"), expected("b"), expected("c", 1), expected("d")])
    assert_clip(found, "a", list(values))
    assert_clip(found, "d", list(values))
    assert_clip(found, "b", list(values.astype(np.float16)))
    assert_clip(found, "c", [values[0]])
    np.testing.assert_array_equal(found.read_map("a", 1), values[1].astype(np.float32))
    assert kinds(found, besides=()) == []


def test_an_images_only_map_may_be_called_anything(tmp_path: Path) -> None:
    save(tmp_path / "img/saliency.png", drawn(1))
    save(tmp_path / "two/saliency.png", drawn(2))
    save(tmp_path / "two/mean.png", drawn(3))
    found = open_maps(tmp_path, [expected("img", 1), expected("two", 1)])
    assert_clip(found, "img", [drawn(1)])
    assert found.frames("two") == []
    assert kinds(found) == ["missing_clip", "other_file"]


def test_what_other_systems_add_is_passed_over(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "maps/a")
    for name in ("a/._0001.png", "._a/0001.png", "__MACOSX/a/0001.png"):
        (tmp_path / "maps" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "maps" / name).write_bytes(b"no picture")
    found = open_maps(tmp_path / "maps", [expected("a")])
    assert_clip(found, "a", pictures)
    assert kinds(found) == []
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        for number in range(1, T + 1):
            archive.write(tmp_path / f"maps/a/{number:04d}.png", rf"maps\a\{number:04d}.png")
    found = open_maps(tmp_path / "windows.zip", [expected("a")])
    assert_clip(found, "a", pictures)


@pytest.mark.parametrize("target", [".", "..", "/", "a/../a"])
def test_no_link_leads_to_a_folder(tmp_path: Path, target: str) -> None:
    pictures = save_clip(tmp_path / "maps/a")
    save_clip(tmp_path / "elsewhere/b")
    (tmp_path / "maps/again").symlink_to(target)
    (tmp_path / "maps/b").symlink_to(tmp_path / "elsewhere/b")
    found = open_maps(tmp_path / "maps", [expected("a"), expected("b")])
    assert_clip(found, "a", pictures)
    assert kinds(found) == ["missing_clip", "passed_over"]
    assert (
        "found links to folders (2: again, b); not opened; put the maps there"
        in only(found, "passed_over").text
    )
    (tmp_path / "linked").symlink_to(tmp_path / "maps")
    assert_clip(open_maps(tmp_path / "linked", [expected("a")]), "a", pictures)


def test_one_file(tmp_path: Path) -> None:
    values = np.stack([drawn(i, np.float32) for i in range(T)])
    file = save(tmp_path / "a.npy", values)
    save(tmp_path / "b.npy", values)
    found = open_maps(file, [expected("a"), expected("b")])
    assert_clip(found, "a", list(values))
    assert kinds(found) == ["missing_clip"]


def test_zarr_of_others(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "maps.zarr", zarr_format=2)
    values = np.stack([drawn(i, np.float32) for i in range(T)])
    for name, content in {"0601": values, "602": values[0], "x": values}.items():
        group.create_array(name, shape=content.shape, dtype="f4")[:] = content
    found = open_maps(tmp_path / "maps.zarr", [expected("601"), expected("602")])
    assert_clip(found, "601", list(values))
    assert_clip(found, "602", [values[0]])
    assert kinds(found) == ["unknown_clip", "missing_frame"]
    assert only(found, "missing_frame").clip == "602"


@pytest.mark.parametrize("named", ["saliency.zarr", "saliency.json"])
def test_our_saliency_store(tmp_path: Path, named: str) -> None:
    """Frames by the manifest's numbers: those of a meta dataset, in a video cut at its start."""
    values = np.stack([drawn(i, np.float16) for i in range(3)])
    manifest = tmp_path / "saliency.json"
    with write_store(SALIENCY, tmp_path / "saliency.zarr", manifest, {}) as writer:
        writer.add("a", [values], frames=[1, 3, 4], numbers=[12, 14, 15])
        writer.add("b", [values], frames=None, numbers=[1, 2, 3])
    clips = [expected("a", 5, 11, wanted=[1, 3, 4]), expected("b", 4)]
    found = open_maps(tmp_path / named, clips)
    assert_clip(found, "a", list(values), [1, 3, 4])
    assert_clip(found, "b", list(values))
    assert kinds(found, besides=()) == ["missing_frame"]
    assert only(found, "missing_frame").frame == 4
    next((tmp_path / "saliency.zarr/a").rglob("c/0/*/*")).unlink()
    with pytest.raises(InputError, match=r"expected \d+ bytes, found missing"):
        open_maps(tmp_path / named, clips)


def test_a_density_store_is_read_too(tmp_path: Path) -> None:
    values = np.stack([drawn(i, np.float16) for i in range(T)])
    with write_store(DENSITY, tmp_path / "0001.zarr", tmp_path / "0001.json", {}) as writer:
        writer.add("a", [values], first=7)
    assert_clip(open_maps(tmp_path / "0001.json", [expected("a", T, 7)]), "a", list(values))
    with pytest.raises(InputError, match="none of its names is a clip's: found a; expected b"):
        open_maps(tmp_path / "0001.json", [expected("b")])


def test_films(tmp_path: Path) -> None:
    grey = np.stack([drawn(i) for i in range(T)])
    deep = np.stack([drawn(i, np.uint16) for i in range(T)])
    colour = np.stack([cv2.applyColorMap(picture, cv2.COLORMAP_JET) for picture in grey])
    film(tmp_path / "a.mp4", grey, "gray", "-c:v", "libx264", "-crf", "1", "-pix_fmt", "yuv420p")
    film(tmp_path / "b.avi", grey, "gray", "-c:v", "ffv1")
    film(tmp_path / "c.avi", deep, "gray16le", "-c:v", "ffv1")
    film(tmp_path / "d.mp4", colour, "bgr24", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    found = open_maps(tmp_path, [expected(clip) for clip in "abcd"])
    assert_clip(found, "b", list(grey))
    assert_clip(found, "c", list(deep))
    assert found.frames("a") == list(range(T))
    for frame in (4, 0, 3):
        values = found.read_map("a", frame)
        np.testing.assert_allclose(values, grey[frame], atol=6)
    found.read_map("d", 2)
    assert kinds(found) == ["colour", "film", "sixteen_bit"]
    assert only(found, "colour").clip == "d"


def test_a_film_is_not_turned(tmp_path: Path) -> None:
    """Its note to players would swap the sides that its frames are cut by."""
    grey = np.stack([drawn(i) for i in range(T)])
    film(tmp_path / "straight.mp4", grey, "gray", "-c:v", "libx264", "-crf", "1")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-display_rotation", "90"]
    command += ["-i", str(tmp_path / "straight.mp4"), "-c", "copy", str(tmp_path / "a.mp4")]
    subprocess.run(command, check=True)
    found = open_maps(tmp_path / "a.mp4", [expected("a")])
    for frame in range(T):
        np.testing.assert_allclose(found.read_map("a", frame), grey[frame], atol=6)


def test_a_film_is_decoded_anew_only_behind_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.stack([drawn(i) for i in range(T)])
    film(tmp_path / "a.avi", grey, "gray", "-c:v", "ffv1")
    monkeypatch.setattr(stacks, "_HELD", 3 * H * W)
    passes = []
    decode = stacks._film_maps
    monkeypatch.setattr(stacks, "_film_maps", lambda *film: passes.append(film) or decode(*film))
    found = open_maps(tmp_path, [expected("a")])
    for frame, count in ((0, 1), (4, 1), (2, 1), (5, 1), (2, 2), (0, 2), (5, 2)):
        np.testing.assert_array_equal(found.read_map("a", frame), grey[frame])
        assert len(passes) == count


def test_a_film_that_ends_early_or_never_began(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (40, 48, 64), np.uint8)
    film(tmp_path / "a.avi", grey, "gray", "-c:v", "ffv1", "-g", "1")
    content = bytearray((tmp_path / "a.avi").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    (tmp_path / "a.avi").write_bytes(content)
    (tmp_path / "b.mp4").write_bytes(b"no film")
    found = open_maps(tmp_path, [Expected(c, 40, list(range(1, 41)), (48, 64)) for c in "ab"])
    assert found.frames("b") == []
    good = 0
    for frame in found.frames("a"):
        try:
            np.testing.assert_array_equal(found.read_map("a", frame), grey[frame])
            good += 1
        except UnreadableMap as error:
            assert error.finding.kind == "truncated"
    assert 10 < good < 30
    assert sorted(f.clip for f in found.findings if f.kind == "truncated") == ["a", "b"]
