"""Other people's maps: every layout, every planted fault by name, and every other map unharmed."""

from __future__ import annotations

import csv
import errno
import os
import pickle
import re
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from PIL import Image

from pipeline.evaluation.external_maps import films_and_arrays as stacks
from pipeline.evaluation.external_maps.findings import Expected, Finding, UnreadableMap, ranges
from pipeline.evaluation.external_maps.reader import Maps, open_maps
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.writing import write_store

H, W, T = 24, 32, 6


def expected(clip: str, frames: int = T, first: int = 1, **more: object) -> Expected:
    return Expected(clip, frames, list(range(first, first + frames)), (H, W), **more)


def drawn(seed: int, dtype: type = np.uint8, shape: tuple[int, int] = (H, W)) -> NDArray:
    """Blurred noise over the whole range of an integer type, or from 0 to 1."""
    noise = np.random.default_rng(seed).random(shape)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    if np.issubdtype(dtype, np.integer):
        smooth = np.rint(smooth * np.iinfo(dtype).max)
    return smooth.astype(dtype)


def save(file: Path, picture: NDArray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".npy":
        np.save(file, picture)
    else:
        assert cv2.imwrite(str(file), picture)
    return file


def save_clip(folder: Path, seed: int = 0, numbers: range = range(1, T + 1)) -> list[NDArray]:
    pictures = [drawn(seed * 100 + i) for i in range(len(numbers))]
    for number, picture in zip(numbers, pictures, strict=True):
        save(folder / f"{number:04d}.png", picture)
    return pictures


def kinds(found: Maps, *, besides: tuple[str, ...] = ("eight_bit",)) -> list[str]:
    return [finding.kind for finding in found.findings if finding.kind not in besides]


def only(found: Maps, kind: str) -> Finding:
    fitting = [finding for finding in found.findings if finding.kind == kind]
    assert len(fitting) == 1, found.findings
    return fitting[0]


def check(found: Maps, clip: str, pictures: list[NDArray], frames: list[int] | None = None) -> None:
    """That a clip has these maps, as float32 of unchanged values."""
    assert found.frames(clip) == (list(range(len(pictures))) if frames is None else frames)
    for frame, picture in zip(found.frames(clip), pictures, strict=True):
        values = found.read(clip, frame)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, picture.astype(np.float32))


def zipped(folder: Path, to: Path, *, inside: str = "", method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(to, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, inside + file.relative_to(folder).as_posix())
        archive.writestr("__MACOSX/._0001.png", b"no picture")
        archive.writestr(f"{inside}.DS_Store", b"no picture")
    return to


def film(file: Path, pictures: NDArray, form: str, *options: str) -> None:
    """Encodes pictures of a raw pixel format."""
    size = f"{pictures.shape[2]}x{pictures.shape[1]}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "rawvideo"]
    command += ["-pix_fmt", form, "-s", size, "-i", "pipe:", *options, "-threads", "1", str(file)]
    subprocess.run(command, input=pictures.tobytes(), check=True)


CLIPS = (
    "absent",
    "extra",
    "sized",
    "flat",
    "zero",
    "nan",
    "deep",
    "alpha",
    "cut",
    "Walk-Front_001",
)
CLIPS += ("shifted", "jpeg")


class Faulty:
    """A folder with one fault in each of twelve clips, and what each frame must read as."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.truth: dict[str, dict[int, NDArray]] = {}
        for seed, clip in enumerate(CLIPS):
            folder = root / (clip if clip != "Walk-Front_001" else "Walk-Frnt_001")
            first = 0 if clip == "shifted" else 1
            pictures = save_clip(folder, seed, range(first, first + T))
            self.truth[clip] = dict(enumerate(pictures))
        del self.truth["Walk-Front_001"]
        self.leave_out("absent", 2, "0003.png")
        save(root / "extra/0009.png", drawn(1))
        self.replace("sized", 4, "0005.png", drawn(2, shape=(12, 16)))
        self.replace("flat", 1, "0002.png", np.full((H, W), 7, np.uint8))
        self.replace("zero", 5, "0006.png", np.zeros((H, W), np.uint8))
        self.spoil_nan()
        self.replace("deep", 3, "0004.png", drawn(4, np.uint16))
        grey = drawn(5)
        transparent = np.stack([grey, grey, grey, 255 - grey], axis=-1)
        save(root / "alpha/0002.png", transparent)
        self.truth["alpha"][1] = grey
        content = (root / "cut/0004.png").read_bytes()
        (root / "cut/0004.png").write_bytes(content[: len(content) // 2])
        del self.truth["cut"][3]
        (root / "jpeg/0003.png").unlink()
        picture = save(root / "jpeg/0003.jpg", drawn(6))
        self.truth["jpeg"][2] = np.asarray(Image.open(picture))

    def leave_out(self, clip: str, frame: int, file: str) -> None:
        (self.root / clip / file).unlink()
        del self.truth[clip][frame]

    def replace(self, clip: str, frame: int, file: str, picture: NDArray) -> None:
        save(self.root / clip / file, picture)
        self.truth[clip][frame] = picture

    def spoil_nan(self) -> None:
        self.leave_out("nan", 0, "0001.png")
        spoilt = drawn(3, np.float32)
        spoilt[3, 4:6] = np.nan, np.inf
        save(self.root / "nan/0001.npy", spoilt)
        whole = self.truth["nan"][1] / np.float32(3)
        (self.root / "nan/0002.png").unlink()
        self.replace("nan", 1, "0002.npy", whole)


FAULTS = {
    "unknown_clip": ("Walk-Frnt_001", None, "Walk-Frnt_001", "is it Walk-Front_001?"),
    "missing_frame": ("absent", 3, "absent", "found no map of them"),
    "extra_frame": ("extra", 9, "extra", "found also 9; left out"),
    "off_by_one": ("shifted", None, "shifted", "expected numbers 1-6, found 0-5; read as"),
    "truncated": ("cut", 4, "cut/0004.png", "cannot be decoded"),
    "not_finite": ("nan", 1, "nan/0001.npy", "2 values of 768 that are NaN or infinite"),
    "zero_map": ("zero", 6, "zero/0006.png", "found 0 everywhere"),
    "constant_map": ("flat", 2, "flat/0002.png", "found 7 everywhere"),
    "mixed_sizes": ("sized", 5, "sized/0005.png", "found 32x24 (1-4, 6), 16x12 (5)"),
    "alpha_channel": ("alpha", 2, "alpha/0002.png", "transparency, which was dropped"),
    "jpeg": ("jpeg", 3, "jpeg/0003.jpg", "found JPEG"),
    "sixteen_bit": ("deep", 4, "deep/0004.png", "read at full depth"),
}
"""Kind -> clip, number, file, words of the text."""


@pytest.fixture
def faulty(tmp_path: Path) -> Faulty:
    return Faulty(tmp_path / "maps")


def check_faults(found: Maps, truth: dict[str, dict[int, NDArray]], before: str) -> None:
    by_name = {"missing_clip", "unknown_clip", "missing_frame", "extra_frame", "off_by_one"}
    assert set(kinds(found, besides=())) == by_name, "no map is decoded at opening"
    unreadable = {}
    for clip in CLIPS:
        for frame in found.frames(clip):
            try:
                values = found.read(clip, frame)
            except UnreadableMap as error:
                unreadable[clip, frame] = error.finding
                assert str(error).startswith(error.finding.file)
            else:
                np.testing.assert_array_equal(values, truth[clip].pop(frame).astype(np.float32))
    assert not any(truth.values()), "every frame without a fault is read"
    assert {place: finding.kind for place, finding in unreadable.items()} == {
        ("nan", 0): "not_finite",
        ("cut", 3): "truncated",
    }
    assert only(found, "missing_clip").clip == "Walk-Front_001"
    assert sorted(kinds(found, besides=("eight_bit", "missing_clip"))) == sorted(FAULTS)
    for kind, (clip, number, file, words) in FAULTS.items():
        finding = only(found, kind)
        assert finding[1:4] == (clip, number, before + file), kind
        assert words in finding.text
    eight = only(found, "eight_bit")
    assert (eight.clip, eight.frame) == ("", None)
    assert "from 2.0 to about 10" in eight.text
    assert re.search(r"\(\d\d maps of 11 clips\)$", eight.text)


def test_twelve_faults_are_named_and_every_other_frame_is_read(faulty: Faulty) -> None:
    found = open_maps(faulty.root, [expected(clip) for clip in CLIPS])
    check_faults(found, faulty.truth, f"{faulty.root}/")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inside", ["", "test/our maps/"])
def test_a_zip_tells_the_same(faulty: Faulty, tmp_path: Path, inside: str, method: int) -> None:
    archive = zipped(faulty.root, tmp_path / "maps.zip", inside=inside, method=method)
    found = open_maps(archive, [expected(clip) for clip in CLIPS])
    check_faults(found, faulty.truth, f"{archive}!{inside}")


def test_the_report_is_a_sheet_of_the_findings(faulty: Faulty, tmp_path: Path) -> None:
    found = open_maps(faulty.root, [expected(clip) for clip in CLIPS])
    found.report(tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["kind", "clip", "frame", "file", "text"]
    frames = ["" if one.frame is None else str(one.frame) for one in found.findings]
    assert [row[2] for row in rows[1:]] == frames
    assert [row[4] for row in rows[1:]] == [finding.text for finding in found.findings]


def test_many_maps_of_a_kind_are_one_finding_with_a_count(tmp_path: Path) -> None:
    for number in (1, 2, 3, 5):
        save(tmp_path / f"a/{number}.png", np.zeros((H, W), np.uint8))
    found = open_maps(tmp_path, [expected("a", 5)])
    for frame in [*found.frames("a"), 0, 0]:
        found.read("a", frame)
    assert only(found, "zero_map").text.endswith("(4 maps: 1-3, 5)")
    assert only(found, "zero_map").frame == 1
    assert kinds(found) == ["missing_frame", "zero_map"]


@pytest.mark.parametrize("inner", ["", "saliency/", "maps/"])
@pytest.mark.parametrize("outer", ["", "wrapped/", "split/test/"])
def test_folders_between_and_around(tmp_path: Path, inner: str, outer: str) -> None:
    truth = {clip: save_clip(tmp_path / outer / clip / inner, i) for i, clip in enumerate("ab")}
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    for clip, pictures in truth.items():
        check(found, clip, pictures)
    assert kinds(found) == []


@pytest.mark.parametrize(
    "name", ["img_{:05d}.png", "{:d}.bmp", "frame{:02d}_sal.tif", "{:04d}.PNG"]
)
def test_the_last_digits_are_the_number(tmp_path: Path, name: str) -> None:
    pictures = [drawn(i) for i in range(12)]
    for number, picture in enumerate(pictures, 1):
        save(tmp_path / "a2" / name.format(number), picture)
    check(open_maps(tmp_path, [expected("a2", 12)]), "a2", pictures)


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
        check(found, clip, [picture + 2, picture + 3])
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
        check(found, clip, [picture])
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
    check(found, "a", list(values))
    check(found, "d", list(values))
    check(found, "b", list(values.astype(np.float16)))
    check(found, "c", [values[0]])
    np.testing.assert_array_equal(found.read("a", 1), values[1].astype(np.float32))
    assert kinds(found, besides=()) == []


def test_an_images_only_map_may_be_called_anything(tmp_path: Path) -> None:
    save(tmp_path / "img/saliency.png", drawn(1))
    save(tmp_path / "two/saliency.png", drawn(2))
    save(tmp_path / "two/mean.png", drawn(3))
    found = open_maps(tmp_path, [expected("img", 1), expected("two", 1)])
    check(found, "img", [drawn(1)])
    assert found.frames("two") == []
    assert kinds(found) == ["missing_clip", "other_file"]


def test_what_other_systems_add_is_passed_over(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "maps/a")
    for name in ("a/._0001.png", "._a/0001.png", "__MACOSX/a/0001.png"):
        (tmp_path / "maps" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "maps" / name).write_bytes(b"no picture")
    found = open_maps(tmp_path / "maps", [expected("a")])
    check(found, "a", pictures)
    assert kinds(found) == []
    with zipfile.ZipFile(tmp_path / "windows.zip", "w") as archive:
        for number in range(1, T + 1):
            archive.write(tmp_path / f"maps/a/{number:04d}.png", rf"maps\a\{number:04d}.png")
    found = open_maps(tmp_path / "windows.zip", [expected("a")])
    check(found, "a", pictures)
    check(pickle.loads(pickle.dumps(found)), "a", pictures)


def test_a_link_back_up_ends(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a")
    (tmp_path / "again").symlink_to(tmp_path)
    found = open_maps(tmp_path, [expected("a")])
    check(found, "a", pictures)
    depth = only(found, "unknown_clip").file.count("again/")
    assert 0 < depth <= 8


def test_one_file(tmp_path: Path) -> None:
    values = np.stack([drawn(i, np.float32) for i in range(T)])
    file = save(tmp_path / "a.npy", values)
    save(tmp_path / "b.npy", values)
    found = open_maps(file, [expected("a"), expected("b")])
    check(found, "a", list(values))
    assert kinds(found) == ["missing_clip"]


def test_zarr_of_others(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "maps.zarr", zarr_format=2)
    values = np.stack([drawn(i, np.float32) for i in range(T)])
    for name, content in {"0601": values, "602": values[0], "x": values}.items():
        group.create_array(name, shape=content.shape, dtype="f4")[:] = content
    found = open_maps(tmp_path / "maps.zarr", [expected("601"), expected("602")])
    check(found, "601", list(values))
    assert found.frames("602") == []
    assert kinds(found) == ["unknown_clip", "not_a_map"]
    assert only(found, "not_a_map").clip == "602"


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
    check(found, "a", list(values), [1, 3, 4])
    check(found, "b", list(values))
    assert kinds(found, besides=()) == ["missing_frame"]
    assert only(found, "missing_frame").frame == 4
    next((tmp_path / "saliency.zarr/a").rglob("c/0/*/*")).unlink()
    with pytest.raises(InputError, match=r"expected \d+ bytes, found missing"):
        open_maps(tmp_path / named, clips)


def test_a_density_store_is_read_too(tmp_path: Path) -> None:
    values = np.stack([drawn(i, np.float16) for i in range(T)])
    with write_store(DENSITY, tmp_path / "0001.zarr", tmp_path / "0001.json", {}) as writer:
        writer.add("a", [values], first=7)
    check(open_maps(tmp_path / "0001.json", [expected("a", T, 7)]), "a", list(values))
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
    check(found, "b", list(grey))
    check(found, "c", list(deep))
    assert found.frames("a") == list(range(T))
    for frame in (4, 0, 3):
        values = found.read("a", frame)
        np.testing.assert_allclose(values, grey[frame], atol=6)
    found.read("d", 2)
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
        np.testing.assert_allclose(found.read("a", frame), grey[frame], atol=6)


def test_a_film_is_decoded_anew_only_behind_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.stack([drawn(i) for i in range(T)])
    film(tmp_path / "a.avi", grey, "gray", "-c:v", "ffv1")
    monkeypatch.setattr(stacks, "_HELD", 3 * H * W)
    passes = []
    decode = stacks._film_maps
    monkeypatch.setattr(stacks, "_film_maps", lambda file: passes.append(file) or decode(file))
    found = open_maps(tmp_path, [expected("a")])
    for frame, count in ((0, 1), (4, 1), (2, 1), (5, 1), (2, 2), (0, 2), (5, 2)):
        np.testing.assert_array_equal(found.read("a", frame), grey[frame])
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
            np.testing.assert_array_equal(found.read("a", frame), grey[frame])
            good += 1
        except UnreadableMap as error:
            assert error.finding.kind == "truncated"
    assert 10 < good < 30
    assert sorted(f.clip for f in found.findings if f.kind == "truncated") == ["a", "b"]


@pytest.mark.parametrize(
    ("clip", "named"),
    [
        ("601", "0601"),
        ("0601", "601"),
        ("Diving-Side_001", "diving-side_001"),
        ("601", "601.avi"),
        ("601", "0601.AVI"),
        ("001", "1"),
        ("000", "0000"),
        ("Diving-Side_001", "Diving-Side-001"),
    ],
)
def test_names_that_are_almost_the_clips(tmp_path: Path, clip: str, named: str) -> None:
    pictures = save_clip(tmp_path / named)
    found = open_maps(tmp_path, [expected(clip), expected("602x")])
    check(found, clip, pictures)
    assert kinds(found) == ["missing_clip"]


def test_the_closest_name_counts_and_equals_are_left_out(tmp_path: Path) -> None:
    exact = save_clip(tmp_path / "601", 1)
    save_clip(tmp_path / "0601", 2)
    save_clip(tmp_path / "0602", 3)
    save_clip(tmp_path / "00602", 4)
    save_clip(tmp_path / "603/maps", 5)
    save_clip(tmp_path / "603/fixation", 6)
    save(tmp_path / "604.npy", np.zeros((T, H, W)))
    save_clip(tmp_path / "604", 7)
    found = open_maps(tmp_path, [expected(clip) for clip in ("601", "602", "603", "604")])
    check(found, "601", exact)
    assert sorted(kinds(found)) == ["ambiguous_clip"] * 3 + ["unknown_clip"]
    assert [found.frames(clip) for clip in ("602", "603", "604")] == [[], [], []]
    assert "maps under its closer name 601" in only(found, "unknown_clip").text
    texts = [finding.text for finding in found.findings if finding.kind == "ambiguous_clip"]
    pairs = ("00602, 0602", "603/fixation, 603/maps", "604.npy, 604")
    for names, text in zip(pairs, texts, strict=True):
        assert f"found 2 that fit alike ({names}); none is read" in text


def test_what_a_dataset_has_beside_the_maps_is_passed_over(tmp_path: Path) -> None:
    """Of several folders in a clip's, those of the dataset; but not if there are no others."""
    maps, many = save_clip(tmp_path / "a/saliency", 1), ("saliency", "other")
    for inner in ("images", "maps", "fixation/maps"):
        save_clip(tmp_path / "a" / inner, 2)
    alone = save_clip(tmp_path / "b/maps", 3)
    for inner in (*many, "images"):
        save_clip(tmp_path / "c" / inner, 4)
    found = open_maps(tmp_path, [expected(clip) for clip in "abc"])
    check(found, "a", maps)
    check(found, "b", alone)
    assert found.frames("c") == []
    assert kinds(found) == ["ambiguous_clip", "other_file"]
    assert "(c/other, c/saliency)" in only(found, "ambiguous_clip").text
    assert "a dataset has (fixation/maps, images, maps)" in only(found, "other_file").text


def test_clips_that_differ_in_case_only_want_equal_names(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "walk")
    save_clip(tmp_path / "WALK")
    found = open_maps(tmp_path, [expected("walk"), expected("Walk")])
    check(found, "walk", pictures)
    assert kinds(found) == ["missing_clip", "unknown_clip"]


def test_names_of_another_split_are_one_finding(tmp_path: Path) -> None:
    for number in range(1, 31):
        save(tmp_path / f"{number:03d}/0001.png", drawn(1))
    (tmp_path / "readme.txt").write_text("maps")
    found = open_maps(tmp_path, [expected("007"), expected("030")])
    assert kinds(found) == ["unknown_clip", "other_file", "missing_frame", "missing_frame"]
    unknown = only(found, "unknown_clip")
    assert "found 28 others (001, 002," in unknown.text
    assert "1 .txt" in only(found, "other_file").text


def test_shifts_other_than_counting_from_0_are_told_but_not_undone(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a", 1, range(2, T + 2))
    save_clip(tmp_path / "b", 2, range(T))
    (tmp_path / "b/0004.png").unlink()
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    check(found, "a", pictures[:-1], [1, 2, 3, 4, 5])
    assert found.frames("b") == [0, 1, 2, 3, 5]  # who has a 0 counts from there
    told = [(one.kind, one.clip, one.frame) for one in found.findings[:3]]
    assert told == [("shifted", "a", None), ("extra_frame", "a", 7), ("missing_frame", "a", 1)]
    assert kinds(found)[3:] == ["off_by_one", "missing_frame"]
    assert "expected also 5 (1 in all)" in found.findings[4].text


def test_numbers_may_count_from_the_clips_first_frame(tmp_path: Path) -> None:
    """As scripts count that see a folder of a shot's frames, and not which they are."""
    from_1 = save_clip(tmp_path / "a", 1)
    from_0 = save_clip(tmp_path / "b", 2, range(T))
    short = save_clip(tmp_path / "c", 3, range(1, T))
    found = open_maps(tmp_path, [expected("a", T, 3), expected("b", T, 40), expected("c", T, 3)])
    check(found, "a", from_1)
    check(found, "b", from_0)
    check(found, "c", short[2:], [0, 1, 2])  # read as it is numbered
    told = [finding.text for finding in found.findings if finding.kind == "shifted"]
    assert "expected numbers 3-8, found 1-6; read as counted from the clip's first" in told[0]
    assert "expected numbers 40-45, found 0-5; read as counted from the clip's" in told[1]
    assert "read as they are numbered" in told[2]


def test_one_odd_number_is_no_shift(tmp_path: Path) -> None:
    save(tmp_path / "a/0009.png", drawn(1))
    found = open_maps(tmp_path, [expected("a")])
    assert found.frames("a") == []
    assert kinds(found) == ["extra_frame", "missing_frame"]


def test_numbers_count_the_whole_video(tmp_path: Path) -> None:
    late, zero = save_clip(tmp_path / "a", 1, range(31, 37)), range(30, 36)
    found = open_maps(tmp_path, [expected("a", T, 31)])
    check(found, "a", late)
    assert kinds(found) == []
    pictures = save_clip(tmp_path / "b", 2, zero)
    found = open_maps(tmp_path, [expected("a", T, 31), expected("b", T, 31)])
    check(found, "b", pictures)
    assert kinds(found) == ["off_by_one"]


def test_a_film_counted_from_0_that_goes_on_after_the_clip(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a", 1, range(T + 3))
    found = open_maps(tmp_path, [expected("a")])
    check(found, "a", pictures[:T])
    assert kinds(found) == ["off_by_one", "extra_frame"]


def test_gaps_in_a_clips_own_numbers(tmp_path: Path) -> None:
    for number in (4, 9, 10):
        save(tmp_path / f"a/{number}.png", drawn(number))
    found = open_maps(tmp_path, [Expected("a", 3, [4, 9, 10], (H, W))])
    check(found, "a", [drawn(4), drawn(9), drawn(10)])


@pytest.mark.parametrize("first", [0, 1])
def test_wanted_frames(tmp_path: Path, first: int) -> None:
    """All or only the wanted ones may be there, also counted from 0; 77 lies beyond the clip."""
    clip = expected("a", 10, wanted=[2, 3, 7, 77])
    for frame in (2, 3, 7):
        save(tmp_path / f"some/a/{frame + first:04d}.png", drawn(frame))
    for frame in range(10):
        save(tmp_path / f"all/a/{frame + first:04d}.png", drawn(frame))
    save(tmp_path / "array/a.npy", np.stack([drawn(frame) for frame in (2, 3, 7)]))
    for folder in ("some", "all", "array"):
        found = open_maps(tmp_path / folder, [clip])
        check(found, "a", [drawn(2), drawn(3), drawn(7)], [2, 3, 7])
        assert kinds(found) == ([] if first or folder == "array" else ["off_by_one"])


def test_a_number_twice_leaves_the_frame_out(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "a")
    save(tmp_path / "a/2.bmp", drawn(9))
    save(tmp_path / "a/mean.png", drawn(9))
    found = open_maps(tmp_path, [expected("a")])
    check(found, "a", [pictures[0], *pictures[2:]], [0, 2, 3, 4, 5])
    assert kinds(found) == ["other_file", "duplicate_frame"]
    finding = only(found, "duplicate_frame")
    assert finding.frame == 2
    assert "(0002.png, 2.bmp)" in finding.text


@pytest.mark.parametrize(
    ("length", "first", "frames", "told"),
    [
        (T, 31, list(range(T)), []),
        (T + 3, 1, list(range(T)), ["extra_frame"]),
        (T - 2, 1, list(range(T - 2)), ["missing_frame"]),
        (20, 11, list(range(T)), ["extra_frame"]),
    ],
)
def test_arrays_have_places_instead_of_numbers(
    tmp_path: Path, length: int, first: int, frames: list[int], told: list[str]
) -> None:
    values = np.stack([drawn(i, np.float32) for i in range(length)])
    save(tmp_path / "a.npy", values)
    found = open_maps(tmp_path, [expected("a", T, first)])
    shift = 10 if length == 20 else 0
    check(found, "a", list(values[shift : shift + len(frames)]), frames)
    assert kinds(found) == told


def test_ranges() -> None:
    assert ranges([9, 3, 8, 7]) == "3, 7-9"
    assert ranges([]) == ""
    assert ranges(range(0, 60, 2)).endswith("36, 38 and 10 more")


class Written(NamedTuple):
    """A clip as a model's script writes its maps (docs/competitors.md)."""

    clip: str
    path: str
    """Of a map, from its number; of the film, for all of a clip's."""
    frames: int = T
    first: int = 1
    """Number of the clip's first frame in its video."""
    start: int = 1
    """Number that the script gives to this frame."""
    mapped: range | None = None
    """Frames with a map; None: all."""
    beside: tuple[str, ...] = ()
    """What else lies in the clip's folder."""

    @property
    def chosen(self) -> list[int]:
        return list(range(self.frames) if self.mapped is None else self.mapped)


SHOT, UCF = "actioncliptest00007_12", "Diving-Side-001"
INPUTS = ("images", "maps", "fixation")
FOLDERS = tuple(f"testing/{UCF}/{inner}/Diving-Side_001_{{:03d}}.png" for inner in INPUTS)
SHOTS = tuple(f"testing/{SHOT}/{inner}/actioncliptest00007_{{:05d}}.png" for inner in INPUTS)
LAYOUTS: dict[str, tuple[list[Written], list[str]]] = {
    "SalGAN": (
        [Written("0601", "0601_{:04d}.jpg"), Written("Run-Side_001", "Run-Side_001_{:03d}.jpg")],
        ["jpeg", "jpeg"],
    ),
    "ACLNet": (
        [Written(UCF, f"testing/{UCF}/saliency/Diving-Side_001_{{:03d}}.png", beside=FOLDERS)],
        ["other_file"],
    ),
    "SalEMA-DHF1K": ([Written("601", "SalEMA30_predictions/0601/{:04d}.png")], []),
    "SalEMA-Hollywood-2": (
        [
            Written(
                SHOT,
                f"testing/{SHOT}/SalEMA30_predictions/actioncliptest00007_1{{:05d}}.png",
                first=201,
                beside=SHOTS,
            )
        ],
        ["other_file", "shifted"],
    ),
    "SalEMA-other": ([Written("diving", "SalEMA30_predictions/diving/{:05d}.jpg")], ["jpeg"]),
    "STRA-Net": (
        [
            Written(
                f"Lifting_00{n}", f"UCF sports/UHD.01-299/Lifting-00{n}/Lifting_00{n}_{{:03d}}.png"
            )
            for n in (1, 2)
        ],
        [],
    ),
    "TASED-Net": (
        [
            Written("0601", "output/0601/{:04d}.png", 63),
            Written("0602", "output/0602/{:04d}.png", 62, mapped=range(0)),
        ],
        ["missing_clip"],
    ),
    "TASED-Net-Hollywood-2": (
        [Written(SHOT, f"output/{SHOT}/{{:04d}}.png", 63, first=3)],
        ["shifted"],
    ),
    "OM-CNN": (
        [Written("animal_alpaca01", "animal_alpaca01_out.avi", 54, mapped=range(16, 48))],
        ["missing_frame"],
    ),
    "UNISAL-DHF1K": ([Written("0601", "2020_unisal/DHF1K/0601/{:04d}.png")], []),
    "UNISAL-Hollywood-2": (
        [Written(SHOT, f"Hollywood/{SHOT}/actioncliptest00007_{{:05d}}.png", first=3, start=3)],
        [],
    ),
    "UNISAL-folder": (
        [Written("0601", "0601/saliency/{:04d}.png", beside=("0601/images/{:04d}.png",))],
        ["other_file"],
    ),
    "ViNet": (
        [
            Written("0601", "ViNet/0601/{:04d}.png", 63),
            Written("0602", "ViNet/0602/{:04d}.png", 62, mapped=range(0)),
        ],
        ["missing_clip"],
    ),
    "ViNet-Hollywood-2": (
        [Written(SHOT, f"ViNet/{SHOT}/actioncliptest00007_{{:05d}}.png", first=3, start=3)],
        [],
    ),
}


def write_film(root: Path, written: Written, pictures: list[NDArray]) -> None:
    """As the demo of OM-CNN, and what docs/competitors.md says to do with it."""
    kept = root.parent / written.path
    film(kept, np.stack(pictures), "gray", "-c:v", "mpeg4", "-vtag", "DIVX", "-q:v", "1")
    (root / written.clip).mkdir(parents=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(kept)]
    command += ["-start_number", str(written.chosen[0] + 1)]
    subprocess.run([*command, str(root / written.clip / "%04d.png")], check=True)


def write_as(root: Path, written: Written) -> list[NDArray]:
    """The maps that a clip then has."""
    pictures = [drawn(frame) for frame in written.chosen]
    if written.path.endswith(".avi"):
        write_film(root, written, pictures)
        return pictures
    for frame, picture in zip(written.chosen, pictures, strict=True):
        save(root / written.path.format(frame + written.start), picture)
        for other in written.beside:
            save(root / other.format(frame + written.first), drawn(1000 + frame))
    return pictures


@pytest.mark.parametrize(("clips", "told"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_layouts_of_public_models(
    tmp_path: Path, clips: list[Written], told: list[str]
) -> None:
    """Every map is its frame's, and missing is what the model does not predict."""
    root = tmp_path / "maps"
    truth = {written.clip: write_as(root, written) for written in clips}
    found = open_maps(root, [expected(one.clip, one.frames, one.first) for one in clips])
    for written in clips:
        assert found.frames(written.clip) == written.chosen
        for frame, picture in zip(written.chosen, truth[written.clip], strict=True):
            lossy = 0 if written.path.endswith(".png") else 12
            np.testing.assert_allclose(found.read(written.clip, frame), picture, atol=lossy)
    assert kinds(found) == told


def test_a_film_may_be_called_the_output_of_a_video(tmp_path: Path) -> None:
    grey = np.stack([drawn(i) for i in range(T)])
    for name in ("animal_alpaca01_out", "time_out", "b_out", "b"):
        film(tmp_path / f"{name}.avi", grey, "gray", "-c:v", "ffv1")
    found = open_maps(tmp_path, [expected(c) for c in ("animal_alpaca01", "time_out", "b")])
    check(found, "animal_alpaca01", list(grey))
    check(found, "time_out", list(grey))
    assert found.frames("b") == []
    assert kinds(found, besides=("eight_bit", "film")) == ["ambiguous_clip"]


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
    np.testing.assert_allclose(found.read("a", 0), luminance, rtol=1e-5)
    np.testing.assert_array_equal(found.read("a", 1), grey)
    np.testing.assert_allclose(found.read("a", 2), luminance, rtol=1e-5)
    np.testing.assert_array_equal(found.read("a", 3), grey)
    np.testing.assert_array_equal(found.read("a", 4), deep)
    assert kinds(found) == ["alpha_channel", "colour", "sixteen_bit"]
    assert only(found, "colour").text.endswith("(2 maps: 1, 3)")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_depth_is_kept(tmp_path: Path, suffix: str) -> None:
    deep = np.arange(H * W, dtype=np.uint16).reshape(H, W) * 85 + 1
    save(tmp_path / f"a/1.{suffix}", deep)
    found = open_maps(tmp_path, [expected("a", 1)])
    check(found, "a", [deep])
    assert kinds(found, besides=()) == ["sixteen_bit"]


def test_floats_are_kept(tmp_path: Path) -> None:
    values = drawn(1, np.float32) / 7
    save(tmp_path / "a/1.tiff", values)
    save(tmp_path / "a/2.npy", values.astype(np.float64) - 1)
    found = open_maps(tmp_path, [expected("a", 2)])
    check(found, "a", [values, values.astype(np.float64) - 1])
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
        (np.array([["a"]], object), "truncated"),
    ],
)
def test_arrays_that_are_no_map(tmp_path: Path, values: NDArray, kind: str) -> None:
    save(tmp_path / "a/0001.npy", values)
    found = open_maps(tmp_path, [expected("a", 1)])
    with pytest.raises(UnreadableMap) as caught:
        found.read("a", 0)
    assert caught.value.finding.kind == kind
    assert only(found, kind)[:4] == (kind, "a", 1, str(tmp_path / "a/0001.npy"))
    assert pickle.loads(pickle.dumps(caught.value)).finding == caught.value.finding


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
            found.read("a", frame)
    assert only(found, "truncated").text.endswith(f"(6 maps: 1-{len(cuts)})")


def test_a_header_of_absurd_size_is_not_believed(tmp_path: Path) -> None:
    save(tmp_path / "a/1.png", np.zeros((1, 20000), np.uint8))
    found = open_maps(tmp_path, [expected("a", 1)])
    with pytest.raises(UnreadableMap, match="its header says 20000 x 1 pixels"):
        found.read("a", 0)


def test_an_encrypted_or_damaged_entry_is_left_out(tmp_path: Path) -> None:
    save_clip(tmp_path / "maps/a")
    archive = zipped(tmp_path / "maps", tmp_path / "maps.zip")
    content = bytearray(archive.read_bytes())
    place = content.index(b"IDAT") + 40
    content[place] ^= 255
    archive.write_bytes(content)
    found = open_maps(archive, [expected("a")])
    with pytest.raises(UnreadableMap, match="Bad CRC-32"):
        found.read("a", 0)
    assert found.read("a", 1).shape == (H, W)


def test_a_disk_that_fails_is_no_fault_of_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_clip(tmp_path / "a")
    found = open_maps(tmp_path, [expected("a")])

    def fail(path: Path) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Too many open files"):
        found.read("a", 0)
    assert kinds(found, besides=()) == []


def test_maps_of_another_size(tmp_path: Path) -> None:
    for number in (1, 2):
        save(tmp_path / f"a/{number}.png", drawn(number, shape=(12, 16)))
    found = open_maps(tmp_path, [expected("a", 2)])
    assert [found.read("a", frame).shape for frame in (0, 1)] == [(12, 16)] * 2
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
        for result in [pool.submit(check, found, clip, list(grey)) for found, clip in jobs]:
            result.result()


def test_other_processes_send_back_what_they_found(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "maps/a")
    save(tmp_path / "maps/a/0002.png", np.zeros((H, W), np.uint8))
    save(tmp_path / "maps/b.npy", np.zeros((T, H, W)))
    archive = zipped(tmp_path / "maps", tmp_path / "maps.zip")
    for path in (tmp_path / "maps", archive):
        here = open_maps(path, [expected("a"), expected("b")])
        np.testing.assert_array_equal(here.read("a", 0), pictures[0])
        here.read("b", 3)
        there = pickle.loads(pickle.dumps(here))
        np.testing.assert_array_equal(there.read("a", 2), pictures[2])
        there.read("a", 1)
        there.read("b", 4)
        for _ in range(2):
            here.join(there.observed())
        assert here.findings == there.findings
        assert [(f.kind, f.clip, f.frame) for f in here.findings] == [
            ("zero_map", "a", 2),
            ("zero_map", "b", 4),
            ("eight_bit", "a", 1),
        ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_opens_the_zip_anew(tmp_path: Path) -> None:
    pictures = save_clip(tmp_path / "maps/a")
    found = open_maps(zipped(tmp_path / "maps", tmp_path / "maps.zip"), [expected("a")])
    before = found._place._archive()
    child = os.fork()
    if child == 0:
        try:
            check(found, "a", pictures)
            os._exit(0 if found._place._archive() is not before else 2)
        except BaseException:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    check(found, "a", pictures)


def _empty(folder: Path) -> Path:
    return folder


def _texts(folder: Path) -> Path:
    (folder / "a.txt").write_text("")
    (folder / "b.mat").write_text("")
    return folder


def _zipped_film(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "m.zip", "w") as archive:
        archive.writestr("a.mp4", b"")
    return folder / "m.zip"


def _broken_zip(folder: Path) -> Path:
    (folder / "m.zip").write_bytes(b"PK\x03\x04 and no more")
    return folder / "m.zip"


def _strange_names(folder: Path) -> Path:
    save(folder / "x/0001.png", drawn(1))
    save(folder / "y_0001.png", drawn(1))
    return folder


def _single_pictures(folder: Path) -> Path:
    save(folder / "601.png", drawn(1))
    return folder


def _stores(folder: Path) -> Path:
    zarr.create_group(folder / "maps.zarr")
    return folder


def _empty_group(folder: Path) -> Path:
    zarr.create_group(folder / "maps.zarr")
    return folder / "maps.zarr"


def _bare_array(folder: Path) -> Path:
    zarr.create_array(folder / "maps.zarr", shape=(2, 3, 4), dtype="f4")
    return folder / "maps.zarr"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "nowhere", "nowhere: no such folder or file; name the folder"),
        (_empty, "no saliency map in it: it is empty; expected 601/0005.png, 601_0001.png"),
        (_texts, "no saliency map in it: found 2 other files (1 .txt, 1 .mat)"),
        (_zipped_film, "films cannot be read inside a zip: unpack it"),
        (_broken_zip, "not a whole zip (File is not a zip file); make it anew"),
        (_strange_names, "none of its names is a clip's: found x, y; expected 601, img; rename"),
        (_single_pictures, "found 1 other files (1 .png); expected 601/0005.png"),
        (_stores, "of Zarr stores name one: "),
        (_empty_group, "no saliency map in it: it is empty"),
        (_bare_array, "not a Zarr group with an array [time, y, x] per clip"),
    ],
)
def test_errors_say_what_was_found_and_expected(tmp_path: Path, make, told: str) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        open_maps(path, [expected("601", T, 5), expected("img", 1)])
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_clip_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no clip is expected"):
        open_maps(tmp_path, [])


def test_a_frame_without_map_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    save_clip(tmp_path / "a")
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    for clip, frame in (("a", T), ("b", 0), ("c", 0)):
        with pytest.raises(KeyError):
            found.read(clip, frame)


def test_opening_asks_for_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """250,000 files are opened in a second only if none is looked at."""
    for clip in "ab":
        save_clip(tmp_path / clip)
    touched: list[object] = []

    real = os.stat

    def note(path: str, *arguments: object, **options: object) -> os.stat_result:
        touched.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", note)
    monkeypatch.setattr(Path, "read_bytes", touched.append)
    found = open_maps(tmp_path, [expected("a"), expected("b")])
    assert found.frames("a") == list(range(T))
    assert touched
    assert not [path for path in touched if str(path).endswith(".png")]
