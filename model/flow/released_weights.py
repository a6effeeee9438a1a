"""Weights that PWC-Net's authors released for PyTorch, under the names of this repository."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from model.flow.layers import CHANNELS, CONTEXT, DECODER, FINEST

UNUSED = {"deconv2.weight", "deconv2.bias"}
"""Weights of the released network that its forward pass never reads; a file may omit them."""


def released_layers() -> dict[str, str]:
    """Return the released network's layer names and those of `PWCNet`, without weight and bias."""
    coarsest = len(CHANNELS)
    names = {}
    for level in range(1, coarsest + 1):
        # The coarsest level's layers are named in another order than the rest.
        order = ("aa", "a", "b") if level == coarsest else ("a", "aa", "b")
        for index, name in enumerate(order):
            names[f"conv{level}{name}.0"] = f"features.{level - 1}.{index}.0"
    for step, level in enumerate(range(coarsest, FINEST - 1, -1)):
        for index in range(len(DECODER)):
            names[f"conv{level}_{index}.0"] = f"decoders.{step}.layers.{index}.0"
        names[f"predict_flow{level}"] = f"decoders.{step}.flow"
        if level > FINEST:
            names[f"deconv{level}"] = f"enlarge.{step}.flow"
            names[f"upfeat{level}"] = f"enlarge.{step}.features"
    for index in range(len(CONTEXT)):
        names[f"dc_conv{index + 1}.0"] = f"context.{index}.0"
    names[f"dc_conv{len(CONTEXT) + 1}"] = f"context.{len(CONTEXT)}"
    return names


def released_names(state_dict: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename the weights that the paper's authors released for PyTorch (pwc_net.pth.tar).

    The released network sees BGR, this one RGB, so the first layer's input channels are reversed.
    The file may be wrapped in {"state_dict": ...}, and names may begin with "module.". The result
    is the state dict of a PWCNet with its default arguments.

    Raises:
        ValueError: Names are missing or unexpected.
    """
    inner = state_dict.get("state_dict", state_dict)
    if not isinstance(inner, Mapping):
        raise ValueError(f"state_dict: expected names with weights, got a {type(inner).__name__}")
    given = {str(key).removeprefix("module."): value for key, value in inner.items()}
    names = {
        f"{released}.{kind}": f"{own}.{kind}"
        for released, own in released_layers().items()
        for kind in ("weight", "bias")
    }
    missing = [name for name in names if name not in given]
    unexpected = [name for name in given if name not in names and name not in UNUSED]
    if missing or unexpected:
        raise ValueError(
            "these weights are not those of the released PWC-Net: missing"
            f" {', '.join(missing) or 'none'}; unexpected {', '.join(unexpected) or 'none'}"
        )
    weights = {own: given[released] for released, own in names.items()}
    weights["features.0.0.0.weight"] = weights["features.0.0.0.weight"].flip(1)
    return weights
