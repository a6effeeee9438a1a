from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from model.released import Source
from model.rivals.parts.view import View
from model.rivals.salema import SalEMA, stretched
from model.rivals.salgan import SalGAN
from model.sight import State, see
from tests.model.rivals.goldens import golden, load_released, standin
from tests.model.rivals.test_salgan import drawn

PUBLISHED: dict[str, Any] = {
    "size": (192, 256),
    "width": 1,
    "backbone": None,
    "alpha": 0.1,
    "learned": False,
    "dropout": 0.5,
}
SMALL: dict[str, Any] = PUBLISHED | {"size": (32, 48), "width": 1 / 16}
CLIP = drawn(2, 5, 3, 40, 60)


def small(**changed: Any) -> SalEMA:
    torch.manual_seed(0)
    return SalEMA(**SMALL | changed).eval()


def averages(network: SalEMA, clip: Tensor) -> list[Tensor]:
    """The state after each frame."""
    found, state = [], None
    for frame in clip.unbind(1):
        _, state = network(frame[:, None], None, state)
        found.append(state[0])
    return found


def test_parameters_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = SalEMA(**PUBLISHED)
        maps, state = network(torch.rand(1, 2, 3, 360, 640), None)
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_787_009
    assert maps.saliency.shape == (1, 2, 1, 360, 640)
    assert [tuple(part.shape) for part in state] == [(1, 512, 12, 16)]


def test_a_clip_in_parts_is_a_whole_clip() -> None:
    network = small()
    whole, last = see(network, CLIP, None)
    state: State | None = None
    for start, stop in [(0, 2), (2, 3), (3, 5)]:
        maps, state = see(network, CLIP[:, start:stop], None, state)
        torch.testing.assert_close(maps.saliency, whole.saliency[:, start:stop])
    assert state is not None and last is not None
    torch.testing.assert_close(state[0], last[0])


def test_clips_of_a_batch_do_not_meet() -> None:
    network = small()
    both, _ = network(CLIP, None)
    alone, _ = network(CLIP[1:], None)
    torch.testing.assert_close(both.saliency[1:], alone.saliency)


def test_the_present_frame_weighs_the_sigmoid_of_alpha() -> None:
    network = small()
    features = network.core.encoder(network.view(CLIP.flatten(0, 1)))
    convolved = network.core.decoder.first(features).unflatten(0, (2, 5))
    assert convolved.min() < 0  # the ReLU comes after
    first, second, *_ = averages(network, CLIP)
    torch.testing.assert_close(first, convolved[:, 0])
    expected = 0.52498 * convolved[:, 1] + (1 - 0.52498) * convolved[:, 0]
    torch.testing.assert_close(second, expected, rtol=1e-4, atol=1e-4)


def test_the_state_is_not_rectified_by_what_follows() -> None:
    assert all(average.min() < 0 for average in averages(small(), CLIP))


def test_a_learned_alpha_has_a_rate_of_its_own() -> None:
    fixed, learned = small().parameter_groups(), small(learned=True).parameter_groups()
    assert [group["rate"] for group in fixed] == [1]
    (alpha,) = learned[1]["params"]
    assert alpha == 0.1 and learned[1] | {"params": None} == {
        "params": None,
        "rate": 1e6,
        "weight_decay": 0.0,
    }
    assert len(learned[0]["params"]) == len(fixed[0]["params"]) == 54
    network = small(learned=True).train()
    maps, _ = network(CLIP, None)
    maps.logits.sum().backward()
    assert network.core.alpha.grad is not None and network.core.alpha.grad != 0


def test_it_starts_from_salgan() -> None:
    torch.manual_seed(1)
    salgan = SalGAN(size=(32, 48), width=1 / 16, backbone=None, frozen_blocks=3).eval()
    expected = salgan(CLIP[:, 0], None).saliency
    for learned in (False, True):
        network = small(learned=learned)
        network.load_stream(salgan.state_dict())
        torch.testing.assert_close(network(CLIP[:, :1], None)[0].saliency[:, 0], expected)
    with pytest.raises(ValueError, match="not SalGAN's of this width"):
        small(width=1 / 8).load_stream(salgan.state_dict())


def test_released_tensors_are_numbered_as_the_authors_list_is() -> None:
    released = small().released()
    names = [source.name for source in released.tensors.values()]
    assert names[:3] == ["salgan.0.weight", "salgan.0.bias", "salgan.2.weight"]
    assert names[26:28] == ["salgan.30.weight", "salgan.30.bias"]
    assert names[-1] == "salgan.60.bias" and len(names) == 54
    assert {source.layout for source in released.tensors.values()} == {"same"}
    assert small(learned=True).released().tensors["core.alpha"] == Source("alpha")


def test_densities_are_stretched_frame_by_frame() -> None:
    density = torch.tensor([[[[0.25, 0.75]]], [[[0.0, 0.5]]], [[[0.3, 0.3]]]])
    expected = torch.tensor([[[[0.0, 1.0]]], [[[0.0, 1.0]]], [[[0.0, 0.0]]]])
    torch.testing.assert_close(stretched(density), expected)


def test_the_loss_is_the_mean_cross_entropy_of_frames_with_gaze() -> None:
    network = small()
    maps, _ = network(CLIP, None)
    flat = maps._make(part.flatten(0, 1) for part in maps)
    density = drawn(10, 1, 40, 60, seed=1)
    density[3:] = 0
    truth = stretched(network.view.framed(density))
    expected = binary_cross_entropy(maps.logits.flatten(0, 1)[:3].sigmoid(), truth[:3])
    torch.testing.assert_close(network.authors_loss(flat, density, density > 0.9), expected)


def test_only_training_drops_channels() -> None:
    for network, same in [(small(), True), (small().train(), False)]:
        first, second = (network(CLIP, None)[0].logits for _ in range(2))
        assert first.equal(second) is same


def test_training_lowers_the_loss() -> None:
    network = small(dropout=0.0).train()
    density = torch.zeros(10, 1, 40, 60)
    density[..., 8:16, 8:16] = 1
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(5):
        optimiser.zero_grad()
        maps, _ = network(CLIP, None)
        flat = maps._make(part.flatten(0, 1) for part in maps)
        loss = network.authors_loss(flat, density, density)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return standin("salema")


@pytest.fixture
def network(weights: dict[str, np.ndarray]) -> SalEMA:
    network = SalEMA(**PUBLISHED | {"size": (96, 128)}).eval()
    load_released(network, weights)
    return network


def error(network: SalEMA, state: State | None = None) -> float:
    """Largest difference to the golden maps, in their spread."""
    run = golden("salema")
    clip = torch.from_numpy(run["frames_rgb"]).permute(0, 3, 1, 2)[None] / 255
    with torch.no_grad():
        maps, _ = network(clip, None, state)
    difference = maps.saliency[0, :, 0].numpy() - run["maps"]
    return float(np.abs(difference).max() / run["maps"].std())


@pytest.mark.shared
def test_maps_are_the_authors_programs(network: SalEMA) -> None:
    assert error(network) < 1e-4


@pytest.mark.shared
@pytest.mark.parametrize("fault", ["alpha itself", "zeros before", "after the relu", "rgb"])
def test_known_errors_are_found(fault: str, network: SalEMA) -> None:
    state: State | None = None
    if fault == "alpha itself":
        network.core.alpha = torch.logit(network.core.alpha)
    elif fault == "zeros before":
        state = (torch.zeros(1, 512, 6, 8),)
    elif fault == "after the relu":
        first = network.core.decoder.first
        first.register_forward_hook(lambda _layer, _given, found: found.relu())
    else:
        mean = (123.68, 116.779, 103.939)
        network.view = View(size=(96, 128), resizing="area", gain=255.0, mean=mean)
    assert error(network, state) > 0.05
