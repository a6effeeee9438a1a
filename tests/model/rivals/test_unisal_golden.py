"""UNISAL with the authors' weights, beside what the authors' program made of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.released import arranged
from model.rivals import unisal
from model.rivals.parts.domain_norm import DOMAINS, ConvGRU
from model.rivals.parts.priors import gaussians
from model.rivals.unisal import UNISAL, doubled

SHARED = Path(__file__).parents[4] / "shared"
GOLDENS = ("static_0", "static_1", "static_2", "video_0", "video_1", "video_2")


@pytest.fixture(scope="module")
def official() -> UNISAL:
    """The authors' network, by way of `released`."""
    network = UNISAL(
        domains={"dhf1k": "DHF1K"},
        sizes=dict.fromkeys(DOMAINS, (224, 384)),  # goldens come in the sizes of their domains
        width=1.0,
        backbone="mobilenet_v2",
    )
    file = SHARED / "weights/unisal/weights_best.pth"
    if not file.exists():
        pytest.skip(f"no {file}")
    given, released = torch.load(file, map_location="cpu", weights_only=True), network.released()
    listed = json.loads((SHARED / "rivals/unisal/tensors.json").read_text())
    assert {name: shape for name, shape, _ in listed} == {n: [*t.shape] for n, t in given.items()}
    network.load_state_dict(
        {k: arranged(given.pop(name), layout) for k, (name, layout) in released.tensors.items()}
    )
    assert all(any(re.fullmatch(o, name) for o in released.ignored) for name in given)
    return network.eval()


def difference(network: UNISAL, name: str, frames: int | None = None) -> float:
    """Largest difference in the log density of a golden's first frames, and in the state."""
    with np.load(SHARED / "rivals/unisal" / f"{name}.npz") as golden:
        stored = {key: torch.from_numpy(golden[key]) for key in golden if key != "source"}
        network.core.enter(golden["source"].item())
    view = network.views[network.core.domain]
    seen = ((stored["frames"].permute(0, 3, 1, 2) / 255.0 - view.mean) / view.std)[None, :frames]
    height, width = stored["target_size"].tolist()
    parts, state, maps = stored.get("split", torch.tensor([1])).tolist(), None, []
    with torch.inference_mode():
        for run in seen.split(parts, 1) if frames is None else [seen]:
            still = name.startswith("static")
            found, state = network.core(run, (height, width), state, still=still)
            maps.append(found[0, :, 0])
    differs = (torch.cat(maps) - stored["log_density"][:frames]).abs().max().item()
    if "hidden" in stored and frames is None:
        assert state is not None
        differs = max(differs, (state[0] - stored["hidden"]).abs().max().item())
    return differs


@pytest.mark.shared
@pytest.mark.parametrize("name", GOLDENS)
def test_official_weights_give_the_official_maps(official: UNISAL, name: str) -> None:
    assert difference(official, name) < 1e-5


def reset_before(self: ConvGRU, features: Tensor, state: Tensor | None, kept: Tensor) -> Tensor:
    state = torch.zeros_like(features) if state is None else state
    r, z = (
        torch.sigmoid(self.features[g](features) + self.state[g](state) + self.bias[g])
        for g in "rz"
    )
    new = torch.tanh(self.features["n"](features) + self.state["n"](r * state) + self.bias["n"])
    return (1 - z) * state + z * new


def halved_first(self: unisal.Core, frame: Tensor) -> tuple[Tensor, ...]:
    taken = []
    for index, layer in enumerate(self.trunk.features):
        frame = layer(frame)
        if index in unisal.HALVING:
            frame = frame[..., ::2, ::2]
            taken.append(doubled(frame))
    priors = gaussians(self.priors[self.domain], frame.shape[-2:])
    deep = self.post_cnn(torch.cat([frame, priors], 1))
    return deep, self.skip_2x(taken[1]), self.skip_4x(taken[0])


def otherwise(function: Callable[..., Tensor], old: str, new: dict[str, Any]) -> Any:
    """The function with other settings where it has that mode."""

    def changed(*given: Any, mode: str, **settings: Any) -> Tensor:
        return function(*given, **{"mode": mode, **settings, **(new if mode == old else {})})

    return changed


ERRORS: dict[str, tuple[object, str, Any]] = {
    "reset gate before the convolution": (ConvGRU, "forward", reset_before),
    "skips after the stride": (unisal.Core, "features", halved_first),
    "align_corners": (
        unisal,
        "interpolate",
        otherwise(nn.functional.interpolate, "bilinear", {"align_corners": True}),
    ),
    "bilinear before the smoothing": (
        unisal,
        "interpolate",
        otherwise(nn.functional.interpolate, "nearest", {"mode": "bilinear"}),
    ),
    "zeros around the map": (
        unisal,
        "pad",
        otherwise(nn.functional.pad, "replicate", {"mode": "constant"}),
    ),
}


@pytest.mark.shared
@pytest.mark.parametrize("error", ERRORS)
def test_known_errors_show(official: UNISAL, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*ERRORS[error])
    assert difference(official, "video_2", frames=2) > 1e-3


@pytest.mark.shared
def test_a_video_is_no_still_and_no_other_domain_s(official: UNISAL) -> None:
    official.core.enter("DHF1K")
    clip = torch.rand(1, 1, 3, 224, 384, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        video, still = (official.core(clip, (45, 80), None, still=s)[0] for s in (False, True))
        official.core.enter("Hollywood")
        other = official.core(clip, (45, 80), None, still=False)[0]
    assert (video - still).abs().max() > 0.1
    assert (video - other).abs().max() > 0.1
