"""Itti: the odd one out is found, N(.) does what its section says, any frame is fit."""

from __future__ import annotations

import math

import pytest
import torch

from model.classical.gaussian import blurred, pyramid
from model.classical.paper.colour import opponents
from model.classical.paper.gabor import filters, orientations
from model.classical.paper.itti import Itti, faded, is_peak, promoted
from model.classical.resize import resized

ODD = (1, 3)
"""Row and column of the odd item."""
STEP = 32
"""Pixels from item to item."""


@pytest.fixture(scope="module")
def network() -> Itti:
    return Itti(
        longer_side=640,
        centres=[2, 3, 4],
        deltas=[3, 4],
        dark=0.1,
        wavelength=7.0,
        sigma=2.333,
        border=0.05,
    )


def bars(*, angle: float = 0.0, hue: tuple[float, float, float] | None = None) -> torch.Tensor:
    """4x6 red bars of one direction on grey, one turned or of another hue: [1, 3, H, W]."""
    frame = torch.full((1, 3, 4 * STEP, 6 * STEP), 0.5)
    offset = torch.arange(STEP) - (STEP - 1) / 2
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    for row in range(4):
        for column in range(6):
            odd = (row, column) == ODD
            turn = math.radians(angle) if odd else 0.0
            along = x * math.cos(turn) - y * math.sin(turn)
            across = x * math.sin(turn) + y * math.cos(turn)
            inside = (along.abs() < 9) & (across.abs() < 3)
            colour = torch.tensor(hue if odd and hue else (0.8, 0.2, 0.2))
            tile = frame[0, :, row * STEP :, column * STEP :][:, :STEP, :STEP]
            tile[:, inside] = colour[:, None]
    return frame


def found(saliency: torch.Tensor) -> tuple[int, int]:
    """Row and column of the item at the maximum."""
    y, x = divmod(int(saliency[0, 0].argmax()), saliency.shape[-1])
    return y // STEP, x // STEP


@pytest.mark.parametrize("hue", [(0.5, 0.5, 0.2), (0.2, 0.2, 0.8)])
def test_the_odd_colour_is_found(network: Itti, hue: tuple[float, float, float]) -> None:
    assert found(network(bars(hue=hue), None).saliency) == ODD


@pytest.mark.parametrize("angle", [45.0, 90.0, 135.0])
def test_the_odd_orientation_is_found(network: Itti, angle: float) -> None:
    assert found(network(bars(angle=angle), None).saliency) == ODD


def test_one_peak_is_promoted_over_many_equal_ones() -> None:
    maps = torch.zeros(1, 3, 20, 20)
    maps[0, 0, 5, 5] = 0.3
    maps[0, 1, ::4, ::4] = 7.0
    maps[0, 2, ::4, ::4] = 0.5
    maps[0, 2, 8, 8] = 1.0
    one, many, some = promoted(maps)[0].amax(dim=(1, 2))
    assert one == 1
    assert many == pytest.approx(0, abs=1e-6)
    assert some == pytest.approx(0.25)


def test_a_plateau_is_one_peak() -> None:
    maps = torch.zeros(1, 1, 8, 8)
    maps[0, 0, 2:4, 2:4] = 1
    maps[0, 0, 6, 6] = 0.5
    found_peaks = is_peak(maps) & (maps > 0)
    assert found_peaks.sum() == 2
    assert promoted(maps).max() == pytest.approx(0.25)


def test_hue_is_freed_of_intensity_and_absent_in_the_dark() -> None:
    colours = torch.tensor([[0.9, 0.1, 0.2], [0.45, 0.05, 0.1], [0.03, 0.0, 0.0], [0.4, 0.4, 0.0]])
    red_green, blue_yellow = opponents(colours.T[None, :, None, :], 0.1)[0, :, 0]
    assert red_green[0] == pytest.approx(float(red_green[1]), rel=1e-5)
    assert red_green[0] > 1
    assert (red_green[2], blue_yellow[2]) == (0, 0)
    # Yellow, r = g = 3/2 and b = 0, by the paper's formulas: Y = 3/2, B = 0, R = G = 3/4.
    assert red_green[3] == pytest.approx(0, abs=1e-6)
    assert blue_yellow[3] == pytest.approx(-1.5)


@pytest.mark.parametrize(("angle", "answer"), [(0, 0), (45, 1), (90, 2), (135, 3)])
def test_lines_excite_the_filter_of_their_angle(angle: int, answer: int) -> None:
    offset = torch.arange(41) - 20.0
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    turn = math.radians(angle)
    light = 0.5 + 0.5 * torch.cos((x * math.sin(turn) + y * math.cos(turn)) * 2 * math.pi / 7)
    middle = orientations(light[None, None], filters(7.0, 2.333))[0, :, 20, 20]
    assert middle.argmax() == answer
    assert middle[answer] > 3 * middle.sort().values[-2]


def test_levels_stay_where_they_are() -> None:
    """The middle of a spot is the same on every level that is brought back."""
    spot = blurred(torch.nn.functional.pad(torch.ones(1, 1, 1, 1), (40, 87, 70, 57)), 8.0)
    place = torch.arange(128.0)
    for level in pyramid(spot, 5):
        large = resized(level, (128, 128))[0, 0]
        assert float((large.sum(0) * place).sum() / large.sum()) == pytest.approx(40, abs=0.6)
        assert float((large.sum(1) * place).sum() / large.sum()) == pytest.approx(70, abs=0.6)


@pytest.mark.parametrize("level", [0.0, 0.37, 1.0])
def test_an_even_frame_gives_an_even_map(network: Itti, level: float) -> None:
    saliency = network(torch.full((2, 3, 50, 70), level), None).saliency
    assert torch.equal(saliency, torch.zeros(2, 1, 50, 70))


@pytest.mark.parametrize("size", [(32, 32), (45, 97), (32, 300)])
def test_any_size_is_fit(network: Itti, size: tuple[int, int]) -> None:
    frame = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    saliency = network(frame, None).saliency
    assert saliency.shape == (2, 1, *size)
    assert saliency.isfinite().all() and saliency.min() >= 0 and saliency.std() > 0
    alone = network(frame[1:], None).saliency
    torch.testing.assert_close(saliency[1:], alone)


def test_differences_fade_towards_the_border() -> None:
    faded_map = faded(torch.ones(1, 1, 20, 40), 0.05)[0, 0]
    assert faded_map[10, 20] == 1
    torch.testing.assert_close(faded_map[10, :3], torch.tensor([1 / 3, 2 / 3, 1.0]))
    torch.testing.assert_close(faded_map, faded_map.flip(0, 1))
