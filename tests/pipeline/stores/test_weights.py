"""Weights on disk: the same bytes every time, and the facts of their training."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from torch import nn

from pipeline.runtime.errors import InputError
from pipeline.stores.weights import check_digest, load_weights, save_weights, weights_facts


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
