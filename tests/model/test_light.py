from __future__ import annotations

from typing import Any

import pytest
import torch

from model.backbones import MobileNetTrunk
from model.light import GFSalNetLight, contrast
from model.registry import build
from model.rivals.unisal import released_name

SETTINGS: dict[str, Any] = {
    "backbone": "mobilenet_v2",
    "size": (64, 96),
    "layers": 14,
    "channels": (16, 8),
    "motion_channels": (8, 8, 8),
    "spread": 0.004,
    "aside": 0.3,
    "scales": (1.0, 1.5),
    "frozen": True,
    "picture_head": False,
}
SIZE = (60, 88)


def light(streams: str = "both", **changes: Any) -> GFSalNetLight:
    torch.manual_seed(0)
    network = build("gfsalnet_light", streams=streams, **SETTINGS | changes)
    assert isinstance(network, GFSalNetLight)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".level.conv.weight" in name:
                parameter.normal_(std=20)  # first maps are uniform, and would prove nothing
            elif name == "gate":
                parameter.copy_(torch.tensor([0.5, -0.4, -1.0])[:, None, None])
    return network.eval()


@pytest.fixture
def seen() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 3, *SIZE), 3 * torch.randn(2, 2, *SIZE)


@torch.no_grad()
def test_maps_are_densities_whose_logarithms_the_gate_weighs(
    seen: tuple[torch.Tensor, torch.Tensor],
) -> None:
    maps = light()(*seen)
    assert {tuple(one.shape) for one in maps} == {(2, 1, *SIZE)}
    torch.testing.assert_close(maps.log_density.exp().sum((1, 2, 3)), torch.ones(2))
    torch.testing.assert_close(maps.saliency.amax((1, 2, 3)), torch.ones(2))
    merged = maps.appearance**0.6225 * maps.motion**0.4013 * maps.conspicuity**0.2689
    scaled = merged / merged.amax((2, 3), keepdim=True)
    torch.testing.assert_close(maps.saliency, scaled, rtol=1e-3, atol=1e-6)


@torch.no_grad()
def test_a_film_of_twice_the_size_has_the_same_maps() -> None:
    torch.manual_seed(1)
    frame, flow = torch.rand(2, 3, 64, 96), 3 * torch.randn(2, 2, 64, 96)
    small = light()(frame, flow)
    frame, flow = (one.repeat_interleave(2, -1).repeat_interleave(2, -2) for one in (frame, flow))

    def away(flow: torch.Tensor) -> float:
        large = light()(frame, flow).log_density.exp()
        coarse = torch.nn.functional.avg_pool2d(large, 2, divisor_override=1)
        return float((coarse.log() - small.log_density).abs().mean())

    assert 4 * away(2 * flow) < away(flow)


@torch.no_grad()
def test_where_nothing_moves_the_appearance_stream_decides(
    seen: tuple[torch.Tensor, torch.Tensor],
) -> None:
    frame, flow = seen
    network, alone = light(), light("appearance")
    alone.load_state_dict(network.state_dict(), strict=False)
    still = alone(frame, None)
    assert torch.equal(network(frame, None).saliency, still.saliency)
    flow[1] = 0
    maps = network(frame, flow)
    torch.testing.assert_close(maps.saliency[1], maps.appearance[1])
    assert (maps.saliency[0] - still.saliency[0]).abs().max() > 0.01


@torch.no_grad()
def test_a_picture_is_seen_at_all_sizes_and_in_the_mirror(
    seen: tuple[torch.Tensor, torch.Tensor],
) -> None:
    frame, _ = seen
    one, other, both = (light("appearance", scales=s) for s in ((1.0,), (1.5,), (1.0, 1.5)))
    mean = (one(frame, None).log_density.exp() + other(frame, None).log_density.exp()) / 2
    torch.testing.assert_close(both(frame, None).log_density.exp(), mean)
    assert (mean - one(frame, None).log_density.exp()).abs().max() > 1e-6
    turned = both(frame.flip(-1), None).saliency.flip(-1)
    torch.testing.assert_close(turned, both(frame, None).saliency)


@torch.no_grad()
def test_motion_alone_needs_flow(seen: tuple[torch.Tensor, torch.Tensor]) -> None:
    network = light("motion")
    assert network(*seen).saliency.shape == (2, 1, *SIZE)
    with pytest.raises(ValueError, match="needs flow"):
        network(seen[0], None)


@torch.no_grad()
def test_flow_counts_as_a_share_of_the_width(seen: tuple[torch.Tensor, torch.Tensor]) -> None:
    network = light("motion", size=(64, 96))
    frame, flow = torch.rand(1, 3, 128, 192), 3 * torch.randn(1, 2, 32, 48)
    large = flow.repeat_interleave(4, -1).repeat_interleave(4, -2)
    small = torch.nn.functional.avg_pool2d(large, 2) / 2
    near = torch.nn.functional.avg_pool2d(frame, 2)
    torch.testing.assert_close(network.seen_flow(large), network.seen_flow(small))
    torch.testing.assert_close(contrast(network.view.framed(frame)), contrast(near))


def test_a_frozen_stream_learns_nothing(seen: tuple[torch.Tensor, torch.Tensor]) -> None:
    network = light().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    groups = network.parameter_groups()
    step = torch.optim.SGD([one for group in groups for one in group["params"]], 0.1)
    density, fixated = torch.rand(2, 1, *SIZE), torch.rand(2, 1, *SIZE) > 0.9
    network.authors_loss(network(*seen), density, fixated).backward()
    step.step()
    changed = {
        key.split(".")[0]
        for key, value in network.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {"motion", "gate"}


def test_a_head_of_pictures_learns_alone_and_changes_no_film(
    seen: tuple[torch.Tensor, torch.Tensor],
) -> None:
    frame, flow = seen
    alone = light("appearance")
    network = light("appearance", picture_head=True)
    network.load_stream(alone.state_dict())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert torch.equal(network(frame, None).saliency, alone(frame, None).saliency)
    network.train()
    step = torch.optim.SGD([one for g in network.parameter_groups() for one in g["params"]], 0.1)
    density, fixated = torch.rand(2, 1, *SIZE), torch.rand(2, 1, *SIZE) > 0.9
    network.authors_loss(network(frame, None), density, fixated).backward()
    step.step()
    changed = [k for k, v in network.state_dict().items() if not torch.equal(v, before[k])]
    assert changed and all(key.startswith("appearance.picture.") for key in changed)
    network.eval()
    both = light(picture_head=True)
    both.load_stream(network.state_dict())
    assert torch.equal(both(frame, None).saliency, network(frame, None).saliency)
    assert not torch.equal(both(frame, None).saliency, alone(frame, None).saliency)
    film = light()
    film.load_state_dict(both.state_dict(), strict=False)
    flow[1] = 0  # a film's frame in which nothing moves is no picture
    with torch.no_grad():
        assert torch.equal(both(frame, flow).saliency, film(frame, flow).saliency)


def test_a_network_without_the_head_of_pictures_refuses_its_weights() -> None:
    with pytest.raises(ValueError, match=r"another layout: appearance\.picture"):
        light().load_stream(light("appearance", picture_head=True).state_dict())


def test_the_trunk_learns_at_a_tenth_and_keeps_its_statistics(
    seen: tuple[torch.Tensor, torch.Tensor],
) -> None:
    network = light("appearance").train()
    assert network.appearance is not None
    assert [group["rate"] for group in network.parameter_groups()] == [1.0, 0.1]
    mean = network.appearance.trunk.features[0][1].running_mean.clone()
    network(seen[0], None)
    assert torch.equal(network.appearance.trunk.features[0][1].running_mean, mean)


@pytest.mark.parametrize("whose", ["torchvision", "unisal"])
def test_the_trunk_starts_from_either_file(whose: str) -> None:
    torch.manual_seed(2)
    trunk = MobileNetTrunk().state_dict()
    given = dict(trunk)
    if whose == "unisal":
        given = {released_name(f"core.trunk.{key}"): value for key, value in trunk.items()}
    network = light("appearance")
    network.load_backbone(given)
    own = network.state_dict()
    assert network.appearance is not None
    for key in network.appearance.trunk.state_dict():
        assert torch.equal(own[f"appearance.trunk.{key}"], trunk[key])
    with pytest.raises(ValueError, match="not those of torchvision's backbone"):
        network.load_backbone({"fc.weight": torch.zeros(1)})
    given.pop(next(key for key in given if "3.conv" in key and key.endswith("weight")))
    with pytest.raises(ValueError, match=r"1 missing \(features\.3"):
        network.load_backbone(given)


def test_both_streams_start_from_a_network_of_pictures() -> None:
    pictures, network = light("appearance", channels=(16, 8)), light()
    network.load_stream(pictures.state_dict())
    for key, value in pictures.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)
    with pytest.raises(ValueError, match="another layout"):
        light(layers=19, channels=(16, 12, 8)).load_stream({"appearance.odd": torch.zeros(1)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 13}, "layers: expected 14 or 19"),
        ({"layers": 19}, "layers: expected"),
        ({"size": (60, 96)}, "multiples of 32"),
        ({"streams": "three"}, "streams: expected one of"),
        ({"backbone": "resnet50"}, "backbone: expected one of"),
    ],
)
def test_wrong_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build("gfsalnet_light", **{"streams": "both", **SETTINGS} | changes)
