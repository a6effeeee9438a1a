from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch import Tensor

from model.classical.paper.fang import (
    Fang,
    binary_entropy,
    dct_basis,
    distance_from_centre,
    nearness,
    perceived_contrast,
    surround_contrast,
    unit_range,
)

H, W, CELL = 96, 128, 16


def fang(*, motion: bool = True, width: int = 128) -> Fang:
    return Fang(
        motion=motion,
        width=width,
        block=8,
        coefficients=9,
        sigma=20.0,
        proximity=0.26,
        continuity=4.0,
        salient=2.0,
        speed=1.0,
        contrast_gain=2.5,
        contrast_offset=2.25,
    )


def grid(odd: tuple[int, int] | None = None) -> Tensor:
    """Grey squares in cells of 16 px; one is red."""
    frame = torch.full((1, 3, H, W), 0.3)
    for row, column in itertools.product(range(H // CELL), range(W // CELL)):
        y, x = row * CELL + 4, column * CELL + 4
        shade = torch.tensor((0.8, 0.4, 0.4) if (row, column) == odd else (0.6, 0.6, 0.6))
        frame[0, :, y : y + 8, x : x + 8] = shade[:, None, None]
    return frame


def cell_of_maximum(saliency: Tensor) -> tuple[int, int]:
    y, x = divmod(int(saliency[0, 0].argmax()), saliency.shape[-1])
    return y // CELL, x // CELL


def test_basis_is_the_dct_in_zigzag_order() -> None:
    block = np.random.default_rng(0).standard_normal((8, 8))
    found = torch.einsum("kyx,yx->k", dct_basis(8, 10), torch.from_numpy(block).float())
    whole = dctn(block, norm="ortho")
    zigzag = [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]
    np.testing.assert_allclose(found.numpy(), [whole[cell] for cell in zigzag], atol=1e-5)
    with pytest.raises(ValueError, match="4 coefficients, not 5"):
        dct_basis(2, 5)


@pytest.mark.parametrize("channels", [1, 2])
def test_contrast_by_hand(channels: int) -> None:
    features = torch.rand(1, channels, 2, 3, generator=torch.Generator().manual_seed(0))
    found = surround_contrast(features, nearness(features, 1.5))
    places = list(itertools.product(range(2), range(3)))
    weight = {
        (a, b): math.exp(-(math.dist(a, b) ** 2) / (2 * 1.5**2))
        for a, b in itertools.permutations(places, 2)
    }
    largest = max(sum(w for (a, _), w in weight.items() if a == here) for here in places)
    for y, x in places:
        sums = sum(
            w * math.dist(features[0, :, y, x].tolist(), features[0, :, b[0], b[1]].tolist())
            for (a, b), w in weight.items()
            if a == (y, x)
        )
        assert found[0, 0, y, x].item() == pytest.approx(sums / largest, rel=1e-5)


def test_entropy_of_a_yes_or_no() -> None:
    found = binary_entropy(torch.tensor([0.0, 0.25, 0.5, 1.0]))
    expected = [0, -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)), 1, 0]
    assert found.tolist() == pytest.approx(expected)


def test_distance_is_from_the_centre_of_mass_in_widths() -> None:
    saliency = torch.zeros(2, 1, 4, 8)
    saliency[0, 0, 1, 6] = 1
    found = distance_from_centre(saliency)
    assert found[0, 0, 1, 6] == pytest.approx(0, abs=1e-5)
    assert found[0, 0, 1, 2] == pytest.approx(0.5, abs=1e-5)
    assert found[1, 0, 0, 0] == pytest.approx(math.hypot(1.5, 3.5) / 8)


def test_proximity_and_continuity_make_certain() -> None:
    """A block in the middle of a salient patch is certain; a stray one away from it is not."""
    saliency = torch.zeros(1, 1, 12, 16)
    saliency[..., 2:7, 4:9] = 1
    saliency[..., 4, 12] = 1
    doubt = fang().spatial_uncertainty(saliency)
    assert doubt[0, 0, 4, 6] < 0.3 < doubt[0, 0, 4, 12]
    assert doubt.min() >= 0 and doubt.max() <= 2


def test_uncertain_motion_where_contrast_is_low_or_the_background_moves() -> None:
    frame = torch.full((1, 3, H, W), 0.5)
    frame[..., : W // 2] += 0.2 * (torch.arange(W // 2) % 2)
    network = fang()
    rest = network.temporal_uncertainty(torch.zeros(1, 1, 1, 1), frame)
    assert rest[0, 0, 3, 2] < 0.5 * rest[0, 0, 3, 12]
    fast = network.temporal_uncertainty(torch.full((1, 1, 1, 1), 5.0), frame)
    assert (fast >= rest).all() and fast[0, 0, 3, 2] > rest[0, 0, 3, 2]
    contrast = perceived_contrast(frame[:, :1], 8)
    assert contrast[0, 0, 3, 12] == pytest.approx(0.01) and contrast[0, 0, 3, 2] > 0.9


@pytest.mark.parametrize("odd", [(1, 6), (4, 2)])
def test_the_odd_colour_stands_out(odd: tuple[int, int]) -> None:
    for motion in (True, False):
        saliency = fang(motion=motion)(grid(odd), torch.zeros(1, 2, H, W)).saliency
        assert cell_of_maximum(saliency) == odd


@pytest.mark.parametrize("odd", [(1, 6), (4, 2), (2, 0)])
def test_the_odd_orientation_stands_out(odd: tuple[int, int]) -> None:
    frame = torch.full((1, 3, H, W), 0.3)
    for row, column in itertools.product(range(H // CELL), range(W // CELL)):
        y, x = row * CELL + 8, column * CELL + 8
        tall, wide = (1, 5) if (row, column) == odd else (5, 1)
        frame[0, :, y - tall : y + tall + 1, x - wide : x + wide + 1] = 0.8
    assert cell_of_maximum(fang(motion=False)(frame, None).saliency) == odd


@pytest.mark.parametrize("background", [(0.0, 0.0), (3.0, -2.0)])
def test_what_moves_otherwise_stands_out_to_the_moving_version_alone(
    background: tuple[float, float],
) -> None:
    frame, flow = grid(), torch.tensor(background).view(1, 2, 1, 1).repeat(1, 1, H, W)
    y, x = 3 * CELL, 5 * CELL
    flow[:, 0, y : y + CELL, x : x + CELL] += 4
    assert cell_of_maximum(fang()(frame, flow).saliency) == (3, 5)
    still = fang(motion=False)
    assert (fang().sees_motion, still.sees_motion) == (True, False)
    assert cell_of_maximum(still(frame, flow).saliency) != (3, 5)


def test_fusion_weighs_each_map_by_the_doubt_about_the_other() -> None:
    network, frame = fang(), grid((1, 6))
    spatial = network.spatial(frame)
    vectors = torch.zeros(1, 2, *spatial.shape[-2:])
    vectors[0, 0, 8, 3] = 6
    temporal, background = network.temporal(vectors)
    u_s = network.spatial_uncertainty(spatial)
    u_t = network.temporal_uncertainty(background, frame)
    assert (temporal[0, 0] == 1).nonzero().tolist() == [[8, 3]]
    expected = (u_t * spatial + u_s * temporal) / (u_s + u_t)
    torch.testing.assert_close(network.fused(spatial, vectors, frame), expected)


def test_where_all_moves_alike_the_map_is_the_spatial_one() -> None:
    frame = grid((1, 6))
    expected = fang(motion=False)(frame, None).saliency
    for flow in (None, torch.zeros(1, 2, H, W), torch.full((1, 2, H, W), 3.0)):
        torch.testing.assert_close(fang()(frame, flow).saliency, expected)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("speed", [0.0, 2.0])
def test_constant_frames_have_constant_maps(level: float, speed: float) -> None:
    frame = torch.full((2, 3, 45, 77), level) * torch.tensor([1.0, 0.6, 0.3]).view(1, 3, 1, 1)
    saliency = fang()(frame, torch.full((2, 2, 45, 77), speed)).saliency
    assert torch.isfinite(saliency).all()
    torch.testing.assert_close(saliency, saliency[:, :, :1, :1].expand_as(saliency))


def test_unit_range_makes_no_pattern_of_rounding_errors() -> None:
    maps = torch.tensor([[1.0, 1.0 + 1e-6], [2.0, 4.0]]).view(2, 1, 1, 2)
    assert unit_range(maps).flatten().tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("size", [(32, 32), (33, 100), (120, 47)])
def test_any_size_and_batches(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(2, 3, *size, generator=generator)
    flow = torch.randn(2, 2, *size, generator=generator)
    saliency = fang()(frames, flow).saliency
    assert saliency.shape == (2, 1, *size)
    assert torch.isfinite(saliency).all() and saliency.min() >= 0
    torch.testing.assert_close(saliency[1:], fang()(frames[1:], flow[1:]).saliency)


def test_nothing_is_stored_and_widths_are_whole_blocks() -> None:
    assert not fang().state_dict()
    with pytest.raises(ValueError, match="multiple of block, 8, got"):
        fang(width=100)
