from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from model.backbones import torchvision_models
from model.released import released_shape
from model.rivals.parts.s3d import KINETICS_MEAN, KINETICS_STD, S3D, layouts_of, torchvision_name
from tests.model.rivals.test_sliding import clip_of, columns

SHARED = Path(__file__).parents[4] / "shared/rivals/tased"


@pytest.fixture(scope="module")
def trunk() -> S3D:
    return S3D(width=1.0)


@pytest.fixture(scope="module")
def torchvision() -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = import_s3d()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm3d):
            nn.init.normal_(layer.running_mean, 0, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
    return network.eval()


def import_s3d() -> nn.Module:
    torchvision_models()
    from torchvision.models.video import s3d

    network: nn.Module = s3d(weights=None)
    return network


@torch.no_grad()
def test_kinetics_weights_make_torchvisions_features(trunk: S3D, torchvision: nn.Module) -> None:
    trunk.load_kinetics(torchvision.state_dict())
    trunk.eval()
    frames = torch.rand(1, 3, 32, 64, 96)
    # Far from the border, whose padding is another colour: features of the first block.
    given = (frames.transpose(1, 2) - mean()) / std()
    theirs = torchvision.features[0](given.transpose(1, 2))
    ours = clip_of(trunk.base1[0](columns(2 * frames - 1)))
    inside = (..., slice(2, -1), slice(2, -1))
    torch.testing.assert_close(ours[inside], theirs[inside], atol=1e-4, rtol=1e-4)
    assert (ours - theirs).abs().max() > 1e-3
    # And from the first block on, all of them.
    features = torchvision.features[2:4](torchvision.features[1](theirs))
    same = trunk.base1[1:](columns(theirs))
    torch.testing.assert_close(clip_of(same), features, atol=1e-4, rtol=1e-4)
    for number, part in ((5, trunk.base2), (8, trunk.base3), (14, trunk.base4)):
        channels = part[0].branch0[0].conv.in_channels
        picture = torch.rand(1, channels, 4, 4, 6)
        theirs = torchvision.features[number : number + len(part)](picture)
        torch.testing.assert_close(clip_of(part(columns(picture))), theirs, atol=1e-4, rtol=1e-4)


def mean() -> Tensor:
    return torch.tensor(KINETICS_MEAN)[:, None, None]


def std() -> Tensor:
    return torch.tensor(KINETICS_STD)[:, None, None]


def test_other_weights_are_refused_by_name(trunk: S3D, torchvision: nn.Module) -> None:
    weights = torchvision.state_dict()
    first = "features.0.0.0.weight"
    with pytest.raises(ValueError, match=f"1 missing .{first}"):
        trunk.load_kinetics({key: value for key, value in weights.items() if key != first})
    with pytest.raises(ValueError, match=r"1 unexpected .features\.99"):
        trunk.load_kinetics(weights | {"features.99": torch.zeros(1)})
    with pytest.raises(ValueError, match=f"1 of another shape .{first}"):
        trunk.load_kinetics(weights | {first: torch.zeros(64, 3, 1, 7, 5)})


@pytest.mark.shared
def test_names_and_order_are_torchvisions(trunk: S3D) -> None:
    file = SHARED / "torchvision_s3d_to_kylemin.json"
    if not file.exists():
        pytest.skip(f"no {file}")
    known = json.loads(file.read_text())
    layouts = layouts_of(trunk)
    ours = [
        [torchvision_name(key), [*released_shape(value.shape, layouts[key])]]
        for key, value in trunk.state_dict().items()
    ]
    assert ours == [[name, shape] for name, _, shape in known if "classifier" not in name]


def test_a_pointwise_convolution_is_torchs(trunk: S3D) -> None:
    layer = trunk.base1[2].conv
    maps = torch.randn(2, 64, 3, 4)
    torch.testing.assert_close(layer(maps), conv2d(maps, layer.weight), atol=1e-5, rtol=1e-5)
