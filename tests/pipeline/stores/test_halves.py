"""Densities as they are written: in float16, rounded as NumPy does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.stores.kinds import DENSITY
from pipeline.stores.reading import open_store
from pipeline.stores.writing import write_store


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float16_as_numpy_converts(tmp_path: Path, dtype: type) -> None:
    drawn = np.random.default_rng(3)
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(dtype)
    middles = (halves[1:] + halves[:-1]) / 2  # ties of rounding, and their neighbours
    around = [np.nextafter(middles, side).astype(dtype) for side in (-1, 1)]
    tiny = (2.0 ** drawn.uniform(-40, -10, 60_000)).astype(dtype)
    odd = np.array([np.nan, np.inf, 0, 1e-300, 2.0**-25], dtype)
    values = np.concatenate([halves, middles, *around, tiny, odd])
    values = np.concatenate([values, -values])
    frames = np.resize(values, (2, 256, -(-values.size // 512))).astype(dtype)
    with write_store(DENSITY, tmp_path / "1.zarr", tmp_path / "1.json", {}) as writer:
        writer.add("a", [frames])
    found = np.asarray(open_store(DENSITY, tmp_path / "1.json")["a"][:])
    assert np.array_equal(found.view(np.uint16), frames.astype(np.float16).view(np.uint16))
