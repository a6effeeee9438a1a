from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.backbones import ImageNetNormalise, torchvision_models
from model.rivals.parts.vgg import CAFFE_MEAN, CONVOLUTIONS, VGG, SamePool, as_seen
from model.rivals.parts.view import View

CAFFE = View(size=(32, 48), colour="bgr", gain=255.0, mean=CAFFE_MEAN)


def weights(width: int = 8) -> dict[str, torch.Tensor]:
    """Of torchvision's vgg16, but with a `width`-th of the filters."""
    trunk = VGG(width=1 / width, seen=CAFFE, dense=False)
    return {
        f"features.{number}.{part}": torch.randn(
            trunk.get_parameter(f"{name}.{part}").shape,
            generator=torch.Generator().manual_seed(number),
        )
        for name, number in CONVOLUTIONS.items()
        for part in ("weight", "bias")
    }


@pytest.mark.parametrize(("dense", "sides"), [(False, (6, 9)), (True, (12, 18))])
def test_thirteen_convolutions_of_the_published_size(dense: bool, sides: tuple[int, int]) -> None:
    with torch.device("meta"):
        trunk = VGG(width=1, seen=CAFFE, dense=dense)
        features = trunk(torch.rand(2, 3, 96, 144))
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 14_714_688
    assert tuple(features.shape) == (2, 512, *sides)
    assert trunk.channels == 512 and len(trunk.segments()) == 5


def test_a_narrow_trunk_keeps_its_layers() -> None:
    trunk = VGG(width=1 / 512, seen=CAFFE, dense=False)
    assert [name for name, _ in trunk.named_parameters() if name.endswith("weight")] == [
        f"{name}.weight" for name in CONVOLUTIONS
    ]
    assert trunk.channels == 1


def test_features_are_torchvisions() -> None:
    with torch.device("meta"):
        features = torchvision_models().vgg16(weights=None).features
    convolutions = [n for n, layer in enumerate(features) if isinstance(layer, torch.nn.Conv2d)]
    assert convolutions == list(CONVOLUTIONS.values())
    for narrow, layer in zip(weights().values(), features[:30].parameters(), strict=True):
        assert narrow.ndim == layer.ndim


def test_the_first_layer_computes_the_same_of_what_is_seen() -> None:
    torch.manual_seed(0)
    layer, frame = torch.nn.Conv2d(3, 5, 3).double(), torch.rand(2, 3, 32, 48).double()
    views = [
        CAFFE,
        View(size=(32, 48), colour="rgb", gain=2.0, mean=(1, 1, 1)),
        View(size=(32, 48), colour="bgr", gain=255.0, mean=CAFFE_MEAN[::-1], std=(2.0, 3.0, 4.0)),
    ]
    for view in views:
        weight, bias = as_seen(layer.weight, layer.bias, view)
        found = torch.nn.functional.conv2d(view(frame), weight, bias)
        torch.testing.assert_close(found, layer(ImageNetNormalise()(frame)), rtol=1e-5, atol=1e-5)


def test_torchvisions_weights_load_with_or_without_the_classifier() -> None:
    trunk, given = VGG(width=1 / 8, seen=CAFFE, dense=True), weights()
    trunk.load_backbone(given, CAFFE)
    torch.testing.assert_close(trunk.block5.conv3.weight, given["features.28.weight"])
    before = trunk.block1.conv1.weight.clone()
    trunk.load_backbone(given | {"classifier.0.weight": torch.zeros(3)}, CAFFE)
    assert before.equal(trunk.block1.conv1.weight)
    assert not before.equal(given["features.0.weight"])


@pytest.mark.parametrize("fault", ["missing", "unexpected", "reshaped"])
def test_other_weights_are_refused_by_name(fault: str) -> None:
    given = weights()
    if fault == "missing":
        del given["features.5.bias"]
    elif fault == "unexpected":
        given["features.5.running_mean"] = torch.zeros(3)
    else:
        given["features.5.weight"] = torch.zeros(3)
    with pytest.raises(ValueError, match=r"vgg16: features\.5\.(bias|running_mean|weight) is "):
        VGG(width=1 / 8, seen=CAFFE, dense=False).load_backbone(given, CAFFE)


def test_same_pooling_looks_right_and_below() -> None:
    features = torch.tensor([[5.0, 1.0, -2.0], [3.0, 2.0, -9.0]])[None, None]
    expected = torch.tensor([[5.0, 2.0, -2.0], [3.0, 2.0, -9.0]])[None, None]
    assert SamePool()(features).equal(expected)


def test_a_random_start_keeps_the_scale_of_what_it_sees() -> None:
    torch.manual_seed(0)
    trunk = VGG(width=1 / 4, seen=CAFFE, dense=False)
    spread = trunk.block1(CAFFE(torch.rand(4, 3, 32, 48))).std()
    assert 0.1 < spread < 3


@pytest.mark.shared
def test_imagenets_weights_see_the_same_as_torchvision_sees() -> None:
    file = Path(__file__).parents[4] / "shared/weights/vgg16_imagenet_features_f16.pth"
    if not file.is_file():
        pytest.skip(f"no {file}")
    given = torch.load(file, weights_only=True)
    trunk = VGG(width=1, seen=CAFFE, dense=False)
    trunk.load_backbone(given, CAFFE)
    first = [given[f"features.0.{part}"].float() for part in ("weight", "bias")]
    frame = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.conv2d(ImageNetNormalise()(frame), *first)
    ours = trunk.block1.conv1(CAFFE(frame))
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        assert 0 < trunk(CAFFE(frame)).mean() < 10
