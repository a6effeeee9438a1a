"""ImageNet weights: fetched and checked, or one line that says how to come by them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from model.backbones import BACKBONES, torchvision_models
from pipeline.planning.load import configured
from pipeline.planning.needs import TORCHVISION, backbone_file, network_arguments
from pipeline.runtime.errors import InputError
from pipeline.training.imagenet import SERVER, imagenet


def test_the_names_are_torchvisions() -> None:
    models = torchvision_models()
    first = {
        "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
        "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
        "mobilenet_v2": models.MobileNet_V2_Weights.IMAGENET1K_V1,
        "vgg16": models.VGG16_Weights.IMAGENET1K_V1,
        "s3d": models.video.S3D_Weights.KINETICS400_V1,
    }
    assert set(BACKBONES) <= set(first)
    addresses = {name: weights.url for name, weights in first.items()}
    assert addresses == {name: f"{SERVER}/{file}" for name, file in TORCHVISION.items()}


def served(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, begin: str) -> Path:
    """A folder that plays the server, and where a file of it is wanted."""
    (folder / "server").mkdir()
    (folder / f"server/net-{begin}.pth").write_bytes(content)
    monkeypatch.setattr("pipeline.training.imagenet.SERVER", (folder / "server").as_uri())
    return folder / f"raw/imagenet/net-{begin}.pth"


def test_a_file_is_fetched_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights"
    begin = hashlib.sha256(content).hexdigest()[:8]
    wanted = served(tmp_path, monkeypatch, content, begin)
    imagenet(weights=wanted)
    assert wanted.read_bytes() == content


def test_other_bytes_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = served(tmp_path, monkeypatch, b"else", "0123abcd")
    with pytest.raises(InputError, match="invalid hash value"):
        imagenet(weights=wanted)
    assert list(wanted.parent.iterdir()) == []


def test_without_a_network_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", none)
    wanted = tmp_path / "imagenet/resnet50-0676ba61.pth"
    with pytest.raises(InputError) as caught:
        imagenet(weights=wanted)
    message = str(caught.value)
    assert f"{wanted}: cannot fetch {SERVER}/{wanted.name} (" in message
    assert "put it there, or name another file in backbone_weights" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("run", "change", "file"),
    [
        ("paper", {}, "raw/imagenet/resnet50-0676ba61.pth"),
        ("demo", {}, None),
        (
            "demo",
            {"backbone_weights": "torchvision"},
            "raw/demo/imagenet/mobilenet_v2-b0353104.pth",
        ),
        ("demo", {"backbone_weights": "own.pth"}, "own.pth"),
        ("demo", {"backbone_weights": {"mobilenet_v2": "own.pth", "vgg16": None}}, "own.pth"),
        ("demo", {"backbone_weights": {"mobilenet_v2": None}}, None),
        ("paper", {"backbone_weights": {"vgg16": None}}, "raw/imagenet/resnet50-0676ba61.pth"),
    ],
)
def test_which_file_a_model_starts_from(run: str, change: dict[str, Any], file: str | None) -> None:
    cfg = configured(run).model_copy(update=change)
    backbone = network_arguments(cfg, "gfsalnet")["backbone"]
    assert backbone_file(cfg, backbone) == file


@pytest.mark.parametrize("weights", ["torchvision", "own.pth", None])
def test_a_network_without_a_backbone_starts_from_none(weights: str | None) -> None:
    cfg = configured("paper").model_copy(update={"backbone_weights": weights})
    backbone = network_arguments(cfg, "two_stream_spatial").get("backbone")
    assert backbone_file(cfg, backbone) is None
