from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model.flow.pwcnet import PWCNet
from model.flow.released_weights import released_names

# Where each layer of the released network lands.
LANDS = {
    **{f"conv{n}a.0": f"features.{n - 1}.0.0" for n in range(1, 6)},
    **{f"conv{n}aa.0": f"features.{n - 1}.1.0" for n in range(1, 6)},
    **{f"conv{n}b.0": f"features.{n - 1}.2.0" for n in range(1, 6)},
    "conv6aa.0": "features.5.0.0",
    "conv6a.0": "features.5.1.0",
    "conv6b.0": "features.5.2.0",
    **{f"conv{n}_{i}.0": f"decoders.{6 - n}.layers.{i}.0" for n in range(2, 7) for i in range(5)},
    **{f"predict_flow{n}": f"decoders.{6 - n}.flow" for n in range(2, 7)},
    **{f"deconv{n}": f"enlarge.{6 - n}.flow" for n in range(3, 7)},
    **{f"upfeat{n}": f"enlarge.{6 - n}.features" for n in range(3, 7)},
    **{f"dc_conv{i}.0": f"context.{i - 1}.0" for i in range(1, 7)},
    "dc_conv7": "context.6",
}


def test_released_weights_land_where_they_belong(released: dict[str, Tensor]) -> None:
    renamed = released_names(released)
    expected = {f"{LANDS[k.rsplit('.', 1)[0]]}.{k.rsplit('.', 1)[1]}" for k in released if lands(k)}
    assert set(renamed) == expected == set(PWCNet().state_dict())
    for name in filter(lands, released):
        layer, kind = name.rsplit(".", 1)
        if name != "conv1a.0.weight":
            assert renamed[f"{LANDS[layer]}.{kind}"] is released[name]
    first, bgr = renamed["features.0.0.0.weight"], released["conv1a.0.weight"]
    for channel in range(3):
        assert torch.equal(first[:, channel], bgr[:, 2 - channel])


def lands(name: str) -> bool:
    return not name.startswith("deconv2.")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {f"module.{name}": value for name, value in weights.items()},
        lambda weights: {name: value for name, value in weights.items() if lands(name)},
    ],
    ids=["wrapped", "prefixed", "without deconv2"],
)
def test_checkpoints_come_in_several_wrappings(
    wrap: Callable[[dict[str, Tensor]], dict[str, object]], released: dict[str, Tensor]
) -> None:
    found, expected = released_names(wrap(released)), released_names(released)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_other_weights_are_refused_by_name(released: dict[str, Tensor]) -> None:
    other = {name: value for name, value in released.items() if name != "upfeat4.bias"}
    with pytest.raises(ValueError, match=r"missing upfeat4\.bias; unexpected classifier\.weight"):
        released_names({**other, "classifier.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="expected names with weights, got a list"):
        released_names({"state_dict": []})
    with pytest.raises(ValueError, match=r"another layout(.|\n)*features\.0\.0\.0\.weight"):
        PWCNet().load_released({**released, "conv1a.0.weight": torch.zeros(8, 3, 3, 3)})
