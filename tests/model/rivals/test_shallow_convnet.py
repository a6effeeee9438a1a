"""Shallow ConvNet: sizes and numbers of the authors' program, its loss, and that it learns."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, linear

from model.registry import build
from model.rivals.shallow_convnet import OwnMaps, ShallowConvNet
from model.sight import see

SMALL = (32, 40)


def small(seed: int = 0, width: float = 1 / 8, blur: float = 0.0) -> ShallowConvNet:
    torch.manual_seed(seed)
    return ShallowConvNet(size=SMALL, width=width, blur=blur).eval()


def frames(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 24, 32, generator=torch.Generator().manual_seed(1))


def test_parameters_are_the_papers() -> None:
    with torch.device("meta"):
        network = build("shallow_convnet", size=(96, 96), width=1.0, blur=0.0)
        own = network(torch.empty(1, 3, 480, 640), None).own
    assert sum(p.numel() for p in network.parameters()) == 34_864_384
    assert network.core.hidden.in_features == 64 * 10 * 10
    assert own.shape == (1, 1, 48, 48)


def test_by_hand() -> None:
    network, picture = small(), torch.rand(2, 3, *SMALL)
    weights = network.core.state_dict()
    with torch.no_grad():
        x = picture
        for name in ("conv1", "conv2", "conv3"):
            conv = f"convolutions.{name}.conv."
            x = conv2d(x, weights[conv + "weight"], weights[conv + "bias"]).relu()
            height, width = (side // 2 * 2 for side in x.shape[-2:])
            squares = x[..., :height, :width].unflatten(2, (-1, 2)).unflatten(4, (-1, 2))
            x = squares.amax(dim=(3, 5))
        x = linear(x.flatten(1), weights["hidden.weight"], weights["hidden.bias"]).relu()
        x = torch.maximum(x[:, 0::2], x[:, 1::2])  # pairs of neighbours
        x = linear(x, weights["output.weight"], weights["output.bias"])
        torch.testing.assert_close(network.core(picture), x.reshape(2, 1, 16, 20))


def test_a_map_is_on_the_frames_grid_and_not_negative() -> None:
    network = small()
    with torch.no_grad():
        network.core.output.bias.fill_(-1.2)
        maps = network(frames(), None)
        clip, _ = see(network, frames(6).unflatten(0, (2, 3)), None)
    assert maps.saliency.shape == (2, 1, 24, 32)
    assert maps.saliency.min() == 0
    assert maps.own.min() < -1
    assert clip.saliency.shape == (2, 3, 1, 24, 32)


def test_minus_one_is_no_saliency() -> None:
    network = small()
    with torch.no_grad():
        network.core.output.weight.zero_()
        for level, expected in ((-1.0, 0.0), (0.0, 0.5), (1.0, 1.0)):
            network.core.output.bias.fill_(level)
            assert (network(frames(), None).saliency == expected).all()


def test_blur_smooths_predictions_only() -> None:
    plain, smooth = small(), small(blur=3.0)
    with torch.no_grad():
        rough, found = plain(frames(), None), smooth(frames(), None)
        assert found.saliency.std() < 0.5 * rough.saliency.std()
        torch.testing.assert_close(found.own, rough.own)
        trained = smooth.train()(frames(), None).saliency
    torch.testing.assert_close(trained, rough.saliency)


def test_loss_is_the_mean_squared_error_of_levels() -> None:
    network = small()
    density = torch.rand(3, 1, 16, 20)
    density /= density.amax(dim=(1, 2, 3), keepdim=True)
    density[1] = 0  # a frame without gaze
    own = torch.randn(3, 1, 16, 20)
    expected = ((own - (2 * density - 1)) ** 2)[[0, 2]].mean()
    maps = OwnMaps(own, own)
    torch.testing.assert_close(network.authors_loss(maps, density, density), expected)
    torch.testing.assert_close(network.authors_loss(maps, 7 * density, density), expected)
    nothing = torch.zeros_like(density)
    assert network.authors_loss(maps, nothing, nothing) == 0


def test_steps_lower_the_loss() -> None:
    network, frame = small().train(), frames(4)
    density = torch.zeros(4, 1, 24, 32)
    density[..., 5:12, 8:20] = 1
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    losses = []
    for _ in range(12):
        loss = network.authors_loss(network(frame, None), density, density)
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.any() for p in network.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("size", [(21, 96), (96, 97), (22, 96)])
def test_sizes_that_leave_nothing_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"even numbers from 24 on, got \[{size[0]}, "):
        ShallowConvNet(size=size, width=1 / 8, blur=0.0)


def test_the_smallest_size_works() -> None:
    network = ShallowConvNet(size=(24, 24), width=1 / 8, blur=0.0)
    assert network.core.hidden.in_features == 8
    assert network(frames(), None).own.shape == (2, 1, 12, 12)
