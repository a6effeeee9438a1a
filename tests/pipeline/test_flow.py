"""Flow: direction, unit, quarter grid, and what the last frame gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.config import Flow
from pipeline.errors import InputError
from pipeline.flow import Dis, flow, quarter
from pipeline.stores import FLOW, FRAMES, open_store, write_store

SETTINGS = Flow(estimator="dis", preset="medium")


def _texture(height: int, width: int) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(height, width)), 2)
    noise = (noise - noise.min()) / np.ptp(noise)
    return np.repeat((255 * noise).astype(np.uint8)[..., None], 3, axis=2)


def _moving(shifts: list[tuple[int, int]]) -> np.ndarray:
    texture = _texture(160, 200)
    return np.stack([texture[20 - y : 116 - y, 20 - x : 148 - x] for x, y in shifts])


def _run(folder: Path, video: np.ndarray) -> np.ndarray:
    with write_store(FRAMES, folder / "f.zarr", folder / "f.json") as writer:
        writer.add("a", [video])
    flow(
        frames=folder / "f.json",
        settings=SETTINGS,
        store=folder / "w.zarr",
        manifest=folder / "w.json",
    )
    return np.asarray(open_store(FLOW, folder / "w.json")["a"][:])


def test_right_and_down_are_positive_and_in_pixels_of_the_grid(tmp_path: Path) -> None:
    found = _run(tmp_path, _moving([(0, 0), (3, 0), (3, 2)]))
    assert found.shape == (3, 2, 24, 32)
    inner = found[:, :, 4:-4, 4:-4].astype(float).mean(axis=(2, 3))
    np.testing.assert_allclose(inner[:2], [[3, 0], [0, 2]], atol=0.2)


def test_last_frame_repeats_the_one_before_it(tmp_path: Path) -> None:
    found = _run(tmp_path, _moving([(0, 0), (3, 0), (3, 2)]))
    np.testing.assert_array_equal(found[2], found[1])


def test_one_frame_has_zero_flow(tmp_path: Path) -> None:
    assert not _run(tmp_path, _moving([(0, 0)])).any()


def test_quarter_is_the_mean_of_cells() -> None:
    full = np.arange(2 * 8 * 12, dtype=np.float32).reshape(2, 8, 12)
    expected = [
        [full[c, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean() for x in range(3)]
        for c in range(2)
        for y in range(2)
    ]
    np.testing.assert_allclose(quarter(full).reshape(4, 3), expected)


def test_grid_must_divide_by_four(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        _run(tmp_path, np.zeros((2, 30, 40, 3), np.uint8))


def test_estimator_is_repeatable() -> None:
    pair = _moving([(0, 0), (2, 1)])
    first, second = (Dis(SETTINGS)(pair[0], pair[1]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
