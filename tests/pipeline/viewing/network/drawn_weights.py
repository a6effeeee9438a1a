"""Files of weights with drawn numbers, in the place of those that are trained or fetched."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from model.registry import build
from model.rivals import unisal
from pipeline.planning.fetchable import FETCHABLE, Fetchable
from pipeline.planning.load import configured
from pipeline.planning.needs import network_arguments
from pipeline.stores.weights import save_weights
from tests.builders import NETWORK

SPREAD = 0.3
"""Variance that UNISAL's normalisations have met: with the 1 of the start, values fade away."""


def ours(file: Path, *, frames: dict[str, int] | None = None, **keys: Any) -> Path:
    """A file of weights of ours, of a small network."""
    arguments = NETWORK | keys
    torch.manual_seed(0)
    network = build(**arguments)
    # As after a training: statistics that are not those of the start.
    with torch.no_grad():
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(std=0.1)
    facts: dict[str, Any] = {"network": arguments}
    save_weights(file, network, facts | ({"frames": frames} if frames else {}))
    return file


def official(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A file in the layout of UNISAL's authors, which then is the known one, in a cache of its own.

    The network is as wide as theirs: config.yaml says so.
    """
    torch.manual_seed(0)
    network: Any = build(**network_arguments(configured("paper"), "unisal_released"))
    with torch.no_grad():  # so that its maps vary over the frame, and with what the state holds
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(SPREAD)
    known, state = network.released(), network.state_dict()
    released = {source.name: state[key].clone() for key, source in known.tensors.items()}
    file = folder / "authors.pth"
    torch.save(released, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    patch.setattr(unisal, "SHA256", digest)
    address = (folder / "nowhere/weights.pth").as_uri()
    patch.setitem(FETCHABLE, "unisal", Fetchable(address, digest))
    patch.setenv("GFSALNET_HOME", str(folder / "home"))
    (folder / "home").mkdir()
    file.rename(folder / f"home/unisal-{digest[:8]}.pth")
    return folder / f"home/unisal-{digest[:8]}.pth"


def light(file: Path, size: tuple[int, int], *, streams: str = "both", flow: Any = "dis") -> Path:
    """A file of weights of the light network, as small as it gets; `flow` None: it names none."""
    arguments = {
        "network": "gfsalnet_light",
        "streams": streams,
        "size": [*size],
        "backbone": "mobilenet_v2",
        "layers": 14,
        "channels": [16, 8],
        "motion_channels": [8, 8, 8],
        "spread": 0.005,
        "aside": 0.3,
        "scales": (1.0, 1.25),
        "frozen": True,
        "picture_head": True,
    }
    torch.manual_seed(0)
    network = build(**arguments)
    with torch.no_grad():  # as after a training, so that maps vary over the frame
        for name, tensor in network.state_dict().items():
            if name.endswith("running_mean"):
                tensor.normal_(std=0.1)
            elif name.endswith("running_var"):
                tensor.fill_(SPREAD)
            elif name.endswith(".conv.weight") and not tensor.any():
                tensor.normal_()
    facts: dict[str, Any] = {"network": arguments}
    facts["frames"] = {"height": size[0], "width": size[1]}
    if flow == "dis":
        flow = {"estimator": "dis", "preset": "fast", "cut": None}
    save_weights(file, network, facts | ({"flow": flow} if flow else {}))
    return file
