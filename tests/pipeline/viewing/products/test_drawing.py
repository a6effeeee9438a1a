"""Maps in colours, and laid over frames."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib import colormaps

from pipeline.runtime.errors import InputError
from pipeline.viewing.products.colours import COLORMAPS, heat, levels, table, top
from pipeline.viewing.products.drawing import map_of, overlay, picture_of


def photograph(height: int = 72, width: int = 128) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def blob(height: int = 18, width: int = 32, scale: float = 1.0) -> np.ndarray:
    """A map whose peak, of the value `scale`, lies on (4, 8)."""
    y, x = np.mgrid[:height, :width]
    return (scale * np.exp(-((y - 4) ** 2 + (x - 8) ** 2) / 8)).astype(np.float32)


def plainly(frame: np.ndarray, found: np.ndarray, strength: float, colormap: str) -> np.ndarray:
    """An overlay in floating point, given the map's levels on the frame's grid."""
    opacity = strength * found[..., None] / 255
    return frame * (1 - opacity) + table(colormap)[found] * opacity


@pytest.mark.parametrize("name", COLORMAPS)
def test_colours_are_those_of_matplotlib(name: str) -> None:
    exact = colormaps[COLORMAPS[name]](np.linspace(0, 1, 256))[:, :3]
    assert np.abs(table(name) / 255 - exact).max() <= 1 / 255
    values = np.linspace(0, 1, 256, dtype=np.float32)[None]
    assert np.array_equal(heat(values, name)[0], table(name))


def test_a_colour_map_that_is_not_known_is_named_with_the_one_that_may_be_meant() -> None:
    with pytest.raises(InputError, match=r"'infermo': known are .*did you mean inferno\?"):
        heat(blob(), "infermo")
    with pytest.raises(ValueError, match="read-only"):
        table("inferno")[0] = 1


def test_colours_are_imported_without_matplotlib() -> None:
    module = "pipeline.viewing.products.drawing"
    code = f"import sys, {module}; print({{'matplotlib', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e30])
def test_the_scale_of_a_map_does_not_matter(scale: float) -> None:
    assert np.abs(levels(blob(scale=scale)).astype(int) - levels(blob())).max() <= 1
    assert levels(blob(scale=scale))[4, 8] == 255


def test_what_lies_above_a_given_peak_is_drawn_like_it() -> None:
    found = levels(blob(scale=3.0), peak=1.5)
    assert found[4, 8] == 255
    assert np.array_equal(found == 255, blob(scale=3.0) >= 1.5 * 254.5 / 255)


@pytest.mark.parametrize("value", [0.0, 1.0, 7.0])
def test_a_map_of_one_value_shows_nothing(value: float) -> None:
    flat = np.full((18, 32), value, np.float32)
    assert top(flat) == 0
    assert np.array_equal(overlay(photograph(), flat), photograph())
    assert np.array_equal(
        heat(flat, "jet", peak=1.0), np.broadcast_to(table("jet")[0], (18, 32, 3))
    )


@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
@pytest.mark.parametrize("colormap", ["inferno", "jet"])
def test_an_overlay_is_within_rounding_of_floating_point(strength: float, colormap: str) -> None:
    drawn = overlay(photograph(), blob(), strength, colormap)
    exact = plainly(photograph(), levels(blob(), (72, 128)), strength, colormap)
    # Weight, kept frame and added colour are rounded to a level each.
    assert np.abs(drawn - exact).max() <= 2


def test_what_nobody_looks_at_stays_as_it_is() -> None:
    values = blob()
    values[:, 16:] = 0
    drawn = overlay(photograph(), values, 1.0)
    assert np.array_equal(drawn[:, 17 * 4 :], photograph()[:, 17 * 4 :])
    assert not np.array_equal(drawn[:, : 16 * 4], photograph()[:, : 16 * 4])


def test_the_peak_stands_where_the_map_has_it() -> None:
    """Centres of pixels, not corners, lie above each other: 4 of 18 rows is 18 of 72."""
    found = heat(blob(), "grey", size=(72, 128))[..., 0].astype(float)
    y, x = (np.average(where, weights=found**4) for where in np.mgrid[:72, :128])
    assert (y, x) == pytest.approx((4.5 * 4 - 0.5, 8.5 * 4 - 0.5), abs=0.1)


def test_a_map_finer_than_its_frame_is_averaged() -> None:
    fine = np.zeros((64, 64), np.float32)
    fine[1::4, 1::4] = 1
    assert np.array_equal(np.unique(levels(fine, (16, 16))), [16])  # a sixteenth of 255, rounded


def test_arrays_and_tensors_of_any_order_give_the_same_overlay() -> None:
    frame, values = photograph(), blob()
    exact = overlay(frame, values)
    channels_first = torch.from_numpy(frame).permute(2, 0, 1)
    tensor = torch.from_numpy(values)[None, None].requires_grad_()
    for same in (frame / 255, channels_first, channels_first / 255, np.moveaxis(frame, -1, 0)):
        assert np.array_equal(overlay(same, tensor), exact)
    assert exact.dtype == np.uint8
    half = overlay(channels_first / 255, tensor.bfloat16())
    assert np.abs(half.astype(int) - exact).max() <= 3


def test_grey_frames_are_taken() -> None:
    grey = photograph()[..., 0]
    exact = overlay(np.stack([grey] * 3, -1), blob())
    for same in (grey, grey[..., None], grey[None], torch.from_numpy(grey) / 255):
        assert np.array_equal(overlay(same, blob()), exact)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), r"expected one frame .* found shape \[2, 8, 8, 3\]"),
        (np.zeros((8, 8, 4), np.uint8), r"found shape \[8, 8, 4\]"),
        (np.zeros((0, 8, 3), np.uint8), r"found shape \[0, 8, 3\]"),
        (np.full((8, 8, 3), 200.0), r"floats are 0\.\.1, found 200 to 200; divide"),
        (np.full((8, 8, 3), np.nan), r"floats are 0\.\.1"),
        (np.zeros((8, 8, 3), np.int64), "expected uint8 or floats of 0..1, found int64"),
    ],
)
def test_other_frames_are_refused_in_one_line(frame: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        picture_of(frame)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 8, 8)), r"expected one map \[y, x\], found shape \[2, 8, 8\]"),
        (np.zeros(8), r"found shape \[8\]"),
        (np.zeros((0, 8)), r"found shape \[0, 8\]"),
        (np.full((8, 8), -1.0), "finite values >= 0"),
        (np.full((8, 8), np.nan), "finite values >= 0"),
        (np.full((8, 8), np.inf), "finite values >= 0"),
    ],
)
def test_other_maps_are_refused_in_one_line(values: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_of(values)


@pytest.mark.parametrize("strength", [0.0, -0.5, 1.5, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="give a number above 0 and at most 1"):
        overlay(photograph(), blob(), strength)
