from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.outputs import Maps
from model.registry import build
from model.released import arranged, released_shape
from model.rivals.tased_net import EPSILON, TASEDNet
from model.sight import see

SHARED = Path(__file__).parents[4] / "shared/rivals"


def small(size: tuple[int, int] = (32, 64)) -> TASEDNet:
    torch.manual_seed(0)
    network = build("tased_net", size=size, width=1 / 16, backbone="s3d", blur=0.0)
    assert isinstance(network, TASEDNet)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(layer.weight)  # else untrained maps are constant
    return network


def test_parameters_are_the_authors() -> None:
    with torch.device("meta"):
        network = build("tased_net", size=(224, 384), width=1.0, backbone="s3d", blur=0.0)
    assert sum(value.numel() for value in network.parameters()) == 21_260_693
    running = [value for key, value in network.state_dict().items() if "running" in key]
    assert sum(value.numel() for value in running) == 26_544


def test_a_size_that_does_not_halve_is_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32 pixels, got 60x32"):
        small((32, 60))


@pytest.mark.parametrize("batch", [1, 2])
@torch.no_grad()
def test_a_clip_is_its_windows(batch: int) -> None:
    network, clip = small().eval(), torch.rand(batch, 31 + 11, 3, 24, 40)
    maps, state = see(network, clip, None)
    assert maps.saliency.shape == (batch, 11, 1, 24, 40) and state is None
    assert maps.saliency.min() >= 0 and maps.saliency.std(dim=1).mean() > 1e-4
    for n in range(11):
        alone = see(network, clip[:, n : n + 32], None)[0].saliency
        torch.testing.assert_close(maps.saliency[:, n : n + 1], alone, atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_predictions_can_be_blurred() -> None:
    network, clip = small().eval(), torch.rand(1, 32, 3, 32, 64)
    sharp = network(clip).saliency
    network.blur = 3.0
    soft = network(clip).saliency
    assert soft.std() < sharp.std() and soft.mean() == pytest.approx(sharp.mean().item(), rel=0.1)


def test_in_training_a_window_is_a_sample_of_its_own() -> None:
    clip = torch.rand(1, 33, 3, 32, 64)
    together, apart = small().train(), small().train()
    maps = together(clip).saliency
    windows = torch.cat([clip[:, :32], clip[:, 1:]])
    torch.testing.assert_close(maps[0], apart(windows).saliency[:, 0])
    for ours, theirs in zip(together.buffers(), apart.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_loss_is_over_the_whole_batch() -> None:
    loss: Callable[..., Tensor] = small().authors_loss
    maps, density = torch.rand(3, 1, 4, 6), torch.rand(3, 1, 4, 6) ** 4
    density[1] *= 7  # a frame of larger values weighs more
    P, S = maps / maps.sum(), density / density.sum()
    expected = (S * torch.log(EPSILON + S / (P + EPSILON))).sum()
    torch.testing.assert_close(loss(Maps(maps), density, density > 0.5), expected)
    none = torch.cat([density, torch.zeros(1, 1, 4, 6)])
    more = torch.cat([maps, torch.rand(1, 1, 4, 6)])
    torch.testing.assert_close(loss(Maps(more), none, none > 0.5), expected)
    each = [loss(Maps(maps[i : i + 1]), density[i : i + 1], None) for i in range(3)]
    assert abs(torch.stack(each).mean() - expected) > 1e-3
    assert loss(Maps(maps), 0 * density, density > 2) == 0


def test_steps_at_the_authors_rates_lower_the_loss() -> None:
    network, clip = small().train(), torch.rand(2, 32, 3, 32, 64)
    density = torch.zeros(2, 1, 32, 64)
    density[..., 8:16, 20:40] = 1
    groups = network.parameter_groups()
    assert [group["rate"] for group in groups] == [1, 100]
    assert sum(len(group["params"]) for group in groups) == len([*network.parameters()])
    rates = [{"params": g["params"], "lr": 1e-2 * g["rate"]} for g in groups]
    optimiser = torch.optim.SGD(rates, momentum=0.9, weight_decay=2e-7)
    losses = []
    for _ in range(6):
        maps = see(network, clip, None)[0]
        loss = network.authors_loss(Maps(maps.saliency.flatten(0, 1)), density, density > 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(value.grad is not None for value in network.parameters())


def test_low_precision_and_recomputing_work() -> None:
    network = small().train().to(memory_format=torch.channels_last)
    assert len(network.segments()) == 13  # four of the first part, nine inceptions
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.rand(1, 32, 3, 32, 64)).saliency.float().sum().backward()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert network.eval()(torch.rand(1, 35, 3, 32, 64)).saliency.isfinite().all()


# ---- the authors' program with stand-in weights


@pytest.fixture(scope="module")
def golden() -> Any:
    file = SHARED / "tased/standin_golden.npz"
    if not file.exists():
        pytest.skip(f"no {file}")
    return dict(np.load(file))


@pytest.fixture(scope="module")
def weights(golden: Any) -> dict[str, Tensor]:
    spec = importlib.util.spec_from_file_location("standin", SHARED / "standin.py")
    assert spec is not None and spec.loader is not None
    standin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(standin)
    return {name: torch.from_numpy(np.asarray(v)) for name, v in standin.torch_like("tased")}


@pytest.fixture(scope="module")
def authors(weights: dict[str, Tensor]) -> TASEDNet:
    network = build("tased_net", size=(96, 128), width=1.0, backbone="s3d", blur=0.0)
    assert isinstance(network, TASEDNet)
    released, own = network.released(), network.state_dict()
    assert [source.name for source in released.tensors.values()] == [*weights]
    for key, (name, layout) in released.tensors.items():
        assert released_shape(own[key].shape, layout) == tuple(weights[name].shape)
    given = {k: arranged(weights[name], layout) for k, (name, layout) in released.tensors.items()}
    network.load_state_dict(given)
    return network.eval()


@torch.inference_mode()
def error(network: nn.Module, golden: Any, key: str = "map") -> np.ndarray[Any, Any]:
    """Differences from the authors' map over its standard deviation."""
    clip = torch.from_numpy(golden["frames"]).permute(0, 3, 1, 2)[None] / 255
    maps = network(clip.flip(1) if "reversed" in key else clip).saliency
    found: np.ndarray[Any, Any] = np.abs(maps[0, 0, 0].numpy() - golden[key]) / golden[key].std()
    return found


@pytest.mark.shared
def test_the_map_is_the_authors(authors: TASEDNet, golden: Any) -> None:
    assert error(authors, golden).max() < 1e-4
    # Two maxima of this clip lie between values that differ by 1e-6, less than a sum's rounding.
    assert np.quantile(error(authors, golden, "map_of_reversed_clip"), 0.85) < 1e-4


@pytest.mark.shared
@torch.inference_mode()
def test_windows_that_share_are_those_that_do_not(authors: TASEDNet, golden: Any) -> None:
    frames = torch.from_numpy(golden["frames"]).permute(0, 3, 1, 2)[None] / 255
    clip = torch.cat([frames, frames.flip(1)], dim=1)[:, :35]
    maps = authors(clip).saliency
    alone = torch.cat([authors(clip[:, n : n + 32]).saliency for n in range(4)], dim=1)
    assert (maps - alone).abs().max() < 1e-4


def bgr(network: Any) -> None:
    network.view.colour = "bgr"


def colours_reversed(network: Any) -> None:
    network.view.register_forward_pre_hook(lambda _, given: given[0].flip(1))


def time_reversed(network: Any) -> None:
    network.core.register_forward_pre_hook(lambda _, given: given[0].flip(1))


def unscaled(network: Any) -> None:
    network.view.gain = 1.0


def usual_epsilon(network: Any) -> None:
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-5


def transposed_first(network: Any) -> None:
    weight = network.core.decoder.convtsp1[0].weight
    weight.data = weight.data.transpose(0, 1).contiguous()


PLANTED = {
    "BGR input": bgr,
    "colours reversed": colours_reversed,
    "time reversed": time_reversed,
    "frames in 0..1": unscaled,
    "epsilon": usual_epsilon,
    "first convolution of the decoder transposed": transposed_first,
}


@pytest.fixture
def spoiled(authors: TASEDNet, request: Any) -> Iterator[TASEDNet]:
    """The authors' network with an error; undone after."""
    kept = {layer: layer.eps for layer in authors.modules() if isinstance(layer, nn.BatchNorm2d)}
    weight = authors.core.decoder.convtsp1[0].weight
    view, data = dict(authors.view.__dict__), weight.data
    PLANTED[request.param](authors)
    yield authors
    authors.view.__dict__.update(view)
    weight.data = data
    authors.view._forward_pre_hooks.clear()
    authors.core._forward_pre_hooks.clear()
    for layer, epsilon in kept.items():
        layer.eps = epsilon


@pytest.mark.shared
@pytest.mark.parametrize("spoiled", PLANTED, indirect=True)
def test_a_planted_error_is_seen(spoiled: TASEDNet, golden: Any) -> None:
    assert error(spoiled, golden).max() > 1e-2
