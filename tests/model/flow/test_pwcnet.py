from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, grid_sample, interpolate, leaky_relu, pad

from model.flow import layers
from model.flow.loss import flow_loss
from model.flow.pwcnet import PWCNet, warp


def reference(weights: dict[str, Tensor], first: Tensor, second: Tensor) -> Tensor:
    """The released forward pass, BGR in, finest flow out, done the slow and obvious way."""

    def conv(name: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        weight, bias = weights[f"{name}.0.weight"], weights[f"{name}.0.bias"]
        return leaky_relu(conv2d(x, weight, bias, stride, dilation, dilation), 0.1)

    def up(name: str, x: Tensor) -> Tensor:
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return conv_transpose2d(x, weight, bias, stride=2, padding=1)

    def pyramid(x: Tensor) -> list[Tensor]:
        levels = [x]
        for level in range(1, 6):
            x = conv(f"conv{level}aa", conv(f"conv{level}a", levels[-1], stride=2))
            levels.append(conv(f"conv{level}b", x))
        levels.append(conv("conv6b", conv("conv6a", conv("conv6aa", levels[-1], stride=2))))
        return levels

    def warped(x: Tensor, flow: Tensor) -> Tensor:
        height, width = x.shape[2:]
        y, x_ = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        places = torch.stack([x_, y]).float() + flow
        places[:, 0] = 2 * places[:, 0] / max(width - 1, 1) - 1
        places[:, 1] = 2 * places[:, 1] / max(height - 1, 1) - 1
        grid = places.permute(0, 2, 3, 1)
        mask = grid_sample(torch.ones_like(x), grid, align_corners=True) >= 0.9999
        return grid_sample(x, grid, align_corners=True) * mask

    def costs(one: Tensor, two: Tensor) -> Tensor:
        height, width = one.shape[2:]
        two = pad(two, (4, 4, 4, 4))
        rows = range(9)
        shifted = [two[:, :, i : i + height, j : j + width] for i in rows for j in rows]
        return leaky_relu(torch.stack([(one * other).mean(1) for other in shifted], 1), 0.1)

    one, two = pyramid(first), pyramid(second)
    x = costs(one[6], two[6])
    for level in range(6, 1, -1):
        for index in range(5):
            x = torch.cat([conv(f"conv{level}_{index}", x), x], dim=1)
        name = f"predict_flow{level}"
        flow = conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
        if level == 2:
            break
        up_flow, up_feat = up(f"deconv{level}", flow), up(f"upfeat{level}", x)
        scale = {6: 0.625, 5: 1.25, 4: 2.5, 3: 5.0}[level]
        volume = costs(one[level - 1], warped(two[level - 1], up_flow * scale))
        x = torch.cat([volume, one[level - 1], up_flow, up_feat], dim=1)
    for index, dilation in enumerate((1, 2, 4, 8, 16, 1), start=1):
        x = conv(f"dc_conv{index}", x, dilation=dilation)
    return flow + conv2d(x, weights["dc_conv7.weight"], weights["dc_conv7.bias"], padding=1)


@pytest.fixture(scope="module")
def network(released: dict[str, Tensor]) -> PWCNet:
    """The default network with the random weights of ``released``."""
    network = PWCNet().eval()
    network.load_released(released)
    return network


def small(**settings: object) -> PWCNet:
    torch.manual_seed(0)
    arguments = {"channels": (8, 12, 16), "decoder": (16, 8), "context": (8,), **settings}
    return PWCNet(**arguments)  # type: ignore[arg-type]


def test_computes_what_the_released_code_computes(
    network: PWCNet, released: dict[str, Tensor]
) -> None:
    frames = torch.rand(2, 2, 3, 128, 192, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        flow = network(*frames)[-1]
        expected = reference(released, *frames.flip(2))
    assert expected.std() > 0.1
    torch.testing.assert_close(flow, expected, atol=1e-4, rtol=0)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_has_as_many_parameters_as_published(released: dict[str, Tensor]) -> None:
    with torch.device("meta"):
        assert parameters(PWCNet()) == 9_374_274
        assert parameters(PWCNet(dense=False)) == 4_705_064
    # The released module also declares deconv2, which its forward pass does not use.
    assert sum(weight.numel() for weight in released.values()) == 9_374_274 + 2 * 2 * 4 * 4 + 2


def test_flows_go_from_level_six_to_two() -> None:
    with torch.device("meta"):
        flows = PWCNet()(torch.rand(2, 3, 128, 192), torch.rand(2, 3, 128, 192))
    sizes = [(128 // 2**level, 192 // 2**level) for level in range(6, 1, -1)]
    assert [tuple(flow.shape) for flow in flows] == [(2, 2, *size) for size in sizes]


@pytest.mark.parametrize("settings", [{}, {"dense": False}, {"context": False}, {"context": True}])
def test_every_parameter_gets_a_gradient(settings: dict[str, object]) -> None:
    network = small(**settings)
    flow_loss(network(torch.rand(1, 3, 16, 24), torch.rand(1, 3, 16, 24)), grid(16, 24)).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def grid(height: int, width: int) -> Tensor:
    return torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(2))


def test_the_plain_decoder_sees_the_last_layer_alone() -> None:
    widths = [layer[0].in_channels for layer in small(dense=False).decoders[0].layers]  # type: ignore[union-attr,index]
    assert widths == [81, 16]
    widths = [layer[0].in_channels for layer in small(dense=True).decoders[0].layers]  # type: ignore[union-attr,index]
    assert widths == [81, 97]


def test_consecutive_pairs_share_the_pyramid() -> None:
    network = small()
    frames = torch.rand(4, 3, 21, 37)
    with torch.no_grad():
        shared = network.clip_flow(frames)
        apart = network.quarter_flow(frames[:-1], frames[1:])
        one = network.quarter_flow(frames[1:2], frames[2:3])
    assert shared.shape == (3, 2, 6, 10)
    torch.testing.assert_close(shared, apart)
    torch.testing.assert_close(shared[1:2], one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(16, 24), (15, 24), (17, 9), (1, 1), (30, 41)])
def test_quarter_flow_takes_any_size(height: int, width: int) -> None:
    network = small()
    first, second = torch.rand(2, 1, 3, height, width)
    with torch.no_grad():
        found = network.quarter_flow(first, second)
        fitted = (-(-height // 8) * 8, -(-width // 8) * 8)
        frames = [interpolate(frame, fitted, mode="bilinear") for frame in (first, second)]
        flow = 20 * network(*frames)[-1]
    expected = interpolate(flow, (-(-height // 4), -(-width // 4)), mode="bilinear")
    expected[:, 0] *= width / fitted[1]
    expected[:, 1] *= height / fitted[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("autocast", [False, True])
def test_quarter_flow_is_float32(autocast: bool) -> None:
    network = small()
    frames = torch.rand(2, 1, 3, 32, 40)
    with torch.no_grad():
        exact = network.quarter_flow(*frames)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            flow = network.quarter_flow(*frames)
    assert flow.dtype == torch.float32
    assert flow.shape == (1, 2, 8, 10)
    # Random weights: what bfloat16 rounds, and by how much, differs between processors (4 to 5 %).
    assert (flow - exact).norm() <= 0.1 * exact.norm()


def test_memory_format_of_the_frames_does_not_matter() -> None:
    network = small()
    frames = torch.rand(2, 1, 3, 16, 24)
    channels_last = [frame.contiguous(memory_format=torch.channels_last) for frame in frames]
    torch.testing.assert_close(network(*channels_last), network(*frames))


def test_refuses_frames_it_cannot_take() -> None:
    network = small()
    with pytest.raises(ValueError, match="multiples of 8 pixels, got 20x16; quarter_flow takes"):
        network(torch.rand(1, 3, 16, 20), torch.rand(1, 3, 16, 20))
    with pytest.raises(ValueError, match="two frames of one shape"):
        network.quarter_flow(torch.rand(1, 3, 16, 20), torch.rand(1, 3, 16, 24))
    with pytest.raises(ValueError, match="2 levels or more, got 1"):
        PWCNet(channels=(16,))
    with pytest.raises(ValueError, match="at most 6 widths, got 7"):
        PWCNet(context=(8,) * 7)


def ramp(height: int, width: int) -> Tensor:
    """[1, 1, H, W]: 100 y + x + 1, which is linear, so bilinear samples of it are exact."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return (100.0 * rows + columns + 1)[None, None]


def test_warp_fetches_from_where_the_flow_points() -> None:
    flow = torch.tensor([1.5, -2.0])[None, :, None, None].expand(1, 2, 6, 9)
    warped = warp(ramp(6, 9), flow)
    expected = torch.zeros(1, 1, 6, 9)
    expected[..., 2:, :7] = ramp(6, 9)[..., :4, :7] + 1.5
    torch.testing.assert_close(warped, expected)


def test_warp_is_zero_where_a_share_comes_from_outside() -> None:
    flow = torch.zeros(1, 2, 3, 5)
    flow[0, 0, 0] = torch.tensor([-0.00005, 0, 0, 0, 0.001])
    flow[0, 1, 1:] = torch.tensor([1000.0, float("inf"), float("nan"), -1.5, 0])
    warped = warp(torch.ones(1, 1, 3, 5), flow)[0, 0]
    torch.testing.assert_close(warped[0], torch.tensor([1.0, 1, 1, 1, 0]), atol=1e-4, rtol=0)
    assert warped[1].tolist() == [0, 0, 0, 0, 1]


def shifted_pairs(
    shifts: Sequence[tuple[int, int]], height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Blocks of random colours that move by a shift (right, down) each."""
    blocks = (torch.rand(len(shifts), 3, -(-height // 4), -(-width // 4)) > 0.5).float()
    # A contrast beyond [0, 1] makes costs differ more, which shortens the training.
    first = interpolate(6 * blocks - 3, scale_factor=4)[..., :height, :width]
    moves = zip(first, shifts, strict=True)
    second = torch.stack([image.roll((down, right), (1, 2)) for image, (right, down) in moves])
    truth = torch.tensor(shifts).float()[:, :, None, None].expand(-1, -1, height, width)
    return first, second, truth


def train(network: PWCNet, shifts: Sequence[tuple[int, int]], steps: int) -> list[float]:
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.05, steps)
    losses = []
    for _ in range(steps):
        drawn = [shifts[index] for index in torch.randint(len(shifts), (8,)).tolist()]
        first, second, truth = shifted_pairs(drawn, 32, 48)
        loss = flow_loss(network(first, second), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (61, 90)])
def test_learns_which_way_things_move(size: tuple[int, int], trained: PWCNet) -> None:
    torch.manual_seed(1)
    shifts = [(8, 0), (-8, 0), (0, 8), (0, -8)]
    first, second, _ = shifted_pairs(shifts, *size)
    with torch.no_grad():
        found = trained.quarter_flow(first, second).flatten(2).median(dim=2).values
    torch.testing.assert_close(found, torch.tensor(shifts).float(), atol=4, rtol=0)


@pytest.fixture(scope="module")
def trained() -> PWCNet:
    """A small network that saw blocks move right, left, down and up."""
    network = small(channels=(8, 16), decoder=(32, 16), context=(16,))
    losses = train(network, [(8, 0), (-8, 0), (0, 8), (0, -8)], 300)
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    return network.eval()


def test_learns_a_constant_shift_through_all_levels() -> None:
    network = small()
    train(network, [(6, -3)], 60)
    first, second, truth = shifted_pairs([(6, -3)], 64, 64)
    with torch.no_grad():
        flow = network.quarter_flow(first, second)
    torch.testing.assert_close(flow.mean(dim=(2, 3)), truth[:, :, 0, 0], atol=1, rtol=0)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_fused_convolution_is_that_of_its_two_layers(stride: int) -> None:
    torch.manual_seed(0)
    layer = layers.Convolution(5, 7, stride=stride, dilation=2 // stride)
    frames = torch.randn(2, 5, 12, 16).contiguous(memory_format=torch.channels_last)
    expected = layer(frames)
    assert expected.requires_grad
    with torch.inference_mode():
        torch.testing.assert_close(layer(frames), expected.detach(), atol=1e-6, rtol=1e-6)
        with torch.autocast("cpu", torch.bfloat16):
            half = layer(frames)
        assert half.dtype == torch.bfloat16
        # As near as any number of 8 bits can be to the sum of products of such numbers.
        torch.testing.assert_close(half.float(), expected.detach(), atol=0.03, rtol=0.02)
        double = layer.double()(frames.double())
    torch.testing.assert_close(double.float(), expected.detach(), atol=1e-5, rtol=1e-5)


def test_where_nothing_is_fused_the_flow_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = PWCNet(normalised=True).eval()
    frames = torch.rand(3, 3, 96, 128)
    with torch.inference_mode():
        fused = network.clip_flow(frames)
        monkeypatch.setattr(layers, "fuses", lambda _: False)
        torch.testing.assert_close(network.clip_flow(frames), fused, atol=1e-4, rtol=1e-4)
