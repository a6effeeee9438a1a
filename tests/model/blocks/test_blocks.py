from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from model.blocks.channel_attention import ChannelAttention
from model.blocks.deconvolution import deconvolution, window
from model.blocks.fusion import ConvFusion, GatedFusion
from model.blocks.multi_level import LevelFusion, MultiLevelInformation
from model.blocks.spatial_attention import SpatialAttention


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 4), (4, 2), (3, 1), (8, 4)])
def test_deconvolution_enlarges_exactly(kernel: int, stride: int) -> None:
    layer = deconvolution(2, 5, kernel=kernel, stride=stride)
    assert layer(torch.rand(1, 2, 3, 4)).shape == (1, 5, 3 * stride, 4 * stride)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 4), (4, 2), (8, 4), (6, 2)])
def test_deconvolution_starts_without_the_grid_of_its_stride(kernel: int, stride: int) -> None:
    layer, plain = deconvolution(3, 2, kernel=kernel, stride=stride), torch.nn.ConvTranspose2d
    flat = torch.full((1, 3, 8, 8), 2.0)
    inner = layer(flat)[:, :, stride:-stride, stride:-stride]
    expected = 2 * layer.weight[:, :, 0, 0].sum(0) / window(kernel, stride)[0] ** 2 + layer.bias
    torch.testing.assert_close(inner, expected[None, :, None, None].expand_as(inner))
    spread = [
        torch.stack([make()(torch.rand(1, 3, 8, 8)).std() for _ in range(200)]).mean()
        for make in (
            lambda: deconvolution(3, 8, kernel=kernel, stride=stride),
            lambda: plain(3, 8, kernel, stride=stride),
        )
    ]
    assert 0.5 < spread[0] / spread[1] < 2


def test_windows_add_up_to_one() -> None:
    torch.testing.assert_close(window(4, 2), torch.tensor([1, 2, 2, 1]) / 3)
    torch.testing.assert_close(window(4, 4), torch.ones(4))
    for kernel, stride in ((8, 4), (6, 2), (9, 3)):
        taps, total = window(kernel, stride), torch.zeros(stride)
        for place in range(kernel):
            total[place % stride] += taps[place]
        torch.testing.assert_close(total, torch.ones(stride))


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (2, 4)])
def test_deconvolution_that_cannot_is_refused(kernel: int, stride: int) -> None:
    with pytest.raises(ValueError, match="must be even and not negative"):
        deconvolution(2, 5, kernel=kernel, stride=stride)


def test_spatial_attention_is_one_sigmoid_weight_a_location() -> None:
    block, features = SpatialAttention(3), torch.randn(2, 3, 4, 5)
    score = torch.einsum("c,bchw->bhw", block.conv.weight[0, :, 0, 0], features) + block.conv.bias
    expected = 1 / (1 + torch.exp(-score))[:, None]
    torch.testing.assert_close(block(features), expected)


def test_channel_attention_is_two_layers_on_the_mean() -> None:
    block, features = ChannelAttention(8, reduction=4, bias=1.0), torch.randn(2, 8, 4, 5)
    hidden = (features.mean(dim=(2, 3)) @ block.squeeze.weight.T + block.squeeze.bias).clamp_min(0)
    weights = (hidden @ block.excite.weight.T + block.excite.bias).clamp_min(0)
    assert hidden.shape == (2, 2)
    torch.testing.assert_close(block(features), torch.einsum("bchw,bc->bchw", features, weights))


def test_channel_attention_with_the_papers_shapes_starts_alive() -> None:
    block = ChannelAttention(96, reduction=4, bias=1.0)
    assert block.squeeze.out_features == 24
    alive = block(torch.rand(4, 96, 3, 3)).amax(dim=(2, 3)) > 0
    assert alive.float().mean() > 0.9


def test_level_fusion_is_upsample_concat_and_1x1_convolution() -> None:
    block, deep, shallow = LevelFusion(6, 3, 4), torch.randn(2, 6, 3, 4), torch.randn(2, 3, 6, 8)
    upsampled = interpolate(deep, size=(6, 8), mode="bilinear", align_corners=False)
    expected = block.conv(torch.cat([upsampled, shallow], dim=1))
    torch.testing.assert_close(block(deep, shallow), expected)


def test_multi_level_ends_at_the_first_levels_size() -> None:
    block = MultiLevelInformation((2, 3, 4, 5), (8, 7, 6))
    levels = [torch.randn(1, c, 24 >> i, 32 >> i) for i, c in enumerate((2, 3, 4, 5))]
    fused = block(*levels)
    assert fused.shape == (1, 6, 24, 32)
    third = block.to_third(levels[3], levels[2])
    torch.testing.assert_close(fused, block.to_first(block.to_second(third, levels[1]), levels[0]))


def test_gate_starts_at_one_half() -> None:
    maps = GatedFusion()(torch.rand(2, 1, 4, 5), 100 * torch.rand(2, 1, 4, 5))
    assert (maps.gate_appearance == 0.5).all()
    torch.testing.assert_close(maps.saliency, (maps.appearance + maps.motion) / 2)


def test_gated_fusion_follows_equations_1_to_3() -> None:
    block, appearance, motion = GatedFusion(), torch.rand(2, 1, 4, 5), torch.rand(2, 1, 4, 5)
    torch.nn.init.normal_(block.conv.weight)
    torch.nn.init.normal_(block.conv.bias)
    of_appearance, of_motion = block.conv.weight.flatten()
    gate = 1 / (1 + torch.exp(-(of_appearance * appearance + of_motion * motion + block.conv.bias)))
    maps = block(appearance, motion)
    torch.testing.assert_close(maps.gate_appearance, gate)
    torch.testing.assert_close(maps.gate_appearance + maps.gate_motion, torch.ones_like(gate))
    torch.testing.assert_close(maps.saliency, gate * appearance + (1 - gate) * motion)


def test_gate_learns_from_its_start() -> None:
    block = GatedFusion()
    block(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4)).saliency.sum().backward()
    assert block.conv.weight.grad.abs().min() > 0


def test_conv_fusion_is_a_fixed_weighting() -> None:
    block, appearance, motion = ConvFusion(), torch.rand(2, 1, 4, 5), torch.rand(2, 1, 4, 5)
    torch.testing.assert_close(block(appearance, motion).saliency, (appearance + motion) / 2)
    torch.nn.init.constant_(block.conv.weight, -1.0)
    maps = block(appearance, motion)
    assert (maps.saliency == 0).all()
    assert maps.gate_appearance is None
