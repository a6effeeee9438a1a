from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.datasets import released
from pipeline.datasets.records import NOBODY, Clip, ReaderError

VIDEO = Clip("001", 3, 20, 10, 30.0)
FOLDER = Clip("actioncliptest00001_2", 3, 20, 10, 24.0, numbers=(14, 15, 17))
POINTS = [(0, 0), (19, 0), (7, 3), (0, 9), (19, 9)]

pytestmark = pytest.mark.filterwarnings("error")


def fixation_map(points=POINTS, size=(20, 10)):
    fixated = np.zeros(size[::-1], dtype=np.uint8)
    for x, y in points:
        fixated[y, x] = 255
    return fixated


@pytest.fixture
def png(tmp_path):
    def write(name, points=POINTS, mode="L", **options):
        Image.fromarray(fixation_map(points, **options)).convert(mode).save(tmp_path / name)
        return tmp_path / name

    return write


def found(gaze):
    return list(zip(gaze.frame.tolist(), gaze.x.tolist(), gaze.y.tolist(), strict=True))


@pytest.mark.parametrize(
    ("names", "clip"),
    [
        (["0001.png", "0003.png"], VIDEO),
        (["Diving-Side_001_001.png", "Diving-Side_001_003.png"], VIDEO),
        (["fixMap_00001.png", "fixMap_00003.png"], VIDEO),
        (["actioncliptest00001_00014.png", "actioncliptest00001_00017.png"], FOLDER),
    ],
)
def test_frames_by_number(png, names, clip):
    files = [png(names[0], [(7, 3), (2, 5)]), png(names[1], [(1, 1)])]
    gaze = released.read(files[::-1], clip)
    assert found(gaze) == [(0, 7, 3), (0, 2, 5), (2, 1, 1)]
    assert gaze.observer.tolist() == [NOBODY] * 3
    assert (gaze.dropped, gaze.seconds) == ({"frame_without_picture": 0}, ())


def test_shot_of_a_single_frame(png):
    clip = Clip("actioncliptest00001_9", 1, 20, 10, 24.0, numbers=(203,))
    assert found(released.read([png("a_00203.png", [(4, 4)])], clip)) == [(0, 4, 4)]


@pytest.mark.parametrize(
    ("clip", "number"), [(VIDEO, 4), (VIDEO, 9), (FOLDER, 16), (FOLDER, 1), (FOLDER, 18)]
)
def test_frame_without_a_picture_is_counted(png, clip, number):
    empty = [png(f"{frame:04d}.png", []) for frame in clip.numbers or (1, 2, 3)]
    gaze = released.read([png(f"{number:04d}.png"), *empty], clip)
    assert (len(gaze.x), gaze.dropped) == (0, {"frame_without_picture": 5})
    assert bool(gaze.findings) == (number > 1)


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.bool_])
def test_matlab(tmp_path, save_mat, version, dtype):
    path = tmp_path / "0002.mat"
    save_mat(path, {"I": (fixation_map() / 255).astype(dtype)}, version=version)
    gaze = released.read([path], VIDEO, variable="I")
    assert sorted(found(gaze)) == sorted((1, x, y) for x, y in POINTS)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
def test_kinds_of_png(png, mode):
    gaze = released.read([png("0001.png", mode=mode)], VIDEO)
    assert sorted(found(gaze)) == sorted((0, x, y) for x, y in POINTS)


def test_any_pixel_that_is_not_zero_counts_in_a_png(tmp_path):
    Image.fromarray(fixation_map([(3, 3)]) // 255).save(tmp_path / "0001.png")
    assert found(released.read([tmp_path / "0001.png"], VIDEO)) == [(0, 3, 3)]


def test_jpeg_is_split_at_half(tmp_path):
    fixated = fixation_map([(40, 40), (100, 20)], size=(160, 80))
    for mode in ("L", "RGB"):
        Image.fromarray(fixated).convert(mode).save(tmp_path / "0001.jpg", quality=75)
        values = np.asarray(Image.open(tmp_path / "0001.jpg"))
        assert np.count_nonzero(values) > 2 * (1 + 2 * (mode == "RGB"))  # JPEG leaves traces
        gaze = released.read([tmp_path / "0001.jpg"], Clip("a", 1, 160, 80, 30.0))
        assert sorted(found(gaze)) == [(0, 40, 40), (0, 100, 20)]


def test_colour_picture(tmp_path):
    colours = np.stack([fixation_map(), fixation_map(), 0 * fixation_map()], axis=-1)
    Image.fromarray(colours).save(tmp_path / "0001.png")
    with pytest.raises(ReaderError, match=r"0001\.png: .*found a colour picture; .*gaze\.files"):
        released.read([tmp_path / "0001.png"], VIDEO)


def test_transparency_is_ignored(tmp_path):
    image = Image.fromarray(fixation_map([(5, 5)])).convert("RGBA")
    image.putalpha(77)
    image.save(tmp_path / "0001.png")
    assert found(released.read([tmp_path / "0001.png"], VIDEO)) == [(0, 5, 5)]


def test_smaller_map_is_scaled(png):
    # Pixel 0 of 10 covers pixels 0 and 1 of 20: its centre is 0.5.
    gaze = released.read([png("0001.png", [(0, 0), (9, 4)], size=(10, 5))], VIDEO)
    assert found(gaze) == [(0, 0.5, 0.5), (0, 18.5, 8.5)]


@pytest.mark.parametrize(("size", "agrees"), [((201, 100), True), ((203, 100), False)])
def test_aspect(png, size, agrees):
    files = [png("0001.png", [(0, 0)], size=size)]
    if agrees:
        assert len(released.read(files, VIDEO).x) == 1
    else:
        with pytest.raises(ReaderError, match=r"0001\.png.*203 x 100 .*001 20 x 10, .*one release"):
            released.read(files, VIDEO)


@pytest.mark.parametrize(
    "value", [np.zeros((2, 2, 3)), np.empty((0, 0)), np.array([[np.nan, 0], [0, 0]])]
)
def test_no_map(tmp_path, save_mat, value):
    save_mat(tmp_path / "0001.mat", {"I": value}, version="5")
    with pytest.raises(ReaderError, match=r"0001\.mat: expected I to be a fixation map in two"):
        released.read([tmp_path / "0001.mat"], VIDEO, variable="I")


def test_variable_must_be_declared(tmp_path, save_mat):
    save_mat(tmp_path / "0001.mat", {"I": fixation_map()}, version="5")
    with pytest.raises(ReaderError, match=r"0001\.mat.*set gaze\.options\.variable|Set gaze"):
        released.read([tmp_path / "0001.mat"], VIDEO)
    with pytest.raises(ReaderError, match="no variable 'eyeMap'"):
        released.read([tmp_path / "0001.mat"], VIDEO, variable="eyeMap")


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_picture(tmp_path, kind, share):
    path = tmp_path / f"0001.{kind}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 200), np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ReaderError, match=rf"0001\.{kind}: not a readable picture.*fetch"):
        released.read([path], VIDEO)


def _announcing(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"\0" * 99)
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + check + chunk


@pytest.mark.parametrize("side", [10_000, 20_000, 2**31 - 1])
def test_absurd_size(tmp_path, side):
    (tmp_path / "0001.png").write_bytes(_announcing(side, side))
    with pytest.raises(ReaderError, match=r"0001\.png: not a readable picture .*(size|pixels)"):
        released.read([tmp_path / "0001.png"], VIDEO)


def test_missing_folder_and_pipe(tmp_path):
    path = tmp_path / "0001.png"
    for make in (None, path.mkdir, lambda: os.mkfifo(path)):
        if make is not None:
            make()
        with pytest.raises(ReaderError, match=r"0001\.png: not a readable picture .*no regular"):
            released.read([path], VIDEO)
        if path.is_dir():
            path.rmdir()


def test_names(png):
    with pytest.raises(ReaderError, match="001: no fixation map"):
        released.read([], VIDEO)
    with pytest.raises(ReaderError, match=r"map\.png: expected the name to end in the number"):
        released.read([png("map.png")], VIDEO)
    with pytest.raises(ReaderError, match=r"a_1\.png: frame 1 of 001 is also .*0001\.png"):
        released.read([png("0001.png"), png("a_1.png")], VIDEO)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_a_density_is_refused_above_a_tenth(png, tmp_path, save_mat, version):
    few = [(x, y) for y in (0, 9) for x in range(10)]
    assert len(released.read([png("0001.png", few)], VIDEO).x) == 20
    refused = r"looks like a density: 21 of 200 .*; point gaze\.files in config\.yaml at the fix"
    with pytest.raises(ReaderError, match=rf"0001\.png: {refused}"):
        released.read([png("0001.png", [*few, (5, 5)])], VIDEO)
    save_mat(tmp_path / "0001.mat", {"I": fixation_map([*few, (5, 5)])}, version=version)
    with pytest.raises(ReaderError, match=rf"0001\.mat: {refused}"):
        released.read([tmp_path / "0001.mat"], VIDEO, variable="I")


def test_no_point_at_all(png):
    gaze = released.read([png("0001.png", [])], VIDEO)
    assert (len(gaze.frame), gaze.frame.dtype) == (0, np.int32)


@pytest.mark.parametrize(
    ("pictures", "maps", "offset"),
    [
        (range(5), range(1, 6), 1),
        (range(5), (1, 2, 5), 1),  # nobody looked at two frames
        (range(1, 6), range(5), -1),
        (range(1, 6), range(4), -1),  # nor at the last
        (range(14, 19), range(15, 20), 1),
    ],
)
def test_one_counts_from_0_and_the_other_from_1(png, pictures, maps, offset):
    clip = Clip("001", 5, 20, 10, 30.0, tuple(pictures))
    gaze = released.read([png(f"{k:04d}.png", [(k, 3)]) for k in maps], clip)
    assert found(gaze) == [(k - offset - pictures[0], k, 3) for k in maps]
    assert gaze.dropped == {"frame_without_picture": 0}
    (finding,) = gaze.findings
    first = f"map {maps[0]} is read as that of frame {maps[0] - offset}"
    assert f"frames {pictures[0]}-{pictures[-1]} of 001: {first}" in finding


def test_maps_from_0_of_a_video_that_the_sheet_ends_early(png):
    files = [png(f"{k:04d}.png", [(k, 3)]) for k in range(9)]
    gaze = released.read(files, Clip("001", 3, 20, 10, 30.0, cut=True))
    assert found(gaze) == [(k, k, 3) for k in range(3)]
    assert gaze.dropped == {"frame_without_picture": 6}
    assert len(gaze.findings) == 1


def test_maps_go_on_where_the_sheet_ends_a_clip(png):
    files = [png(f"{k:04d}.png", [(k, 3)]) for k in range(1, 20)]
    gaze = released.read(files, Clip("001", 3, 20, 10, 30.0, cut=True))
    assert (len(gaze.x), gaze.findings) == (3, ())
    with pytest.raises(ReaderError, match="16 of 19 maps have no frame"):
        released.read(files, VIDEO)


@pytest.mark.parametrize(
    ("pictures", "maps"), [(range(1, 6), range(101, 106)), (range(5), range(3, 8)), ([9], [1])]
)
def test_numbers_of_something_else(png, pictures, maps):
    clip = Clip("001", len(pictures), 20, 10, 30.0, tuple(pictures))
    with pytest.raises(ReaderError, match=rf"maps {maps[0]}-.* maps have no frame; renumber them"):
        released.read([png(f"{k:04d}.png", [(k % 20, 3)]) for k in maps], clip)


def test_no_map_of_frame_0_is_a_finding(png):
    clip = Clip("001", 4, 20, 10, 30.0, (0, 1, 2, 3))
    gaze = released.read([png("0001.png", [(7, 3)]), png("0003.png", [(2, 2)])], clip)
    assert found(gaze) == [(1, 7, 3), (3, 2, 2)]
    assert "frame 0 has no map" in gaze.findings[0]
