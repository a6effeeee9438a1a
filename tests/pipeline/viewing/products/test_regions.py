"""Regions: each cell of a map counts with the share of it that lies inside."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.runtime.errors import InputError
from pipeline.viewing.products.regions import Region, Regions, read_regions


def read(tmp_path: Path, content: object, **changes: Any) -> Regions:
    path = tmp_path / "regions.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_regions(path, **{"width": 200, "height": 100, "seconds": 10.0} | changes)


def test_a_rectangle_counts_cells_by_the_share_that_lies_inside() -> None:
    region = Region("r", ((0.125, 0.25), (0.625, 0.25), (0.625, 0.75), (0.125, 0.75)))
    half = np.array([0.5, 1, 0.5, 0])
    assert np.allclose(region.weights(2, 4), [half / 2, half / 2], atol=1e-12)
    assert np.allclose(region.weights(3, 4), [half / 4, half, half / 4], atol=1e-12)


def test_a_triangle_halves_the_cells_on_its_diagonal() -> None:
    region = Region("r", ((0, 0), (1, 0), (0, 1)))
    assert np.allclose(region.weights(3, 3), [[1, 1, 0.5], [1, 0.5, 0], [0.5, 0, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("corners", "area"),
    [
        (((0.013, 0.2), (0.731, 0.117), (0.9, 0.93), (0.4, 0.5)), None),  # concave
        (tuple((0.5 + 0.3 * math.cos(t), 0.5 + 0.3 * math.sin(t)) for t in range(6)), None),
        (((0.1, 0.1), (0.6, 0.1), (0.6, 0.1004), (0.1, 0.1004)), 0.0002),  # thinner than a row
        (((0, 0), (1, 0), (1, 1), (0, 1)), 1.0),
    ],
)
@pytest.mark.parametrize("grid", [(36, 64), (192, 256), (5, 3)])
def test_its_share_of_a_uniform_map_is_its_area(
    corners: tuple[tuple[float, float], ...], area: float | None, grid: tuple[int, int]
) -> None:
    if area is None:  # in order around the middle
        middle = np.mean(corners, axis=0)
        order = sorted(corners, key=lambda p: math.atan2(p[1] - middle[1], p[0] - middle[0]))
        corners = tuple(order)
    region = Region("r", corners)
    weights = region.weights(*grid)
    assert weights.mean() == pytest.approx(region.area, abs=1e-9)
    assert region.area == pytest.approx(area or region.area)
    assert weights.min() >= 0 and weights.max() <= 1 + 1e-12


def test_a_cell_that_a_side_crosses_is_nearly_exact() -> None:
    corners = ((0.11, 0.07), (0.93, 0.41), (0.37, 0.89))
    found = Region("r", corners).weights(9, 16)
    y, x = (np.mgrid[:576, :1024] + 0.5) / np.array([576, 1024])[:, None, None]
    inside = np.ones(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        inside &= (bx - ax) * (y - ay) >= (by - ay) * (x - ax)
    expected = inside.reshape(9, 64, 16, 64).mean(axis=(1, 3))
    assert np.abs(found - expected).max() < 0.01


def test_pixels_shares_times_and_the_order_of_names(tmp_path: Path) -> None:
    pixels = read(
        tmp_path,
        {
            "unit": "pixels",
            "regions": {
                "z": {"rectangle": [50, 25, 150, 100], "from": 2, "until": 5.5},
                "a": {"polygon": [[0, 0], [200, 0], [0, 100]]},
            },
        },
    )
    assert [region.name for region in pixels] == ["a", "z"]
    assert pixels[1].corners == ((0.25, 0.25), (0.75, 0.25), (0.75, 1), (0.25, 1))
    assert [pixels[1].shown(t) for t in (0, 2, 5.4, 5.5)] == [False, True, True, False]
    assert pixels.weights(2, 3).shape == (2, 2, 3) and Regions().weights(2, 3).shape == (0, 2, 3)
    shares = read(tmp_path, {"regions": {"a": {"polygon": [[0, 0], [1, 0], [0, 1]]}}})
    assert shares[0] == pixels[0]


BOX = {"rectangle": [0.1, 0.1, 0.2, 0.2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"regions": ', "line 1, column 13: no JSON"),
        ('{"regions": {"a": {}, "a": {}}}', "'a' is there twice"),
        ("[" * 100_000, "brackets within brackets"),
        ([], "the file: "),
        ({"regions": {}}, "regions: "),
        ({"region": {"a": BOX}}, "regions: missing; .* is expected"),
        ([], "the file: no regions; .* is expected"),
        ({"regions": {}}, "regions: no regions; .* is expected"),
        ({"regions": {"a": BOX}, "units": "shares"}, "units: not known.*did you mean unit"),
        ({"regions": {"a": BOX}, "unit": "cm"}, "unit: input should be 'shares' or 'pixels'"),
        ({"regions": {"a": {**BOX, "form": 2}}}, "regions.a.form: not known.*did you mean from"),
        ({"regions": {"a": {"rectangle": [0, 0, 1]}}}, "regions.a.rectangle.*number is missing"),
        ({"regions": {"a": {"rectangle": [0, 0, 1, "1"]}}}, "rectangle.3: input should be a valid"),
        ({"regions": {"a": {"rectangle": [0, 0, 1, True]}}}, "rectangle.3: input should be a va"),
        ('{"regions": {"a": {"rectangle": [0, 0, 1, NaN]}}}', "rectangle.3: "),
        ({"regions": {"a": {"polygon": [[0, 0], [1, 1]]}}}, "three corners or more"),
        ({"regions": {"a": {"polygon": [[0, 0], [1, 1], [0.5, 0.5]]}}}, "'a': its corners lie on"),
        ({"regions": {"a": {}}}, "'a': either a rectangle or a polygon"),
        ({"regions": {"a": {**BOX, "polygon": [[0, 0], [1, 0], [0, 1]]}}}, "'a': either a rect"),
        ({"regions": {"a": {"rectangle": [0.5, 0.1, 0.2, 0.2]}}}, "is empty: left, top, right"),
        ({"regions": {"a": {"rectangle": [0, 0, 50, 50]}}}, r"\(50, 0\).*\"pixels\" missing\?"),
        (
            {"unit": "pixels", "regions": {"a": {"rectangle": [0, 0, 201, 50]}}},
            r"\(201, 0\) lies outside the frame of 200 x 100 pixels",
        ),
        ({"regions": {"a": {**BOX, "from": -1}}}, "regions.a.from: "),
        ({"regions": {"a": {**BOX, "from": 3, "until": 3}}}, r"gone \(until 3\) before"),
        ({"regions": {"a": {**BOX, "from": 10}}}, "comes at 10 s, but the film has 10 s"),
        ({"regions": {" ": BOX}}, "1 to 64 characters"),
        ({"regions": {"x" * 65: BOX}}, "1 to 64 characters"),
    ],
)
def test_what_is_no_region_is_named(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "regions.json"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"regions\.json: cannot be read"):
        read_regions(tmp_path / "regions.json", width=2, height=2, seconds=1)
