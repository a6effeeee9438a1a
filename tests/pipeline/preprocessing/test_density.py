"""Stage density, and gaze on the grid: which points and which maps go to which frame."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.config.data import Frames
from pipeline.preprocessing.density import density, read_map
from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame, video_pixels
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, GAZE
from pipeline.stores.reading import open_store
from pipeline.stores.settings import recorded_settings
from tests.builders import store

SHAPE = (30, 40)
GRID = Frames(width=40, height=30, filter="bicubic", codec="lossless")
FACTS = {"frames": 3, "split": "train", "first": 1, "width": 80, "height": 60, "numbers": []}
RECIPES: dict[str, dict[str, Any]] = {
    "gaussian": {"sigma": 3.0, "repeats": "each"},
    "dhf1k": {"fwhm": 12.0, "shift": 0.0, "repeats": "each"},
    "mathe_release": {"taps": 31, "sigma": 4.0, "anchor": 15},
    "mit": {"cutoff": 8.0, "repeats": "once"},
    "released": {"files": "maps/{clip}/{frame}.png"},
}


def run(
    folder: Path, recipe: str, points: list[list[float]], **facts: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    """The densities that the command line makes of clip `a`, and their facts."""
    points_of = {"a": np.array(points, np.float32).reshape(-1, 4)}
    settings = {"recipe": recipe, **RECIPES[recipe]}
    options = {
        "--gaze": str(store(GAZE, folder, points_of, **(FACTS | facts))),
        "--raw": str(folder / "raw"),
        "--settings": json.dumps(settings),
        "--grid": GRID.model_dump_json(),
        "--store": str(folder / "d.zarr"),
        "--manifest": str(folder / "d.json"),
    }
    main(density, [word for option in options.items() for word in option])
    recorded = recorded_settings(folder / "d.json")
    assert recorded == {"density": settings, "frames": GRID.model_dump()}
    made = open_store(DENSITY, folder / "d.json")
    return np.asarray(made["a"][:]), made.clips["a"]


def picture(folder: Path, number: int | str, level: int = 200, mode: str = "L") -> np.ndarray:
    """Writes a map with one bright spot, whose column tells the number."""
    grey = np.zeros((60, 80), np.uint8)
    grey[20:24, 2 * int(number) : 2 * int(number) + 4] = level
    file = folder / "raw" / "maps" / "a" / f"{number}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).convert(mode).save(file)
    return grey


def on_frame_grid(grey: np.ndarray) -> np.ndarray:
    small = np.asarray(
        Image.fromarray(grey.astype(np.float32)).resize((40, 30), Image.Resampling.BILINEAR)
    )
    return small / small.max()


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "released"])
def test_a_point_makes_the_density_of_its_frame(tmp_path: Path, recipe: str) -> None:
    found, facts = run(tmp_path, recipe, [[1, 25, 6, 0], [1, 25, 6, 1]])
    assert [frame.max() for frame in found] == [0, 1, 0]
    assert np.unravel_index(found[1].argmax(), SHAPE) == (6, 25)
    assert found[1, 6, 25 + 12] < 0.05
    assert facts["shape"] == [3, *SHAPE]
    assert facts["frames_without_gaze"] == 2


def test_widths_are_pixels_of_the_video_but_for_gaussian(tmp_path: Path) -> None:
    at = [[0, 19.75, 14.75, 0]]
    small, _ = run(tmp_path, "dhf1k", at, frames=1)
    same, _ = run(tmp_path, "dhf1k", at, frames=1, width=40, height=30)
    assert (small > 0.5).sum() * 3 < (same > 0.5).sum()
    small, _ = run(tmp_path, "gaussian", at, frames=1)
    same, _ = run(tmp_path, "gaussian", at, frames=1, width=40, height=30)
    np.testing.assert_array_equal(small, same)


def test_points_on_the_border_stay_inside() -> None:
    points = np.array([[0, -0.5, -0.5, 0], [0, np.float32(639.49999), 479.49999, 0]], np.float32)
    assert points[1, 1] == 639.5
    for video in ((480, 640), (360, 640), (3, 5)):
        found = video_pixels(points, 1, (480, 640), video)[0]
        np.testing.assert_array_equal(found, [[0, 0], [video[0] - 1, video[1] - 1]])


def test_released_maps_of_a_video_count_from_its_first_frame(tmp_path: Path) -> None:
    drawn = {number: picture(tmp_path, f"{number:04d}") for number in (4, 5, 6, 7, 8)}
    found, facts = run(tmp_path, "released", [[1, 5, 6, 0]], first=5)
    for frame, number in enumerate((5, 6, 7)):
        np.testing.assert_allclose(found[frame], on_frame_grid(drawn[number]), atol=1e-3)
    assert facts["frames_without_map"] == 0
    assert facts["maps_beyond_clip"] == 2
    assert facts["frames_without_gaze"] == 2


def test_released_maps_of_pictures_go_by_number(tmp_path: Path) -> None:
    drawn = {number: picture(tmp_path, number) for number in (7, 8, 11)}
    found, facts = run(tmp_path, "released", [], numbers=[7, 9, 11])
    np.testing.assert_allclose(found[0], on_frame_grid(drawn[7]), atol=1e-3)
    np.testing.assert_array_equal(found[1], 0)
    np.testing.assert_allclose(found[2], on_frame_grid(drawn[11]), atol=1e-3)
    assert (facts["frames_without_map"], facts["maps_beyond_clip"]) == (1, 1)


def test_one_released_map_of_a_still_image(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(RECIPES, "released", {"files": "maps/{clip}/5.png"})
    drawn = picture(tmp_path, 5)
    found, facts = run(tmp_path, "released", [], frames=1)
    np.testing.assert_allclose(found[0], on_frame_grid(drawn), atol=1e-3)
    assert facts["maps_beyond_clip"] == 0
    with pytest.raises(SystemExit, match=r"3 frames of a; write \{frame\} into density.files"):
        run(tmp_path, "released", [])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16"])
def test_grey_and_its_copies_read_alike(tmp_path: Path, mode: str) -> None:
    grey = picture(tmp_path, 1, mode=mode)
    np.testing.assert_array_equal(read_map(tmp_path / "raw/maps/a/1.png"), grey)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_a_grey_map_is_read_whatever_its_channels(tmp_path: Path, mode: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8)
    Image.fromarray(levels).convert(mode).save(tmp_path / "c.png")
    np.testing.assert_array_equal(read_map(tmp_path / "c.png"), levels)


def test_a_heat_map_is_no_density(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.png: expected a density in grey, found colours"):
        read_map(tmp_path / "c.png")


def test_a_black_map_is_zero(tmp_path: Path) -> None:
    picture(tmp_path, 1, level=0)
    found, facts = run(tmp_path, "released", [], frames=1)
    np.testing.assert_array_equal(found, 0)
    assert facts["frames_without_map"] == 0


def test_a_clip_without_a_map_stops(tmp_path: Path) -> None:
    picture(tmp_path, 9)
    with pytest.raises(SystemExit, match=r"maps 9-9, frames 1-3 of a: 1 of 1 maps have no"):
        run(tmp_path, "released", [])
    assert not (tmp_path / "d.json").exists()


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def _claimed(width: int, height: int) -> Any:
    """Rewrites the size in a PNG's header, checksum included."""

    def claim(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
        file.write_bytes(data)

    return claim


@pytest.mark.parametrize(
    "damage,reason",
    [
        (_truncated, "truncated"),
        (lambda file: file.write_bytes(b""), "cannot identify"),
        (lambda file: file.write_text("<html>404</html>"), "cannot identify"),
        (_claimed(60_000, 60_000), "bomb"),
        (_claimed(12_000, 12_000), "12000 x 12000 pixels"),
        (lambda file: Image.new("L", (40_000, 60)).save(file), "40000 x 60 pixels"),
    ],
    ids=["truncated", "empty", "a page", "bomb", "144 megapixels", "40,000 wide"],
)
def test_a_damaged_map_stops_and_is_named(tmp_path: Path, damage: Any, reason: str) -> None:
    for number in (1, 2, 3):
        picture(tmp_path, number)
    damage(tmp_path / "raw/maps/a/2.png")
    with pytest.raises(SystemExit, match=rf"2\.png: expected a grey.*{reason}.*fetch it again"):
        run(tmp_path, "released", [])
    assert not (tmp_path / "d.json").exists()


def test_a_map_outside_the_raw_folder_is_refused(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        picture(tmp_path, number)
    file = tmp_path / "raw/maps/a/2.png"
    file.rename(tmp_path / "elsewhere.png")
    file.symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(SystemExit, match="outside"):
        run(tmp_path, "released", [])


def test_a_missing_map_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.png"):
        read_map(tmp_path / "no.png")


def test_points_go_to_their_frame_and_pixel() -> None:
    points = np.array([[2, 0.4, 0.6, 1], [0, 39.4, 29.4, 0], [2, -0.5, 3.5, 0]], np.float32)
    found = pixels_by_frame(points, 4)
    assert [pixels.tolist() for pixels in found] == [[[29, 39]], [], [[1, 0], [4, 0]], []]
    assert fixated_map(found[2], SHAPE).sum() == 2
