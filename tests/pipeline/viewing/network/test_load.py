"""Models by name: which there are, and what is said of them and of those there are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from model.sight import see
from pipeline.runtime.errors import InputError
from pipeline.viewing.network import load as loading
from pipeline.viewing.network.load import known_names, load
from tests.builders import NETWORK
from tests.pipeline.viewing.network.drawn_weights import official, ours


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no cache, and no weights in the package."""
    monkeypatch.setenv("GFSALNET_OFFLINE", "1")
    monkeypatch.setenv("GFSALNET_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr(loading, "WEIGHTS", str(tmp_path / "packed"))


def refused(*given: object, **keys: object) -> str:
    with pytest.raises(InputError) as caught:
        load(*given, **keys)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["spectral_residual", "itti", "gbvs", "pqft", "fang", "centre_bias"]
)
def test_classical_models_need_no_weights(name: str) -> None:
    model = load(name)
    assert model.flows == (name == "fang")
    fitted = model.at(72, 128, 25.0, False)
    assert fitted.size == (72, 128)
    frames = torch.rand(1, 2 + fitted.sight.before, 3, *fitted.size)
    maps, _ = see(fitted.network, frames, torch.rand(1, 2, 1, 2, *fitted.size))
    assert maps.saliency.shape == (1, 2, 1, 72, 128)
    assert maps.saliency.min() >= 0


def test_unisal_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = official(tmp_path, monkeypatch)
    model = load("unisal")
    assert file.name in model.about
    assert "Apache-2.0" in model.about
    again = load("unisal", weights=file)
    for one, other in zip(model.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_default_is_the_best_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = load("default")
    assert none.name == "spectral_residual"
    assert "needs none" in none.why
    assert "GFSALNET_OFFLINE" in none.why
    official(tmp_path, monkeypatch)
    assert load("default").name == "unisal"
    ours(tmp_path / "packed/gfsalnet-light.safetensors")
    light = load("default")
    assert light.name == "gfsalnet-light"
    assert "comes with the package" in light.why


def test_weights_in_the_package_are_a_name(tmp_path: Path) -> None:
    ours(tmp_path / "packed/gfsalnet-light.safetensors", frames={"height": 192, "width": 320})
    assert known_names()[0] == "gfsalnet-light"
    model = load("gfsalnet-light")
    assert model.flows
    assert model.at(720, 1280, 25.0, False).size == (192, 320)
    alone = ours(tmp_path / "alone.safetensors", streams="appearance")
    assert not load(alone).flows
    assert load("gfsalnet", weights=alone).network.motion is None
    assert "comes with its weights" in refused("gfsalnet-light", weights=alone)


def test_what_is_not_known_gets_one_line(tmp_path: Path) -> None:
    assert "did you mean unisal?" in refused("unisl")
    assert "known are default" in refused("unisl")
    assert "TASED_updated.pt" in refused("tased_net")
    assert "needs no weights" in refused("itti", weights=tmp_path / "a.pth")
    assert "no such file" in refused(tmp_path / "a.safetensors")
    assert "cannot be fetched" in refused("unisal")
    assert "is trained by this workflow" in refused("gfsalnet")
    assert "found" in (said := refused("unisal", weights=ours(tmp_path / "no.pth")))
    assert said.endswith("fetch it again, or leave it out")
    assert "device tpu9" in refused("itti", device="tpu9")
    mine = ours(tmp_path / "mine.safetensors")
    assert "weights of gfsalnet, not of unisal" in refused("unisal", weights=mine)
    assert "give one of them" in refused(mine, weights=mine)


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    from model.registry import build
    from pipeline.stores.weights import save_weights

    wider = build(**NETWORK | {"main_channels": [16, 4]})
    save_weights(tmp_path / "a.safetensors", wider, {"network": NETWORK})
    said = refused(tmp_path / "a.safetensors")
    assert "not weights of the network that it names" in said and "Error(s)" not in said
    assert said.endswith("train them again, or choose a name that `gfsalnet info` lists")


def test_more_threads_than_cores_are_not_begun() -> None:
    before = torch.get_num_threads()
    try:
        load("spectral_residual", threads=100_000)
        assert torch.get_num_threads() <= (os.cpu_count() or 1)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("", {}, "no such model, nor a file; known are default"),
        (".", {}, "no such model, nor a file"),
        ("gone.safetensors", {}, "no such file of weights; check its name"),
        ("notes.txt", {}, r"notes\.txt: no weights .* choose another file"),
        ("unisal", {"weights": "gone.pth"}, r"gone\.pth: no such file of weights"),
        ("unisal", {"weights": "notes.safetensors"}, r"notes\.safetensors: no weights of a train"),
        ("spectral_residual", {"runtime": "tensorrt"}, "known are torch and onnx"),
        ("spectral_residual", {"threads": 0}, "0 threads: give 1 or more"),
    ],
)
def test_arguments_that_lead_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: Any, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in ("notes.txt", "notes.safetensors"):
        Path(file).write_text("no weights")
    with pytest.raises(InputError, match=says) as error:
        load(name, **options)
    assert "snakemake" not in str(error.value), "the remedy is one of this command"
