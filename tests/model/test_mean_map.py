from __future__ import annotations

import pytest
import torch

from model.mean_map import MeanMap


def test_gives_its_map_resized_to_every_frame() -> None:
    network = MeanMap(height=3, width=4)
    network.density.copy_(torch.arange(12.0).view(1, 1, 3, 4))
    saliency = network(torch.rand(2, 3, 3, 4), None).saliency
    torch.testing.assert_close(saliency, network.density.expand(2, 1, 3, 4))
    large = network(torch.rand(2, 3, 48, 64), None).saliency
    assert large.shape == (2, 1, 48, 64)
    assert (large[..., -1, -1] == 11).all() and (large[..., 0, 0] == 0).all()
    # Bilinear: the middle of the first two values lies where their pixels meet.
    assert large[0, 0, 0, 15:17].mean().item() == pytest.approx(0.5, abs=1e-5)


def test_refuses_what_was_never_fitted() -> None:
    with pytest.raises(ValueError, match="holds no map yet: fit it"):
        MeanMap(height=3, width=4)(torch.rand(1, 3, 32, 32), None)


def test_its_map_is_what_its_weights_hold() -> None:
    network, other = MeanMap(height=3, width=4), MeanMap(height=3, width=4)
    network.density.fill_(0.25)
    other.load_state_dict(network.state_dict())
    assert other(torch.rand(1, 3, 32, 32), None).saliency.unique().tolist() == [0.25]
