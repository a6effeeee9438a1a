from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from model.backbones import BACKBONES
from model.gfsalnet import GFSalNet
from model.outputs import Maps

PAPER: dict[str, Any] = {
    "streams": "both",
    "fusion": "gated",
    "backbone": "resnet50",
    "spatial_attention": True,
    "channel_attention": True,
    "multi_level": True,
    "main_channels": (256, 48),
    "side_channels": (64, 64, 48),
    "multi_level_channels": (256, 128, 64),
    "attention_reduction": 4,
    "last_bias": 1.0,
    "flow_encoding": "colorwheel",
    "flow_scale": 20.0,
}
SMALL = PAPER | {
    "backbone": "mobilenet_v2",
    "main_channels": (16, 8),
    "side_channels": (8, 8, 8),
    "multi_level_channels": (16, 12, 8),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "gfsalnet": {},
    "spatial": {"streams": "appearance"},
    "temporal": {"streams": "motion"},
    "without_spatial_attention": {"spatial_attention": False},
    "without_channel_attention": {"channel_attention": False},
    "without_attention": {"spatial_attention": False, "channel_attention": False},
    "without_multi_level": {"multi_level": False},
    "without_gated_fusion": {"fusion": "conv"},
    "uvm": {"flow_encoding": "uvm"},
}
PARAMETERS = {
    "gfsalnet": 66_235_575,
    "spatial": 33_117_786,
    "temporal": 33_117_786,
    "without_spatial_attention": 66_231_477,
    "without_channel_attention": 66_226_119,
    "without_attention": 66_222_021,
    "without_multi_level": 64_199_775,
    "without_gated_fusion": 66_235_575,
    "uvm": 66_235_575,
}


def inputs(batch: int = 2, height: int = 64, width: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    frame = torch.rand(batch, 3, height, width, generator=generator)
    return frame, 5 * torch.randn(batch, 2, height, width, generator=generator)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(**settings: Any) -> GFSalNet:
    with torch.device("meta"):
        return GFSalNet(**PAPER | settings)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_have_the_stated_parameters(variant: str) -> None:
    assert parameters(on_meta(**VARIANTS[variant])) == PARAMETERS[variant]


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "uvm"])
def test_page_states_the_counted_parameters(variant: str) -> None:
    page = (Path(__file__).parents[2] / "docs/models.md").read_text()
    (row,) = (line for line in page.splitlines() if re.match(rf"\|.*`{variant}`.*\| \d+,", line))
    assert f"| {PARAMETERS[variant]:,}" in row


def test_streams_are_trunk_and_head_of_the_counted_size() -> None:
    stream = on_meta().appearance
    assert parameters(stream.trunk) == 23_508_032
    assert parameters(stream) - parameters(stream.trunk) == 9_609_754
    assert stream.channel_attention.squeeze.out_features == 24  # Sec. III-B


def test_floating_point_operations_of_a_frame() -> None:
    network = on_meta()
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 480, 640), torch.empty(1, 2, 480, 640))
    assert counter.get_total_flops() == 126_914_168_832


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_maps_have_the_size_of_the_input(variant: str, backbone: str) -> None:
    network = on_meta(**VARIANTS[variant] | {"backbone": backbone})
    frame, flow = (tensor.to("meta") for tensor in inputs())
    maps = network(frame, flow)
    attentions = maps[5:]
    assert {m.shape for m in maps[:5] if m is not None} == {(2, 1, 64, 96)}
    assert {m.shape for m in attentions if m is not None} <= {(2, 1, 2, 3)}
    attends = network.existing_streams()[0].spatial_attention is not None
    for stream, attention in zip((network.appearance, network.motion), attentions, strict=True):
        assert (attention is not None) == (attends and stream is not None)
    streams = PAPER | VARIANTS[variant]
    assert (maps.appearance is None) == (streams["streams"] == "motion")
    assert (maps.motion is None) == (streams["streams"] == "appearance")
    assert (maps.gate_motion is None) == (
        streams["streams"] != "both" or variant.endswith("fusion")
    )


def test_without_multi_level_the_attention_sees_the_main_branch_alone() -> None:
    attention = on_meta(multi_level=False).motion.channel_attention
    assert (attention.squeeze.in_features, attention.squeeze.out_features) == (48, 12)


def test_network_is_its_streams_and_its_fusion() -> None:
    torch.manual_seed(0)
    network = GFSalNet(**SMALL)  # in training mode: untrained running statistics fade the features
    frame, flow = inputs()
    with torch.no_grad():
        maps = network(frame, flow)
        of_frame = network.appearance(network.normalise(frame))
        torch.testing.assert_close((maps.appearance, maps.attention_appearance), of_frame)
        picture = network.encode_flow(flow)
        of_flow = network.motion(network.normalise(picture))
        torch.testing.assert_close((maps.motion, maps.attention_motion), of_flow)
        torch.testing.assert_close(maps.saliency, network.fusion(*maps[1:3]).saliency)
    assert (maps.gate_appearance == 0.5).all()


def test_stream_follows_figure_2a() -> None:
    torch.manual_seed(0)
    network = GFSalNet(**SMALL | {"streams": "appearance"})
    stream, (frame, _) = network.appearance, inputs()
    with torch.no_grad():
        first, second, third, fourth = stream.trunk(network.normalise(frame))
        attended = fourth * torch.sigmoid(stream.spatial_attention.conv(fourth))
        side = stream.side(stream.multi_level(first, second, third, attended))
        features = torch.cat([stream.main(attended), side], dim=1)
        assert features.shape == (2, 16, 16, 24)
        expected = torch.relu(stream.to_map(stream.channel_attention(features)))
        torch.testing.assert_close(network(frame, None).saliency, expected)
    assert [type(layer).__name__ for layer in stream.main] == ["ConvTranspose2d", "ReLU"] * 2
    assert [type(layer).__name__ for layer in stream.side] == ["ConvTranspose2d", "ReLU"] * 3


@torch.no_grad()
def test_map_is_not_born_dead() -> None:
    zeros = []
    for seed in range(8):
        torch.manual_seed(seed)
        maps: Maps = GFSalNet(**SMALL)(*inputs())
        zeros.append((maps.saliency == 0).float().mean().item())
    assert max(zeros) < 0.03


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    network = GFSalNet(**SMALL)
    saliency = network(*inputs()).saliency
    (saliency * torch.rand_like(saliency)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.fusion.conv.weight.grad.abs().min() > 0


def test_one_stream_looks_at_its_input_alone() -> None:
    torch.manual_seed(0)
    frame, flow = inputs()
    spatial = GFSalNet(**SMALL | {"streams": "appearance"}).eval()
    temporal = GFSalNet(**SMALL | {"streams": "motion"}).eval()
    with torch.no_grad():
        seen = spatial(frame, flow).saliency
        torch.testing.assert_close(seen, spatial(frame, None).saliency)
        torch.testing.assert_close(seen, spatial(frame, torch.empty(0)).saliency)
        moved = temporal(frame, flow).saliency
        torch.testing.assert_close(moved, temporal(0 * frame, flow).saliency)
        assert temporal(frame, flow).motion is not None


def test_motion_stream_without_flow_is_refused() -> None:
    with pytest.raises(ValueError, match="needs flow"):
        on_meta()(inputs()[0].to("meta"), None)


@pytest.mark.parametrize(("height", "width"), [(240, 320), (96, 100), (0, 32)])
@pytest.mark.parametrize("streams", ["both", "motion"])
def test_sides_must_be_multiples_of_32(height: int, width: int, streams: str) -> None:
    frame, flow = torch.rand(1, 3, height, width), torch.rand(1, 2, height, width)
    with pytest.raises(ValueError, match=f"multiples of 32 pixels, got {width}x{height}"):
        on_meta(streams=streams)(frame, flow)


@pytest.mark.parametrize("start", ["appearance", "motion"])
@pytest.mark.parametrize("streams", ["both", "appearance", "motion"])
def test_load_stream_fills_every_stream(start: str, streams: str) -> None:
    torch.manual_seed(0)
    pretrained = GFSalNet(**SMALL | {"streams": start}).state_dict()
    network = GFSalNet(**SMALL | {"streams": streams})
    network.load_stream(pretrained)
    loaded = network.existing_streams()
    assert len(loaded) == (2 if streams == "both" else 1)
    for stream in loaded:
        for key, value in stream.state_dict().items():
            assert torch.equal(value, pretrained[f"{start}.{key}"])


def test_loaded_streams_do_not_share_storage() -> None:
    network = GFSalNet(**SMALL)
    network.load_stream(GFSalNet(**SMALL | {"streams": "appearance"}).state_dict())
    with torch.no_grad():
        network.appearance.to_map.weight.zero_()
    assert network.motion.to_map.weight.abs().max() > 0


def test_load_stream_refuses_another_layout_and_two_streams() -> None:
    network = GFSalNet(**SMALL)
    with pytest.raises(ValueError, match="another layout"):
        network.load_stream(
            GFSalNet(**SMALL | {"streams": "appearance", "multi_level": False}).state_dict()
        )
    with pytest.raises(ValueError, match=r"one stream.*appearance.*fusion.*motion"):
        network.load_stream(network.state_dict())
    with pytest.raises(ValueError, match="one stream"):
        network.load_stream({})


def test_load_backbone_fills_the_trunks() -> None:
    network = GFSalNet(**SMALL)
    weights = BACKBONES["mobilenet_v2"]().state_dict()
    network.load_backbone(weights | {"classifier.1.weight": torch.zeros(1)})
    for stream in network.existing_streams():
        assert all(torch.equal(v, weights[k]) for k, v in stream.trunk.state_dict().items())


def test_state_dict_has_streams_and_fusion_only() -> None:
    assert {key.split(".")[0] for key in on_meta().state_dict()} == {
        "appearance",
        "motion",
        "fusion",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("streams", "spatial"), ("fusion", "gate"), ("backbone", "vgg"), ("flow_encoding", "hsv")],
)
def test_unknown_option_names_the_known_ones(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"{key}: expected one of .*, got '{value}'"):
        on_meta(**{key: value})


def test_lists_from_a_configuration_are_accepted() -> None:
    lists = {k: list(v) for k, v in SMALL.items() if isinstance(v, tuple)}
    torch.manual_seed(0)
    expected = GFSalNet(**SMALL).state_dict()
    torch.manual_seed(0)
    network = GFSalNet(**SMALL | lists).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in network.items())
