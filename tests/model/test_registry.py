from __future__ import annotations

import pytest

from model.baselines import CentreBias
from model.registry import NETWORKS, build


def test_networks_are_built_by_name() -> None:
    assert list(NETWORKS) == [
        *("gfsalnet", "two_stream", "centre_bias", "chance", "itti", "gbvs"),
        *("spectral_residual", "mean_map", "pqft", "coding_length", "fang"),
    ]
    assert isinstance(build("centre_bias", sigma=0.3), CentreBias)
    build("chance")


def test_unknown_network_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'unisal'.*gfsalnet"):
        build("unisal")


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
