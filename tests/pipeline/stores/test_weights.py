"""Weights on disk: the same bytes every time, and the facts of their training."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.stores.seals import file_digest
from pipeline.stores.weights import (
    check_digest,
    load_pickled,
    load_weights,
    save_weights,
    weights_digest,
    weights_facts,
)


def test_weights_come_back_and_are_the_same_bytes(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    for name in ("a", "b"):
        save_weights(tmp_path / name, network, {"seed": 1, "epochs": 2, "x": [1]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert weights_facts(tmp_path / "a") == {"seed": 1, "epochs": 2, "x": [1]}
    network.load_state_dict(load_weights(tmp_path / "a"))
    (tmp_path / "c").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot read weights"):
        load_weights(tmp_path / "c")


def test_the_first_digits_of_a_digest_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    whole = hashlib.sha256(b"a").hexdigest()
    for good in (None, whole, whole[:8].upper()):
        check_digest(path, good)
    with pytest.raises(InputError, match=f"expected the sha256 00, found {whole}; fetch it again"):
        check_digest(path, "00")


def _linear(path: Path, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    network = nn.Linear(3, 3)
    save_weights(path, network, {"network": {"network": "linear"}, "seed": 1, "data": "d"})
    return network


def test_every_flipped_bit_of_weights_is_noticed(tmp_path: Path) -> None:
    """In the file's header, in what it says of itself, and in the numbers."""
    path = tmp_path / "a.safetensors"
    network = _linear(path)
    whole = path.read_bytes()
    said = weights_facts(path)
    unnoticed = []
    for place in range(len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << place % 8
        path.write_bytes(spoilt)
        try:
            tensors, facts = load_weights(path), weights_facts(path)
        except InputError as error:
            assert str(error).startswith(f"{path}: ")
            assert "rerun it: snakemake --cores 2 --forcerun" in str(error)
            continue
        # A blank in JSON may become another, which changes nothing.
        same = all(tensors[name].equal(value) for name, value in network.state_dict().items())
        unnoticed += [] if same and facts == said else [place]
    assert unnoticed == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    network = nn.Linear(3, 3)
    with torch.no_grad():
        network.weight[0, 0] = value
    save_weights(tmp_path / "a.safetensors", network, {})
    with pytest.raises(InputError, match=r"a\.safetensors: weight holds NaN or infinity; train it"):
        load_weights(tmp_path / "a.safetensors")
    torch.save({"state_dict": network.state_dict()}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: weight holds NaN or infinity; fetch it again"):
        load_pickled(tmp_path / "a.pth")


def test_weights_without_a_digest(tmp_path: Path) -> None:
    """Those of an older release are made again; those of others are taken as they are."""
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(2)}, path, metadata={"facts": '{"seed": 1}'})
    with pytest.raises(InputError, match=r"name no digest: of an older release; rerun it: "):
        load_weights(path)
    assert load_weights(path, ours=False)["x"].sum() == 2
    assert weights_digest(path) == file_digest(path)


def test_the_digest_is_of_the_tensors_alone(tmp_path: Path) -> None:
    digests = []
    for name, facts, shape in (("a", {"seed": 1}, 2), ("b", {"seed": 2}, 2), ("c", {}, 3)):
        network = nn.Linear(shape, 1)
        nn.init.ones_(network.weight)
        nn.init.zeros_(network.bias)
        save_weights(tmp_path / f"{name}.safetensors", network, facts)
        digests.append(weights_digest(tmp_path / f"{name}.safetensors"))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04N.", b"garbage"])
def test_what_torch_cannot_load_is_one_line_without_its_advice(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(
        InputError, match=r"a\.pth: no tensors that torch can load safely"
    ) as caught:
        load_pickled(tmp_path / "a.pth")
    assert "weights_only" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pickled_object_is_refused(tmp_path: Path) -> None:
    torch.save({"x": Path("x")}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"load safely \(UnpicklingError\); fetch it again"):
        load_pickled(tmp_path / "a.pth")
