"""The predecessor's networks: layers as printed, fusion as stated, start as promised."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, local_response_norm, max_pool2d
from torch.utils.flop_counter import FlopCounterMode

from model.two_stream import TwoStream, interpolation, normalise

PAPER: dict[str, Any] = {
    "streams": "both",
    "fusion": "early",
    "fuse_after": 4,
    "width": 1.0,
    "fusion_identity": 1.0,
    "flow_encoding": "uvm",
    "flow_scale": 20.0,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "spatial": {"streams": "appearance"},
    "temporal": {"streams": "motion"},
    "late": {"fusion": "late"},
    "early": {},
}
SMALL = PAPER | {"width": 1 / 16}


def on_meta(**settings: Any) -> TwoStream:
    with torch.device("meta"):
        return TwoStream(**PAPER | settings)


def small(variant: str, seed: int = 0, **settings: Any) -> TwoStream:
    torch.manual_seed(seed)
    return TwoStream(**SMALL | VARIANTS[variant] | settings)


def inputs(height: int = 24, width: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    frame = torch.rand(2, 3, height, width, generator=generator)
    return frame, 5 * torch.randn(2, 2, height, width, generator=generator)


@pytest.mark.parametrize(
    ("variant", "millions"),
    [("spatial", 25.81), ("temporal", 25.81), ("late", 51.61), ("early", 34.69)],
)
def test_parameters_are_the_papers(variant: str, millions: float) -> None:
    network = on_meta(**VARIANTS[variant])
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions
    assert network.upsample.weight.numel() == 64
    assert network.upsample.bias is None


@pytest.mark.parametrize(("variant", "giga"), [("spatial", 1070), ("late", 2140), ("early", 1490)])
def test_floating_point_operations_of_a_frame(variant: str, giga: int) -> None:
    network = on_meta(**VARIANTS[variant])
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        maps = network(torch.empty(1, 3, 480, 640), torch.empty(1, 2, 480, 640))
    assert counter.get_total_flops() == pytest.approx(giga * 1e9, rel=0.003)
    assert maps.saliency.shape == (1, 1, 480, 640)


def test_layers_are_in_the_papers_order() -> None:
    found = []
    for layer in on_meta(streams="appearance").modules():
        match layer:
            case nn.Conv2d():
                assert layer.stride == (1, 1)
                assert layer.bias is not None
                found.append(f"C({layer.out_channels},{layer.kernel_size[0]},{layer.padding[0]})")
            case nn.ReLU():
                found.append("ReLU")
            case nn.LocalResponseNorm():
                found.append(f"LRN({layer.size},{layer.alpha},{layer.beta},{layer.k:g})")
            case nn.MaxPool2d():
                found.append(f"P({layer.kernel_size},{layer.stride})")
            case nn.ConvTranspose2d():
                found.append(f"D({layer.kernel_size[0]},{layer.stride[0]},{layer.padding[0]})")
    assert " ".join(found) == (
        "C(96,7,3) ReLU LRN(5,0.0001,0.75,1) P(3,2) C(256,5,2) ReLU P(3,2) C(512,3,1) ReLU "
        "C(512,5,2) ReLU C(512,5,2) ReLU C(256,7,3) ReLU C(128,11,5) ReLU C(32,11,5) ReLU "
        "C(1,13,6) D(8,4,2)"
    )


def test_a_stream_by_hand() -> None:
    network, (frame, _) = small("spatial").eval(), inputs()
    weights = dict(network.state_dict())
    with torch.no_grad():
        x = (frame * 255 - torch.tensor([118.0, 110.0, 100.0])[:, None, None]) / 127.5
        for number, padding in enumerate([3, 2, 1, 2, 2, 3, 5, 5, 6], start=1):
            part = "features" if number < 5 else "regression"
            name = f"appearance.{part}.conv{number}.conv."
            x = conv2d(x, weights[name + "weight"], weights[name + "bias"], padding=padding)
            x = x.relu() if number < 9 else x
            x = local_response_norm(x, 5, 1e-4, 0.75) if number == 1 else x
            x = max_pool2d(x, 3, 2, ceil_mode=True) if number < 3 else x
        expected = (127 * network.upsample(x) + 128) / 255
        torch.testing.assert_close(network(frame, None).saliency, expected.clamp_min(0))


def test_output_is_free_in_training_and_not_negative_in_use() -> None:
    network, (frame, flow) = small("early"), inputs()
    with torch.no_grad():
        network.regression.conv9.conv.bias.fill_(-1.5)
        free = network.train()(frame, flow).saliency
        used = network.eval()(frame, flow).saliency
    assert free.min() < -0.1
    assert torch.equal(used, free.clamp_min(0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_starts_near_an_empty_map(variant: str) -> None:
    maps = torch.stack([small(variant, seed).train()(*inputs()).saliency for seed in range(4)])
    assert maps[..., 4:-4, 4:-4].abs().max() < 0.2


def test_deconvolution_interpolates() -> None:
    ramp = torch.arange(8.0).repeat(8, 1)[None, None]
    with torch.no_grad():
        large = interpolation()(ramp)
    assert large.shape == (1, 1, 32, 32)
    inside = large[0, 0, 4:-4, 4:-4]
    expected = (torch.arange(4, 28) + 0.5) / 4 - 0.5
    torch.testing.assert_close(inside, expected.expand(24, 24))


@pytest.mark.parametrize(("identity", "share"), [(1.0, 1.0), (0.5, 0.5)])
def test_early_fusion_starts_at_the_sum_or_mean_of_features(identity: float, share: float) -> None:
    network, (frame, flow) = small("early", fusion_identity=identity), inputs()
    with torch.no_grad():
        of_frame = network.appearance(normalise(frame))
        of_flow = network.motion(normalise(network.encode_flow(flow)))
        assert min(of_frame.min(), of_flow.min()) == 0  # after their ReLU
        joined = network.fusion(torch.cat([of_frame, of_flow], dim=1))
    torch.testing.assert_close(joined, share * (of_frame + of_flow))
    assert not network.fusion.bias.any()


def test_no_relu_follows_the_fusion() -> None:
    network = small("early").eval()
    seen = [torch.rand(1, 32, 6, 8), torch.rand(1, 32, 6, 8)]
    with torch.no_grad():
        network.fusion.bias.fill_(-1)
        expected = network.regression(seen[0] + seen[1] - 1)
        torch.testing.assert_close(network.join(seen), expected)
        assert (expected - network.regression((seen[0] + seen[1] - 1).relu())).abs().max() > 1e-6


def test_late_fusion_is_the_larger_map_before_the_shared_deconvolution() -> None:
    network, (frame, flow) = small("late").train(), inputs()
    with torch.no_grad():
        of_frame = network.appearance(normalise(frame))
        of_flow = network.motion(normalise(network.encode_flow(flow)))
        larger = torch.where(of_frame > of_flow, of_frame, of_flow)
        assert not torch.equal(larger, of_frame)
        assert not torch.equal(larger, of_flow)
        expected = (127 * network.upsample(larger) + 128) / 255
        torch.testing.assert_close(network(frame, flow).saliency, expected)


@pytest.mark.parametrize("start", ["spatial", "temporal"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_but_the_fusion_starts_from_one_stream(start: str, variant: str) -> None:
    given = small(start, seed=1)
    state = given.state_dict()
    network = small(variant, seed=2)
    fusion = {k: v.clone() for k, v in network.state_dict().items() if k.startswith("fusion")}
    network.load_stream(state)
    frame, _ = inputs()
    picture = normalise(frame)
    with torch.no_grad():
        whole = (given.appearance or given.motion)(picture)
        seen = [stream(picture) for stream in network.existing_streams()]
        if variant == "early":  # half of each, so that the features are those of one
            network.fusion.weight.mul_(0.5)
        torch.testing.assert_close(network.join(seen), whole)
    assert torch.equal(network.upsample.weight, given.upsample.weight)
    loaded = network.state_dict()
    assert len(fusion) == (2 if variant == "early" else 0)
    for key in fusion.keys() - {"fusion.weight"}:  # halved above; the next test compares it
        torch.testing.assert_close(loaded[key], fusion[key])


def test_a_loaded_fusion_stays_the_identity_and_streams_share_nothing() -> None:
    network = small("early")
    before = network.fusion.weight.clone()
    network.load_stream(small("spatial", seed=1).state_dict())
    assert torch.equal(network.fusion.weight, before)
    with torch.no_grad():
        network.appearance.features.conv1.conv.weight.zero_()
    assert network.motion.features.conv1.conv.weight.any()


@pytest.mark.parametrize("variant", ["late", "early"])
def test_weights_that_are_no_stream_are_refused(variant: str) -> None:
    network = small(variant)
    with pytest.raises(ValueError, match="weights of one stream"):
        network.load_stream(network.state_dict())
    with pytest.raises(ValueError, match="weights of one stream"):
        network.load_stream({})
    with pytest.raises(ValueError, match=r"conv1.conv.bias is \(12,\), expected \(6,\)"):
        network.load_stream(small("spatial", width=1 / 8).state_dict())
    cut = small("spatial").state_dict()
    cut.pop("appearance.regression.conv9.conv.bias")
    with pytest.raises(ValueError, match=r"layout: .*conv9.conv.bias is None, expected \(1,\)"):
        network.load_stream(cut)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (12, 20), (36, 52), (120, 160)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_multiples_of_4_come_back(variant: str, height: int, width: int) -> None:
    network = on_meta(**VARIANTS[variant])
    frame = torch.empty(1, 3, height, width, device="meta")
    maps = network(frame, torch.empty(1, 2, height, width, device="meta"))
    assert maps.saliency.shape == (1, 1, height, width)


@pytest.mark.parametrize(("height", "width"), [(10, 12), (12, 18), (0, 8)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_other_sides_are_refused(variant: str, height: int, width: int) -> None:
    frame = torch.empty(1, 3, height, width, device="meta")
    with pytest.raises(ValueError, match=f"multiples of 4 pixels, got {width}x{height}"):
        on_meta(**VARIANTS[variant])(frame, torch.empty(1, 2, height, width, device="meta"))


def test_motion_without_flow_is_refused_and_appearance_needs_none() -> None:
    frame, flow = inputs()
    with pytest.raises(ValueError, match="needs flow"):
        small("temporal")(frame, None)
    spatial, temporal = small("spatial").eval(), small("temporal").eval()
    with torch.no_grad():
        assert torch.equal(spatial(frame, None).saliency, spatial(frame, flow).saliency)
        assert torch.equal(temporal(0 * frame, flow).saliency, temporal(frame, flow).saliency)


@pytest.mark.parametrize(("variant", "count"), [("spatial", 9), ("late", 18), ("early", 13)])
def test_segments_are_the_convolutions_with_what_follows(variant: str, count: int) -> None:
    network = small(variant)
    segments = network.segments()
    assert len(segments) == len({id(part) for part in segments}) == count
    counted = sum(p.numel() for part in segments for p in part.parameters())
    others = [network.upsample, *([network.fusion] if network.fusion else [])]
    counted += sum(p.numel() for part in others for p in part.parameters())
    assert counted == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_learns(variant: str) -> None:
    network = small(variant)
    network(*inputs()).saliency.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(
    ("key", "value"), [("streams", "rgb"), ("fusion", "gated"), ("flow_encoding", "hsv")]
)
def test_unknown_option_names_the_known_ones(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"{key}: expected one of .*, got '{value}'"):
        on_meta(**{key: value})


def test_filters_follow_the_width() -> None:
    convs = [m for m in small("spatial").modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [6, 16, 32, 32, 32, 16, 8, 2, 1]
