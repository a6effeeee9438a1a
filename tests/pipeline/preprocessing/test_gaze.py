"""Gaze of raw videos on the frame grid, and what the stage writes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config.data import DatasetGaze, Frames
from pipeline.datasets.records import Clip, Gaze
from pipeline.preprocessing.fixations import fixated_map, pixels_by_frame, video_pixels
from pipeline.preprocessing.gaze import gaze as gaze_stage
from pipeline.preprocessing.gaze import on_grid
from pipeline.stores.manifests import write_manifest
from pipeline.stores.settings import recorded_settings

GRID = Frames(width=40, height=30, filter="area", codec="lossless")


def test_the_manifest_names_the_settings(tmp_path: Path) -> None:
    frames = tmp_path / "frames.json"
    facts: dict[str, Any] = {"clips": {}, "files": {}, "settings": {}, "inputs": {}, "left_out": {}}
    write_manifest(frames, kind="frames", codec="lossless", **facts)
    settings = DatasetGaze(reader="diem", files=("{clip}.txt",), observers=None, options={})
    manifest = tmp_path / "gaze.json"
    gaze_stage(
        raw=tmp_path,
        frames=frames,
        settings=settings,
        grid=GRID,
        store=tmp_path / "gaze.zarr",
        manifest=manifest,
    )
    assert recorded_settings(manifest) == {
        "gaze": settings.model_dump(mode="json"),
        "frames": GRID.model_dump(),
    }


@pytest.mark.parametrize("width,height", [(1280, 720), (320, 240), (4096, 2160), (637, 481)])
def test_points_find_their_pixel_of_the_video_again(width: int, height: int) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, (height, width), (2000, 2))
    pixels[:2] = [[0, 0], [height - 1, width - 1]]
    gaze = Gaze(
        frame=np.repeat([0, 1], 1000).astype(np.int32),
        x=pixels[:, 1].astype(np.float32),
        y=pixels[:, 0].astype(np.float32),
        observer=np.zeros(2000, np.int16),
        dropped={},
    )
    grid = Frames(width=640, height=480, filter="bicubic", codec="lossless")
    clip = Clip("a", frames=2, width=width, height=height, rate=25.0)
    points, dropped = on_grid(gaze, clip, 1, grid)
    assert not dropped
    found = video_pixels(points, 2, (480, 640), (height, width))
    np.testing.assert_array_equal(found[0], pixels[:1000])
    np.testing.assert_array_equal(found[1], pixels[1000:])


def test_a_point_at_the_very_edge_stays_on_the_last_pixel() -> None:
    """In float64 it is inside by a hair; as float32 it would be on the pixel after the last."""
    inside = np.nextafter(np.float32(0.5), np.float32(0))  # of a video of one pixel
    gaze = Gaze(
        frame=np.zeros(1, np.int32),
        x=np.full(1, inside),
        y=np.full(1, inside),
        observer=np.ones(1, np.int16),
        dropped={},
    )
    grid = Frames(width=640, height=480, filter="bicubic", codec="lossless")
    points, _ = on_grid(gaze, Clip("a", frames=1, width=1, height=1, rate=25.0), 1, grid)
    (pixels,) = pixels_by_frame(points, 1)
    assert pixels.tolist() == [[479, 639]]
    assert fixated_map(pixels, (480, 640))[479, 639]


def test_gaze_scales_about_pixel_corners_and_counts_what_it_drops() -> None:
    clip = Clip("a", frames=12, width=80, height=60, rate=25.0)
    gaze = Gaze(
        frame=np.array([9, 10, 11, 3, 10], np.int32),
        x=np.array([0.0, 79.0, 200.0, 5.0, 39.5], np.float32),
        y=np.array([0.0, 59.0, 1.0, 5.0, 29.5], np.float32),
        observer=np.array([1, 2, 1, 1, 1], np.int16),
        dropped={"blink": 4},
    )
    points, dropped = on_grid(gaze, clip, 10, GRID)
    expected = [[0, -0.25, -0.25, 1], [1, 19.5, 14.5, 1], [1, 39.25, 29.25, 2]]
    np.testing.assert_allclose(points, expected)
    assert dropped == {"blink": 4, "frame outside the clip": 1, "point outside the picture": 1}
