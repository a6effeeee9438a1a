"""Maps for encoders: read back as the encoder does, and given to one where there is one."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.raw.timing import Timing
from pipeline.viewing.media.film import Film
from pipeline.viewing.piece import Piece, Product
from pipeline.viewing.products.numbers import About
from pipeline.viewing.products.roi import (
    LARGEST,
    DeltaQp,
    Rectangles,
    delta_qp,
    grey,
    rectangles,
    roi,
)

ABOUT = About(name="drawn", about="Spots.")


def film(frames: int, width: int, height: int) -> Film:
    timing = Timing(np.arange(frames), Fraction(1, 10), Fraction(10), 1)
    beginning = (timing, 0, Fraction(0), None, None)
    return Film(Path("a.mp4"), "film", width, height, Fraction(1), timing, False, *beginning)


def piece(maps: Any, first: int = 0, shot: int = 0) -> Piece:
    maps = np.asarray(maps, np.float32)
    return Piece(first, shot, np.zeros((*maps.shape, 3), np.uint8), None, maps, {})


def make(product: Product, pieces: list[Piece], folder: Path) -> None:
    folders = []
    for one in pieces:
        place = folder / f"piece_{one.first}"
        place.mkdir()
        product.add(one, place)
        folders.append(place)
    product.finish(folders)


def blob(y: float, x: float, width: float = 0.1) -> NDArray[np.float64]:
    rows, columns = (np.arange(48) + 0.5) / 48, (np.arange(64) + 0.5) / 64
    far = ((rows - y) ** 2)[:, None] + ((columns - x) ** 2)[None]
    return np.exp(-far / (2 * width**2))


def test_delta_qp_halves_the_step_at_the_peak_and_is_neutral_on_average() -> None:
    maps = np.array([blob(0.25, 0.75), blob(0.5, 0.5, 0.3), np.full((48, 64), 3.0)])
    grids = delta_qp(maps, 360, 650)
    assert grids.shape == (3, 6, 11)
    assert grids[0].min() == grids[0, 1, 8] == -LARGEST and grids.max() <= LARGEST
    assert grids[0, -1, 0] > 0
    area = np.outer([64] * 5 + [40], [64] * 10 + [10])
    assert abs((grids * area).sum(axis=(1, 2)) / area.sum()).max() < 0.5
    assert (grids[2] == 0).all()
    assert (delta_qp(np.zeros((1, 48, 64)), 360, 650) == 0).all()


def test_four_times_the_attention_is_six_steps_of_qp() -> None:
    """3 log2 4 = 6, shared out evenly about zero."""
    maps = np.ones((1, 2, 2))
    maps[0, 0] = 4
    assert delta_qp(maps, 128, 128).tolist() == [[[-3, -3], [3, 3]]]


def read_text_grids(path: Path) -> list[NDArray[np.int8]]:
    """As kvazaar's next_roi_frame_from_file reads them."""
    numbers = iter(int(word) for word in path.read_text().split())
    found = []
    for width in numbers:
        height = next(numbers)
        values = [next(numbers) for _ in range(width * height)]
        found.append(np.array(values, np.int8).reshape(height, width))
    return found


def test_kvazaar_reads_a_grid_for_each_frame_from_text_and_binary(tmp_path: Path) -> None:
    maps = np.array([blob(0.2, 0.1 + 0.2 * t) for t in range(5)])
    for name in ("text", "binary"):
        (tmp_path / name).mkdir()
    expected = list(delta_qp(maps.astype(np.float32), 200, 320))
    pieces = [piece(maps[:3]), piece(maps[3:], 3)]
    shown = film(5, 320, 200)
    make(roi("kvazaar", shown, tmp_path / "qp.txt", ABOUT), pieces, tmp_path / "text")
    make(DeltaQp(shown, tmp_path / "qp.bin"), pieces, tmp_path / "binary")
    assert np.array_equal(read_text_grids(tmp_path / "qp.txt"), expected)
    content = (tmp_path / "qp.bin").read_bytes()
    frame = np.dtype([("size", "<i4", 2), ("values", "i1", (4, 5))])
    read = np.frombuffer(content, frame)
    assert read["size"].tolist() == [[5, 4]] * 5
    assert np.array_equal(read["values"], expected)


def test_kvazaar_spends_its_bits_where_the_grid_says(tmp_path: Path) -> None:
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    run = {"check": True, "capture_output": True, "cwd": tmp_path}
    listed = subprocess.run([ffmpeg, "-hide_banner", "-encoders"], **run)
    if b"libkvazaar" not in listed.stdout:
        pytest.skip("this ffmpeg has no kvazaar")
    noise = np.random.default_rng(0).integers(0, 256, (3, 256, 384), np.uint8)
    (tmp_path / "in.gray").write_bytes(noise.tobytes())
    maps = np.tile(np.linspace(0, 1, 64) > 0.7, (3, 48, 1))  # all look at the right
    make(DeltaQp(film(3, 384, 256), tmp_path / "qp.txt"), [piece(maps)], tmp_path)
    raw = ["-f", "rawvideo", "-pix_fmt", "gray"]
    errors = []
    for extra in ("", ",roi=qp.txt"):
        encode = ["-c:v", "libkvazaar", "-kvazaar-params", f"qp=32{extra}", "out.mkv"]
        source = [*raw, "-s", "384x256", "-i", "in.gray"]
        subprocess.run([ffmpeg, "-y", *source, "-pix_fmt", "yuv420p", *encode], **run)
        decoded = subprocess.run([ffmpeg, "-i", "out.mkv", *raw, "-"], **run).stdout
        pictures = np.frombuffer(decoded, np.uint8).reshape(noise.shape)
        errors.append(((pictures.astype(float) - noise) ** 2).mean(axis=(0, 1)))
    plain, weighted = errors
    assert weighted[-64:].mean() < 0.5 * plain[-64:].mean()
    assert weighted[:128].mean() > 1.1 * plain[:128].mean()


def test_a_grey_picture_has_the_sources_size_and_its_peak_is_white() -> None:
    picture = grey(blob(0.5, 0.5) * 0.01, (90, 161))
    assert picture.shape == (90, 161) and picture.dtype == np.uint8
    assert picture.max() == 255 == picture[45, 80] and picture[0, 0] == 0
    assert (grey(np.zeros((4, 4)), (8, 8)) == 0).all()


def test_rectangles_hold_what_they_say() -> None:
    density = np.zeros((10, 20))
    density[2:4, 4:8] = 3  # 24 of 40
    density[7, 15:19] = 4  # 16 of 40
    found = rectangles(density, (100, 200))
    assert found == [
        {"level": 0.5, "rectangle": [150, 70, 190, 80], "share": 0.4},
        {"level": 0.5, "rectangle": [40, 20, 60, 30], "share": 0.15},
        {"level": 0.8, "rectangle": [40, 20, 80, 40], "share": 0.45},
        {"level": 0.8, "rectangle": [150, 70, 190, 80], "share": 0.4},
    ]
    assert rectangles(np.zeros((4, 4)), (8, 8)) == []


def test_rectangles_of_frames_and_of_shots(tmp_path: Path) -> None:
    maps = [blob(0.3, 0.3, 0.05), blob(0.3, 0.5, 0.05), blob(0.7, 0.8, 0.05)]
    pieces = [piece(maps[:1]), piece(maps[1:2], 1), piece(maps[2:], 2, 1)]
    make(Rectangles(film(3, 640, 480), tmp_path / "out.json", ABOUT), pieces, tmp_path)
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["schema"] == "gfsalnet/rectangles/1"
    assert [frame["index"] for frame in found["frames"]] == [0, 1, 2]
    for frame, (x, y) in zip(found["frames"], [(192, 144), (320, 144), (512, 336)], strict=True):
        first = frame["rectangles"][0]
        left, top, right, bottom = first["rectangle"]
        assert first["level"] == 0.5 and 0.5 <= first["share"] < 0.55
        assert left < x < right and top < y < bottom and right - left < 120
    assert [(s["first"], s["last"], s["seconds"]) for s in found["shots"]] == [
        (0, 1, [0, 0.2]),
        (2, 2, [0.2, 0.3]),
    ]
    shot = [one for one in found["shots"][0]["rectangles"] if one["level"] == 0.5]
    assert [one["share"] for one in shot] == pytest.approx([0.25, 0.25], abs=0.02)
