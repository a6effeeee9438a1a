from __future__ import annotations

import sys

import pytest

from model import registry
from model.registry import NETWORKS, build, module_of, parameters_of


def test_networks_are_built_by_name() -> None:
    known = {
        *("gfsalnet", "two_stream", "centre_bias", "chance", "itti", "gbvs"),
        *("spectral_residual", "mean_map", "pqft", "coding_length", "fang"),
    }
    assert known <= NETWORKS.keys()  # a network of one's own may stand beside them
    assert type(build("centre_bias", sigma=0.3)).__name__ == "CentreBias"
    build("chance")


@pytest.mark.parametrize("network", NETWORKS)
def test_every_line_names_a_network(network: str) -> None:
    assert "self" not in parameters_of(network)
    assert sys.modules[module_of(network)].__name__ == module_of(network)


def test_unknown_network_names_the_known_ones() -> None:
    for ask in (build, parameters_of, module_of):
        with pytest.raises(ValueError, match=r"unknown network 'deepgaze'.*gfsalnet"):
            ask("deepgaze")


@pytest.mark.parametrize(
    "line", ["model.deepgaze:Net", "models.gfsalnet:GFSalNet", "model.baselines:Centre", "model"]
)
def test_a_line_that_names_nothing_is_refused(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "deepgaze", line)
    with pytest.raises(ValueError, match=rf"registry\.py: network 'deepgaze': there is no {line};"):
        build("deepgaze")


def test_what_a_module_cannot_import_is_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError("No module named 'timm'", name="timm")

    monkeypatch.setattr(registry, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match="timm"):
        build("chance")


def test_wrong_keys_are_named_with_the_allowed_ones() -> None:
    with pytest.raises(
        ValueError, match=r"unknown keys \['sigmaa'\], missing keys \['sigma'\].*takes sigma"
    ):
        build("centre_bias", sigmaa=0.3)
    with pytest.raises(ValueError, match=r"unknown keys \['sigma'\].*takes none"):
        build("chance", sigma=0.3)
    with pytest.raises(ValueError, match="missing keys") as error:
        build("gfsalnet")
    assert "flow_scale" in str(error.value)
    assert "'map_kernel'" not in str(error.value)
