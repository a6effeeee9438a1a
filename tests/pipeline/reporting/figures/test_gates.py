"""Gates: means over what moves and what rests, for networks whose gate is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from pipeline.config.figures import GateRegions
from pipeline.reporting.figures.gates import COLUMNS, frame_gate, gates
from pipeline.reporting.figures.regions import COLUMNS as REGION_COLUMNS
from pipeline.reporting.figures.regions import found_boxes, window
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import read_rows
from pipeline.stores.kinds import FLOW, FRAMES
from pipeline.stores.weights import save_weights
from pipeline.stores.writing import write_store
from pipeline.training.networks import build_network
from tests.builders import GFSALNET

NETWORK: dict[str, Any] = {"network": "gfsalnet", **GFSALNET}


def test_means_are_over_what_moves_and_what_rests() -> None:
    gate, flow = np.arange(4.0).reshape(2, 2), np.zeros((2, 2, 2))
    flow[0, 0, 0], flow[1, 1, 1] = 1.0, -2.0
    assert frame_gate(gate, flow) == (0.5, 1.5, 1.5)
    flow[0, 0, 0] = 0.9
    assert frame_gate(gate, flow) == (0.25, 3.0, 1.0)
    still = frame_gate(gate, 0 * flow)
    assert (still.moving_share, still.resting) == (0, 1.5)
    assert np.isnan(still.moving)


def stores(folder: Path) -> dict[str, list[Path]]:
    drawn = np.random.default_rng(0)
    for kind, name, shape in ((FRAMES, "frames", (64, 96, 3)), (FLOW, "flow", (2, 16, 24))):
        with write_store(kind, folder / f"{name}.zarr", folder / f"{name}.json", {}) as writer:
            for clip in "ab":
                facts = {"first": 5} if name == "frames" else {}
                content = 3 * drawn.random((10, *shape)) * (30 if name == "frames" else 1)
                writer.add(clip, [content.astype(kind.dtype)], **facts)
    return {name: [folder / f"{name}.json"] for name in ("frames", "flow")}


def run(folder: Path, regions: GateRegions | None = None, **changes: Any) -> list[dict[str, str]]:
    arguments = NETWORK | changes
    torch.manual_seed(0)
    network = build_network(arguments)
    if changes.get("fusion", "gated") == "gated":
        torch.nn.init.constant_(network.fusion.conv.bias, -1.0)
    save_weights(folder / "w.safetensors", network, {})
    names = ("sheet", "curves", "panels", "regions_sheet", "regions_picture")
    out = {name: folder / f"{name}.png" for name in names}
    weights = folder / "w.safetensors"
    gates(
        network=arguments,
        weights=weights,
        regions=regions,
        threads=1,
        about={"run": "demo"},
        **stores(folder),
        **out,
    )
    return read_rows(out["sheet"], COLUMNS)


def test_a_row_per_frame_and_two_pictures(tmp_path: Path) -> None:
    rows = run(tmp_path)
    assert tuple(rows[0]) == COLUMNS
    assert [(row["clip"], row["frame"]) for row in rows] == [
        (clip, str(frame)) for clip in "ab" for frame in range(5, 15)
    ]
    # Untrained, the gate is sigmoid(-1) everywhere, and G_T what is left.
    expected = 1 - 1 / (1 + np.exp(1.0))
    for row in rows:
        assert float(row["G_T_moving"]) == pytest.approx(expected, abs=1e-4)
        assert float(row["G_T_resting"]) == pytest.approx(expected, abs=1e-4)
        assert 0 < float(row["moving_share"]) < 1
    with (
        Image.open(tmp_path / "panels.png") as panels,
        Image.open(tmp_path / "curves.png") as curves,
    ):
        assert panels.width > 2 * panels.height
        assert np.asarray(curves.convert("L")).std() > 5


def test_the_gate_is_followed_within_fixed_regions(tmp_path: Path) -> None:
    boxes = {"left": (0.0, 0.0, 0.5, 1.0), "corner": (0.75, 0.75, 1.0, 1.0)}
    run(tmp_path, GateRegions(clip="b", boxes=boxes))
    rows = read_rows(tmp_path / "regions_sheet.png", REGION_COLUMNS)
    assert [(row["clip"], row["frame"], row["region"]) for row in rows] == [
        ("b", str(frame), name) for name in boxes for frame in range(5, 15)
    ]
    expected = 1 - 1 / (1 + np.exp(1.0))
    assert all(float(row["G_T"]) == pytest.approx(expected, abs=1e-4) for row in rows)
    with Image.open(tmp_path / "regions_picture.png") as picture:
        red = (np.asarray(picture.convert("RGB")) == (0xD5, 0x5E, 0x00)).all(-1)
    assert red.sum() > 100  # outline and line of the first region


def test_a_clip_that_is_not_there_gives_way_to_the_liveliest(tmp_path: Path) -> None:
    run(tmp_path, GateRegions(clip="elsewhere"))
    rows = read_rows(tmp_path / "regions_sheet.png", REGION_COLUMNS)
    assert {row["region"] for row in rows} == {"moving", "resting"}
    assert {row["clip"] for row in rows} < {"a", "b"}


def test_regions_that_move_most_and_least_are_found() -> None:
    flow = np.zeros((3, 2, 16, 24), np.float16)
    flow[1:, 0, 4:8, 12:18] = 5
    flow[:, 1] += 0.1
    flow[:, 1, 12:, :6] = 0
    boxes = found_boxes(flow)
    assert boxes["moving"] == (12 / 24, 4 / 16, 18 / 24, 8 / 16)
    assert boxes["resting"] == (0, 12 / 16, 6 / 24, 1)
    assert window(boxes["moving"], (48, 96), "it") == (slice(12, 24), slice(48, 72))
    with pytest.raises(InputError, match=r"'it': .* covers no pixel of 4x4"):
        window((0.0, 0.0, 0.1, 1.0), (4, 4), "it")


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0.6, 1, 0.5), (0, 0, 1.2, 1)])
def test_what_is_no_box_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="is no box"):
        GateRegions.model_validate({"clip": "a", "boxes": {"it": box}})


def test_a_network_without_gate_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no gate; name one with fusion: gated"):
        run(tmp_path, fusion="conv")
