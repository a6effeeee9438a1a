from __future__ import annotations

import pytest
import torch

from model.baselines import CentreBias, Chance, MeanMap


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randint(256, (3, 3, 6, 8), generator=torch.Generator().manual_seed(0)) / 255


def test_centre_bias_is_a_gaussian_in_fractions_of_the_sides() -> None:
    saliency = CentreBias(sigma=0.25)(torch.zeros(2, 3, 5, 9), None).saliency
    assert saliency.shape == (2, 1, 5, 9)
    assert saliency[0, 0, 2, 4] == 1
    expected = torch.exp(torch.tensor(-0.5 * ((2 / 1.25) ** 2 + (3 / 2.25) ** 2)))
    torch.testing.assert_close(saliency[1, 0, 0, 1], expected)
    torch.testing.assert_close(saliency, saliency.flip(2).flip(3))


def test_chance_depends_on_the_frame_alone(frames: torch.Tensor) -> None:
    together = Chance()(frames, None).saliency
    assert together.shape == (3, 1, 6, 8)
    torch.manual_seed(123)
    alone = torch.cat([Chance()(frame[None], None).saliency for frame in frames])
    assert torch.equal(together, alone)
    assert not torch.equal(together[0], together[1])


def test_chance_is_uniform_and_survives_rounding(frames: torch.Tensor) -> None:
    frame = frames[:1].repeat(1, 1, 16, 16)
    saliency = Chance()(frame, None).saliency
    assert torch.equal(saliency, Chance()(frame + 1e-6, None).saliency)
    assert 0 <= saliency.min() < 0.01 and 0.99 < saliency.max() < 1
    assert saliency.mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("network", [CentreBias(sigma=0.2), Chance()])
def test_baselines_have_nothing_to_train(network: torch.nn.Module) -> None:
    assert not network.state_dict()


def test_mean_map_is_resized_to_every_frame() -> None:
    network = MeanMap(height=3, width=4)
    network.density.copy_(torch.arange(12.0).view(1, 1, 3, 4))
    saliency = network(torch.rand(2, 3, 3, 4), None).saliency
    torch.testing.assert_close(saliency, network.density.expand(2, 1, 3, 4))
    large = network(torch.rand(2, 3, 48, 64), None).saliency
    assert large.shape == (2, 1, 48, 64)
    assert (large[..., -1, -1] == 11).all() and (large[..., 0, 0] == 0).all()
    # Bilinear: the middle of the first two values lies where their pixels meet.
    assert large[0, 0, 0, 15:17].mean().item() == pytest.approx(0.5, abs=1e-5)


def test_mean_map_that_was_never_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no map yet: fit it"):
        MeanMap(height=3, width=4)(torch.rand(1, 3, 32, 32), None)


def test_mean_map_is_what_its_weights_hold() -> None:
    network, other = MeanMap(height=3, width=4), MeanMap(height=3, width=4)
    network.density.fill_(0.25)
    other.load_state_dict(network.state_dict())
    assert other(torch.rand(1, 3, 32, 32), None).saliency.unique().tolist() == [0.25]
