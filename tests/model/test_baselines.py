from __future__ import annotations

import pytest
import torch

from model.baselines import CentreBias, Chance


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
