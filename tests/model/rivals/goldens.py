"""Maps of the authors' own programs, computed with stand-in weights in the place of released ones.

They lie beside the checkout; where they are absent the tests that need them are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.released import arranged, released_shape

FOLDER = Path(__file__).parents[4] / "shared" / "rivals"


def golden(system: str) -> dict[str, np.ndarray]:
    """What a program was given and what it returned."""
    file = FOLDER / system / "standin_golden.npz"
    if not file.is_file():
        pytest.skip(f"no {file}")
    with np.load(file) as arrays:
        return dict(arrays)


def standin(system: str) -> dict[str, np.ndarray]:
    """The stand-in weights by the names of the released file."""
    file = FOLDER / "standin.py"
    if not file.is_file():
        pytest.skip(f"no {file}")
    spec = importlib.util.spec_from_file_location("standin", file)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.ALL[system]())


def load_keras(network: Any, system: str) -> None:
    """Load the stand-in weights of a file of Keras, whose order must be the network's."""
    weights = standin(system)
    layout = json.loads((FOLDER / system / "h5_layout.json").read_text())
    tensors = {f"{group}/{name}": weights[name] for group, name, _ in layout}
    assert [source.name for source in network.released().tensors.values()] == list(tensors)
    load_released(network, tensors)


def load_released(network: Any, tensors: dict[str, np.ndarray]) -> None:
    """Load a released file's tensors; every one has its place, and every place its tensor."""
    assert isinstance(network, nn.Module)
    released = network.released()  # type: ignore[operator]
    state = network.state_dict()
    names = {source.name for source in released.tensors.values()}
    ignored = {name for name in tensors if any(re.fullmatch(p, name) for p in released.ignored)}
    assert names == tensors.keys() - ignored
    assert len(names) == len(released.tensors)
    filled: dict[str, Tensor] = {}
    for key, source in released.tensors.items():
        assert tensors[source.name].shape == released_shape(state[key].shape, source.layout), key
        filled[key] = arranged(torch.from_numpy(tensors[source.name]), source.layout)
    rest = state.keys() - filled.keys()
    assert all(key.endswith("num_batches_tracked") for key in rest), rest
    network.load_state_dict(state | filled, assign=True)
