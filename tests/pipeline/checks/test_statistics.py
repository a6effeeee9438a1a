"""Statistics of clips, against direct numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.checks.statistics import COLUMNS, statistics
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, GAZE, SHARD
from pipeline.stores.writing import write_store


def test_a_row_per_clip(tmp_path: Path) -> None:
    length = SHARD + 3
    flow = np.zeros((length, 2, 2, 2), np.float16)
    flow[-1, :, 0, 0] = (3, 4)
    points = np.array([[0, 1, 1, 1], [0, 2, 2, 2], [5, 1, 1, 1]], np.float32)
    content: list[tuple[Any, str, np.ndarray, dict[str, Any]]] = [
        (
            FRAMES,
            "frames",
            np.full((length, 8, 8, 3), 7, np.uint8),
            {"source_width": 64, "source_height": 48, "rate": 30000 / 1001},
        ),
        (FLOW, "flow", flow, {}),
        (GAZE, "gaze", points, {"observers": 2, "frames": length}),
        (DENSITY, "density", np.full((length, 8, 8), 0.25), {"frames_without_gaze": length - 2}),
    ]
    for kind, name, array, facts in content:
        with write_store(kind, tmp_path / f"{name}.zarr", tmp_path / f"{name}.json", {}) as writer:
            writer.add("a", [array], **facts)
    manifests = {name: [tmp_path / f"{name}.json"] for _, name, _, _ in content}
    statistics(**manifests, threads=1, about={"run": "demo"}, sheet=tmp_path / "s.csv")  # type: ignore[arg-type]
    (row,) = read_rows(tmp_path / "s.csv")
    assert tuple(row) == COLUMNS
    assert row["clip"] == "a"
    numbers = {name: float(value) for name, value in row.items() if name != "clip"}
    assert numbers == pytest.approx(
        {
            "frames": length,
            "width": 64,
            "height": 48,
            "rate": 29.97,
            "observers": 2,
            "points_per_frame": 3 / length,
            "frames_without_gaze": length - 2,
            "mean_level": 7,
            "mean_flow": 5 / (4 * length),
            "largest_flow": 5,
            "moving_share": 1 / (4 * length),
            "mean_density": 0.25,
        },
        rel=1e-3,
    )
