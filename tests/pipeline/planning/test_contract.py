"""Networks are tried on zeros when a run is planned, each of them once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model import registry
from pipeline.config.config import Config
from pipeline.planning.contract import TRIED, try_networks
from pipeline.planning.load import load
from pipeline.runtime.errors import InputError
from pipeline.training.contract import check
from tests.builders import configuration


def planned(**changes: Any) -> Config:
    """A run whose tables measure one network."""
    found = configuration("demo")
    found["tables"] = {
        "table_1": found["tables"]["table_1"]
        | {"measured": {"Setting 1": {"model": "gfsalnet", "training": "setting_1_ucf_sports"}}}
    }
    found["sanity"] = {}
    return load(found | changes)


def test_what_was_tried_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_networks(planned(), tmp_path)
    (mark,) = (tmp_path / TRIED).read_text().split()
    monkeypatch.setattr(subprocess, "run", None)
    try_networks(planned(), tmp_path)
    assert (tmp_path / TRIED).read_text() == mark
    with pytest.raises(TypeError):
        try_networks(planned(frames=configuration("demo")["frames"] | {"width": 160}), tmp_path)


def test_frames_that_a_network_refuses_are_a_line_of_the_plan(tmp_path: Path) -> None:
    odd = planned(frames=configuration("demo")["frames"] | {"width": 100})
    with pytest.raises(SystemExit, match=r"models\.gfsalnet: .* 100x96 pixels: .*multiples of 32"):
        try_networks(odd, tmp_path)
    assert not (tmp_path / TRIED).exists()


class Probe(nn.Module):
    """Returns what a test gives it."""

    def __init__(self, *, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, frame: Tensor, flow: Tensor | None) -> object:
        match self.kind:
            case "good":
                return frame.mean(1, keepdim=True)
            case "needs values":
                return torch.from_numpy(frame.numpy())[:, :1]
            case "small":
                return frame[:, :1, ::2, ::2]
            case "none":
                return None
        raise RuntimeError("no such kind")


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.NETWORKS, "probe", f"{__name__}:Probe")


@pytest.mark.parametrize("kind", ["good", "needs values"])
def test_a_network_that_keeps_to_the_contract_passes(kind: str) -> None:
    check("mine", {"network": "probe", "kind": kind}, (32, 48))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "small"}, r"models\.mine: .* 48x32 pixels: .*\[1, 1, 16, 24\].*expected"),
        ({"kind": "none"}, "got NoneType"),
        ({"kind": "other"}, "no such kind"),
        ({}, "missing keys"),
    ],
)
def test_what_breaks_it_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check("mine", {"network": "probe", **arguments}, (32, 48))
