from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.flow.encoding import ENCODINGS, colorwheel, uvm, wheel


def uniform(u: float, v: float) -> Tensor:
    return torch.tensor([u, v], dtype=torch.float64)[None, :, None, None].expand(1, 2, 2, 3)


def pixel(image: Tensor) -> list[float]:
    assert image.shape == (1, 3, 2, 3)
    return [round(value, 9) for value in image[0, :, 0, 0].tolist()]


def test_wheel_has_the_published_hues() -> None:
    hues = [[round(255 * value) for value in hue] for hue in wheel()]
    assert len(hues) == 15 + 6 + 4 + 11 + 13 + 6
    starts = {0: [255, 0, 0], 15: [255, 255, 0], 21: [0, 255, 0], 25: [0, 255, 255]}
    starts |= {36: [0, 0, 255], 49: [255, 0, 255], 54: [255, 0, 255 - 255 * 5 // 6]}
    assert {index: hues[index] for index in starts} == starts
    assert hues[1] == [255, 17, 0]
    assert hues[16] == [255 - 255 // 6, 255, 0]


def test_no_motion_is_white() -> None:
    assert pixel(colorwheel(uniform(0, 0), scale=20)) == [1, 1, 1]


def test_rightward_motion_is_red() -> None:
    assert pixel(colorwheel(uniform(20, 0), scale=20)) == [1, 0, 0]
    assert pixel(colorwheel(uniform(5, 0), scale=20)) == [1, 0.75, 0.75]


def test_leftward_motion_is_halfway_round() -> None:
    # Angle 0 lies at position 27 of 54: two steps of eleven from cyan to blue.
    green = (255 - 255 * 2 // 11) / 255
    assert pixel(colorwheel(uniform(-20, 0), scale=20)) == [0, round(green, 9), 1]


@pytest.mark.parametrize(("u", "v"), [(3, 4), (-3, 4), (3, -4), (-3, -4), (0, 7), (0, -7), (15, 2)])
def test_colours_follow_the_published_loop(u: float, v: float) -> None:
    scale, hues = 10.0, wheel()
    speed = math.hypot(u, v) / scale
    position = (math.atan2(-v, -u) / math.pi + 1) / 2 * 54
    below = int(position)
    expected = []
    for channel in range(3):
        first, second = hues[below][channel], hues[(below + 1) % 55][channel]
        hue = first + (position - below) * (second - first)
        expected.append(round(1 - speed * (1 - hue) if speed <= 1 else 0.75 * hue, 9))
    assert pixel(colorwheel(uniform(u, v), scale=scale)) == expected


def test_faster_than_scale_is_darkened() -> None:
    assert pixel(colorwheel(uniform(21, 0), scale=20)) == [0.75, 0, 0]


def test_uvm_stacks_both_components_and_the_magnitude() -> None:
    assert pixel(uvm(uniform(0, 0), scale=10)) == [0.5, 0.5, 0]
    assert pixel(uvm(uniform(3, -4), scale=10)) == [0.65, 0.3, 0.5]
    assert pixel(uvm(uniform(30, -40), scale=10)) == [1, 0, 1]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_images_stay_in_range(encoding: str) -> None:
    flow = 30 * torch.randn(2, 2, 16, 24, generator=torch.Generator().manual_seed(0))
    image = ENCODINGS[encoding](flow, scale=20)
    assert image.shape == (2, 3, 16, 24)
    assert image.dtype == flow.dtype
    assert 0 <= image.min() <= image.max() <= 1
