"""Deep ConvNet, STSConvNet and STSMaxNet: the two-stream networks that have released weights."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.losses import centred
from model.rivals.parts.salnet_finish import finished
from model.two_stream import TwoStream
from tests.model.rivals.goldens import golden, load_released, standin

DEEP: dict[str, Any] = {
    "streams": "appearance",
    "fusion": "late",
    "fuse_after": 4,
    "width": 1.0,
    "fusion_identity": 1.0,
    "flow_encoding": "uvm",
    "flow_scale": 20.0,
    "size": (320, 320),
    "colour": "bgr",
}
STS = DEEP | {"streams": "both", "fusion": "early", "fuse_after": 5, "size": (512, 512)}
MAX = STS | {"fusion": "max"}
BLOBS = {
    "deepconv": [f"conv{n}/{b}" for n in range(1, 10) for b in (0, 1)] + ["deconv1/0"],
    "stsconv": [
        *(f"conv{n}{s}/{b}" for n in range(1, 6) for s in ("", "_b") for b in (0, 1)),
        *(
            f"{layer}/{b}"
            for layer in ("conv_fuse", *(f"conv{n}" for n in range(6, 10)))
            for b in (0, 1)
        ),
        "deconv1/0",
    ],
}
SETTINGS = {"deepconv": DEEP, "stsconv": STS}


def on_meta(settings: dict[str, Any]) -> TwoStream:
    with torch.device("meta"):
        return TwoStream(**settings)


def tiny(settings: dict[str, Any], seed: int = 0, **other: Any) -> TwoStream:
    torch.manual_seed(seed)
    return TwoStream(**settings | {"width": 1 / 16} | other).eval()


def pictures(height: int = 36, width: int = 64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(7)
    return torch.rand(2, 3, height, width), 5 * torch.randn(2, 2, height, width)


@pytest.mark.parametrize(
    ("settings", "count"), [(DEEP, 25_806_209), (STS, 41_248_257), (MAX, 40_723_457)]
)
def test_parameters_are_those_of_the_authors_files(settings: dict[str, Any], count: int) -> None:
    assert sum(p.numel() for p in on_meta(settings).parameters()) == count


@pytest.mark.parametrize("system", SETTINGS)
def test_blobs_come_in_the_order_of_the_file(system: str) -> None:
    released = on_meta(SETTINGS[system]).released()
    assert released.format == "caffe"
    assert [source.name for source in released.tensors.values()] == BLOBS[system]
    assert released.tensors.keys() == on_meta(SETTINGS[system]).state_dict().keys()


def test_a_motion_stream_alone_has_the_names_of_one_stream() -> None:
    released = on_meta(DEEP | {"streams": "motion"}).released()
    assert [source.name for source in released.tensors.values()] == BLOBS["deepconv"]


@pytest.mark.parametrize("other", [{"fusion": "late"}, {"fuse_after": 4}, {"fuse_after": 6}])
def test_unreleased_variants_name_the_released_one(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="choose fuse_after: 5"):
        on_meta(STS | other).released()


@pytest.mark.parametrize("after", [3, 9, None])
def test_a_fusion_elsewhere_is_refused(after: object) -> None:
    with pytest.raises(ValueError, match=rf"fuse_after: expected 4 to 8, got {after}"):
        on_meta(STS | {"fuse_after": after})


@pytest.mark.parametrize("settings", [STS, MAX])
def test_features_are_fused_after_the_relu_of_conv5(settings: dict[str, Any]) -> None:
    network = tiny(settings)
    seen = [network.see(picture) for picture in torch.rand(2, 1, 3, 24, 32)]
    with torch.no_grad():
        one, other = (
            stream.regression.conv5(stream.features(picture))
            for stream, picture in zip(network.existing_streams(), seen, strict=True)
        )
        assert min(one.min(), other.min()) == 0
        joined = one + other if network.fusion is not None else torch.where(one > other, one, other)
        for layer in network.regression:
            joined = layer(joined)
        torch.testing.assert_close(network.core(seen), network.upsample(joined))


@pytest.mark.parametrize("settings", [STS, MAX])
def test_both_streams_and_what_they_share_start_from_one(settings: dict[str, Any]) -> None:
    given, network = tiny(DEEP, seed=1), tiny(settings, seed=2)
    network.load_stream(given.state_dict())
    with torch.no_grad():
        if network.fusion is not None:  # half of each, so that the features are those of one
            network.fusion.weight.mul_(0.5)
        seen = given.see(pictures()[0])
        torch.testing.assert_close(network.core([seen, seen]), given.core([seen]))


def test_a_larger_frame_is_shrunk_and_the_map_comes_back() -> None:
    network = tiny(STS, size=(16, 32))
    frame, flow = pictures(36, 64)
    assert network.see(frame).shape[-2:] == (16, 28)  # 28.4 px
    with torch.no_grad():
        maps = network(frame, flow).saliency
    assert maps.shape == (2, 1, 36, 64)
    assert maps.min() >= 0


def test_a_smaller_frame_is_not_enlarged() -> None:
    frame = pictures(36, 64)[0]
    assert network_sees(tiny(DEEP), frame) == (36, 64)
    assert network_sees(tiny(DEEP, size=(30, 60)), frame) == (30, 53)  # rounded as OpenCV does


def network_sees(network: TwoStream, frame: Tensor) -> tuple[int, ...]:
    return tuple(network.see(frame).shape[-2:])


def test_sides_of_any_length_give_a_map_of_the_frame() -> None:
    network, frame = tiny(DEEP), torch.rand(1, 3, 30, 53)
    with torch.no_grad():
        assert network.core([network.see(frame)]).shape[-2:] == (28, 52)  # as Caffe pools
        assert network(frame, None).saliency.shape == (1, 1, 30, 53)


def test_streams_see_blue_first_with_the_authors_means() -> None:
    frame = torch.tensor([1.0, 0.5, 0.25])[None, :, None, None].expand(1, 3, 8, 8)
    seen = tiny(DEEP).see(frame)[0, :, 0, 0]
    expected = (torch.tensor([63.75, 127.5, 255]) - torch.tensor([100, 110, 118])) / 127.5
    torch.testing.assert_close(seen, expected)
    torch.testing.assert_close(tiny(DEEP, colour="rgb").see(frame)[0, :, 0, 0], expected.flip(0))


def test_finish_is_the_authors_program() -> None:
    rng = np.random.default_rng(3)
    output = rng.normal(0, 0.6, (2, 12, 16)).astype(np.float32)
    output[1] = -2  # all black: nothing to stretch
    expected = []
    for plane in output:
        grey = np.clip(plane * 128 + 127, 0, 255)
        grey = cv2.resize(grey, (45, 33), interpolation=cv2.INTER_CUBIC)
        grey = np.clip(cv2.GaussianBlur(grey, (5, 5), 0), 0, 255)
        expected.append((grey / max(grey.max(), 1) * 255.0).astype(np.uint8))
    found = finished(torch.from_numpy(output)[:, None], (33, 45))[:, 0].numpy()
    assert np.abs(found - np.stack(expected)).max() <= 1  # cut to whole numbers
    assert (found == np.stack(expected)).mean() > 0.99
    assert found[0].max() == 255
    assert not found[1].any()


def test_finish_is_for_predictions_only() -> None:
    plain, other = tiny(STS), tiny(STS, finish="authors")
    with torch.no_grad():
        maps = other(*pictures()).saliency
        assert torch.equal(maps, maps.floor())
        assert torch.equal(maps.amax(dim=(1, 2, 3)), torch.full((2,), 255.0))
        free = plain.train()(*pictures()).saliency
        assert torch.equal(other.train()(*pictures()).saliency, free)


@cache
def filled(system: str) -> TwoStream:
    """With the stand-in weights, through the names of the released file."""
    network = TwoStream(**SETTINGS[system])
    load_released(network, standin(system))
    return network.train()  # without the clamp to densities >= 0


def unlike(system: str, spoil: Callable[[TwoStream], object] = id) -> float:
    """Largest difference from the authors' program as a share of its output's spread.

    It is given RGB frames in [0, 1], of which it makes what the program was fed.
    """
    given, network = golden(system), deepcopy(filled(system))
    fed = torch.from_numpy(given["inputs"])[:, None]
    grey = 127.5 * fed + torch.tensor([100.0, 110.0, 118.0])[:, None, None]
    frame, *picture = (grey / 255).flip(2)
    network.encode_flow = lambda _: picture[0]  # type: ignore[assignment]
    spoil(network)
    with torch.no_grad():
        found = centred(network(frame, frame[:, :2]).saliency)[0, 0].numpy()
    expected = given["output"]
    return float(np.abs(found - expected).max() / expected.std())


@pytest.mark.shared
@pytest.mark.parametrize("system", SETTINGS)
def test_the_map_is_that_of_the_authors_program(system: str) -> None:
    assert unlike(system) < 5e-5


def means_of_rgb(network: TwoStream) -> None:
    """The program's numbers taken as they stand for red, green and blue."""
    see = network.see
    shift = torch.tensor([18.0, 0.0, -18.0])[:, None, None] / 127.5
    network.see = lambda picture: see(picture) - shift  # type: ignore[method-assign]


def channels_unswapped(network: TwoStream) -> None:
    network.swaps = False


def pooling_rounds_down(network: TwoStream) -> None:
    for module in network.modules():
        if isinstance(module, nn.MaxPool2d):
            module.ceil_mode, module.padding = False, 1  # the sizes stay, the windows shift


def normalised_before_relu(network: TwoStream) -> None:
    conv, relu, norm, pool = network.appearance.features.conv1
    network.appearance.features.conv1 = nn.Sequential(conv, norm, relu, pool)


def normalised_around_two(network: TwoStream) -> None:
    network.appearance.features.conv1.norm.k = 2.0


def deconvolution_with_bias(network: TwoStream) -> None:
    network.upsample.bias = nn.Parameter(torch.full((1,), 0.1))


def relu_after_fusion(network: TwoStream) -> None:
    network.fusion = nn.Sequential(network.fusion, nn.ReLU())


def frame_for_flow(network: TwoStream) -> None:
    core = network.core
    network.core = lambda seen: core([seen[0], seen[0]])  # type: ignore[method-assign]


def streams_exchanged(network: TwoStream) -> None:
    core = network.core
    network.core = lambda seen: core(seen[::-1])  # type: ignore[method-assign]


def larger_for_fused(network: TwoStream) -> None:
    network.fusion = None


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("system", "error"),
    [
        ("deepconv", means_of_rgb),
        ("deepconv", channels_unswapped),
        ("deepconv", pooling_rounds_down),
        ("deepconv", normalised_before_relu),
        ("deepconv", normalised_around_two),
        ("deepconv", deconvolution_with_bias),
        ("stsconv", relu_after_fusion),
        ("stsconv", frame_for_flow),
        ("stsconv", streams_exchanged),
        ("stsconv", larger_for_fused),
    ],
)
def test_a_known_error_shows(system: str, error: Callable[[TwoStream], None]) -> None:
    assert unlike(system, error) > 1e-4


@pytest.mark.shared
def test_fusion_after_conv4_does_not_take_the_weights() -> None:
    network = on_meta(STS | {"fuse_after": 4})
    network.fused_after = 5
    with pytest.raises(AssertionError):
        load_released(network, standin("stsconv"))
