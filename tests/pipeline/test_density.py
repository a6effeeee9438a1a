"""Density and gaze on the grid: against direct definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.config import Density, Frames
from pipeline.datasets.records import Clip, Gaze
from pipeline.density import density, density_map
from pipeline.fixations import fixated_map, pixels_by_frame
from pipeline.gaze import on_grid
from pipeline.stores import DENSITY, GAZE, open_store, write_store

SHAPE = (30, 40)


def _settings(repeats: str = "each") -> Density:
    return Density.model_validate({"recipe": "gaussian", "sigma": 3.0, "repeats": repeats})


def test_density_is_the_blurred_count() -> None:
    pixels = np.array([[3, 4], [20, 35], [20, 35], [29, 0]], np.int32)
    counts = np.zeros(SHAPE)
    np.add.at(counts, tuple(pixels.T), 1.0)
    expected = gaussian_filter(counts, 3.0, mode="constant", truncate=20)
    found = density_map(pixels, SHAPE, _settings())
    np.testing.assert_allclose(found, expected / expected.max(), atol=1e-12)
    assert found.max() == 1.0


def test_repeats_once_counts_a_pixel_once() -> None:
    twice = np.array([[3, 4], [20, 35], [20, 35]], np.int32)
    once = twice[:2]
    np.testing.assert_array_equal(
        density_map(twice, SHAPE, _settings("once")), density_map(once, SHAPE, _settings())
    )
    assert density_map(twice, SHAPE, _settings())[3, 4] == pytest.approx(0.5)


def test_no_point_no_density(tmp_path: Path) -> None:
    points = np.array([[1, 5, 6, 0]], np.float32)
    with write_store(GAZE, tmp_path / "g.zarr", tmp_path / "g.json") as writer:
        writer.add("a", [points], frames=3)
    density(
        gaze=tmp_path / "g.json",
        settings=_settings(),
        grid=Frames(width=40, height=30, filter="bicubic"),
        store=tmp_path / "d.zarr",
        manifest=tmp_path / "d.json",
    )
    store = open_store(DENSITY, tmp_path / "d.json")
    found = np.asarray(store["a"][:])
    assert [found[i].max() for i in range(3)] == [0, 1, 0]
    assert np.unravel_index(found[1].argmax(), SHAPE) == (6, 5)
    assert store.clips["a"]["frames_without_gaze"] == 2


def test_points_go_to_their_frame_and_pixel() -> None:
    points = np.array([[2, 0.4, 0.6, 1], [0, 39.4, 29.4, 0], [2, -0.5, 3.5, 0]], np.float32)
    found = pixels_by_frame(points, 4)
    assert [pixels.tolist() for pixels in found] == [[[29, 39]], [], [[1, 0], [4, 0]], []]
    assert fixated_map(found[2], SHAPE).sum() == 2


def test_gaze_scales_about_pixel_corners_and_counts_what_it_drops() -> None:
    clip = Clip("a", frames=12, width=80, height=60, rate=25.0)
    gaze = Gaze(
        frame=np.array([9, 10, 11, 3, 10], np.int32),
        x=np.array([0.0, 79.0, 200.0, 5.0, 39.5], np.float32),
        y=np.array([0.0, 59.0, 1.0, 5.0, 29.5], np.float32),
        observer=np.array([1, 2, 1, 1, 1], np.int16),
        dropped={"blink": 4},
    )
    points, dropped = on_grid(gaze, clip, 10, Frames(width=40, height=30, filter="bicubic"))
    expected = [[0, -0.25, -0.25, 1], [1, 19.5, 14.5, 1], [1, 39.25, 29.25, 2]]
    np.testing.assert_allclose(points, expected)
    assert dropped == {"blink": 4, "frame outside the clip": 1, "point outside the picture": 1}
