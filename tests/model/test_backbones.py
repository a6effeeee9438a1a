from __future__ import annotations

import pytest
import torch

from model.backbones import (
    BACKBONES,
    STRIDE,
    ImageNetNormalise,
    load_imagenet,
    torchvision_models,
)


@pytest.mark.parametrize("name", BACKBONES)
def test_levels_halve_from_a_quarter(name: str) -> None:
    with torch.device("meta"):
        trunk = BACKBONES[name]()
        levels = trunk(torch.rand(2, 3, 96, 128))
    assert tuple(level.shape[1] for level in levels) == trunk.channels
    assert [tuple(level.shape[2:]) for level in levels] == [(24, 32), (12, 16), (6, 8), (3, 4)]
    assert 96 // levels.fourth.shape[2] == STRIDE


@pytest.mark.parametrize("name", BACKBONES)
def test_keys_are_torchvisions_without_the_classifier(name: str) -> None:
    with torch.device("meta"):
        trunk, classifier = BACKBONES[name](), getattr(torchvision_models(), name)(weights=None)
    expected = [k for k in classifier.state_dict() if not k.startswith(("fc.", "classifier."))]
    assert list(trunk.state_dict()) == expected


def test_levels_are_torchvisions_features() -> None:
    torch.manual_seed(0)
    classifier = torchvision_models().resnet18(weights=None).eval()
    trunk = BACKBONES["resnet18"]().eval()
    load_imagenet(trunk, classifier.state_dict())
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        logits = classifier.fc(trunk(image).fourth.mean(dim=(2, 3)))
        torch.testing.assert_close(logits, classifier(image))


def test_mobilenet_levels_end_in_torchvisions_features() -> None:
    torch.manual_seed(0)
    classifier = torchvision_models().mobilenet_v2(weights=None).eval()
    trunk = BACKBONES["mobilenet_v2"]().eval()
    load_imagenet(trunk, classifier.state_dict())
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        levels = trunk(image)
        torch.testing.assert_close(levels.fourth, classifier.features(image))
        torch.testing.assert_close(levels.second, classifier.features[:7](image))


def test_weights_without_classifier_and_counters_load() -> None:
    weights = {
        key: torch.full_like(value, 2)
        for key, value in BACKBONES["resnet18"]().state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    trunk = BACKBONES["resnet18"]()
    load_imagenet(trunk, weights)
    assert all((p == 2).all() for p in trunk.parameters())


def test_weights_of_another_network_are_refused() -> None:
    with torch.device("meta"):
        trunk, other = BACKBONES["resnet18"](), BACKBONES["mobilenet_v2"]()
    with pytest.raises(ValueError, match=r"missing \(conv1.weight.*unexpected \(features"):
        load_imagenet(trunk, other.state_dict())


def test_weights_of_another_shape_are_refused() -> None:
    trunk = BACKBONES["resnet18"]()
    weights = {**trunk.state_dict(), "conv1.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"1 of another shape \(conv1.weight\)"):
        load_imagenet(trunk, weights)


def test_normalisation_is_imagenets() -> None:
    image = torch.tensor([0.485, 0.456, 0.406 + 0.225])[None, :, None, None]
    normalised = ImageNetNormalise()(image)
    torch.testing.assert_close(normalised.flatten(), torch.tensor([0.0, 0.0, 1.0]))
    assert not ImageNetNormalise().state_dict()
