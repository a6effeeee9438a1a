from __future__ import annotations

import pytest
import torch
from torch import Tensor

WIDTHS = {1: 16, 2: 32, 3: 64, 4: 96, 5: 128, 6: 196}
UPDATES = (128, 128, 96, 64, 32)


def released_shapes() -> dict[str, tuple[int, ...]]:
    """Weights of the released network as its code declares them, without the biases."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 3
    for level, width in WIDTHS.items():
        order = ("aa", "a", "b") if level == 6 else ("a", "aa", "b")
        for name in order:
            shapes[f"conv{level}{name}.0"] = (width, inputs, 3, 3)
            inputs = width
    for level in range(6, 1, -1):
        inputs = 81 if level == 6 else 81 + WIDTHS[level] + 4
        for index, width in enumerate(UPDATES):
            shapes[f"conv{level}_{index}.0"] = (width, inputs, 3, 3)
            inputs += width
        shapes[f"predict_flow{level}"] = (2, inputs, 3, 3)
        shapes[f"deconv{level}"] = (2, 2, 4, 4)
        if level > 2:
            shapes[f"upfeat{level}"] = (inputs, 2, 4, 4)
    for index, width in enumerate((128, 128, 128, 96, 64, 32), start=1):
        shapes[f"dc_conv{index}.0"] = (width, inputs, 3, 3)
        inputs = width
    return {**shapes, "dc_conv7": (2, inputs, 3, 3)}


@pytest.fixture(scope="module")
def released() -> dict[str, Tensor]:
    """Random weights under the released names."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, shape in released_shapes().items():
        transposed = name.startswith(("deconv", "upfeat"))
        inputs, outputs = shape[:2] if transposed else (shape[1], shape[0])
        fan = inputs * (4 if transposed else 9)
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) * (1.5 / fan) ** 0.5
        weights[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=generator)
    return weights
