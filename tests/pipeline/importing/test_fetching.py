"""Fetched weights: ImageNet's and authors', checked, or one line that says how to get them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from model.backbones import BACKBONES, torchvision_models
from model.registry import build
from pipeline.importing.imagenet import SERVER, imagenet
from pipeline.importing.released import released
from pipeline.planning.fetchable import FETCHABLE, Fetchable, fetchable_file
from pipeline.planning.load import configured
from pipeline.planning.needs import TORCHVISION, backbone_file, network_arguments
from pipeline.runtime.errors import InputError


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
    monkeypatch.setattr("pipeline.importing.imagenet.SERVER", (folder / "server").as_uri())
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


@pytest.fixture
def authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an authors' file is wanted; a folder plays their server."""
    file = tmp_path / "server.pth"
    file.write_bytes(b"weights")
    kept = Fetchable(file.as_uri(), hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setitem(FETCHABLE, "net", kept)
    found = fetchable_file(str(tmp_path / "raw"), "net")
    assert found is not None
    return Path(found)


def test_an_authors_file_is_fetched_and_checked(authors: Path) -> None:
    released(network="net", weights=authors)
    assert authors.read_bytes() == b"weights"
    assert authors.parts[-2:] == ("released", f"net-{FETCHABLE['net'].sha256[:8]}.pth")


def test_other_bytes_of_an_author_are_not_kept(authors: Path, tmp_path: Path) -> None:
    (tmp_path / "server.pth").write_bytes(b"Weights")
    with pytest.raises(InputError, match="invalid hash value"):
        released(network="net", weights=authors)
    assert list(authors.parent.iterdir()) == []


def test_what_cannot_be_fetched_has_a_remedy(authors: Path, tmp_path: Path) -> None:
    (tmp_path / "server.pth").unlink()
    with pytest.raises(InputError, match=r"put it there, or name another file in models \(weig"):
        released(network="net", weights=authors)
    with pytest.raises(InputError, match=r"no weights of 'salgan' are known .* only of unisal"):
        released(network="salgan", weights=authors)
    assert fetchable_file("raw", "salgan") is None


def test_addresses_are_pinned_and_the_networks_know_the_files() -> None:
    sizes = dict.fromkeys(("DHF1K", "Hollywood", "UCFSports", "SALICON"), (64, 96))
    settings = {"domains": {"dhf1k": "DHF1K"}, "sizes": sizes, "width": 0.125}
    network = build("unisal", backbone="mobilenet_v2", **settings)
    assert network.released().sha256 == (FETCHABLE["unisal"].sha256,)  # type: ignore[operator]
    for address, sha256 in FETCHABLE.values():
        assert len(sha256) == 64
        assert any(len(part) == 40 for part in address.split("/"))


def test_planning_needs_no_torch() -> None:
    check = "import pipeline.planning.fetchable, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
