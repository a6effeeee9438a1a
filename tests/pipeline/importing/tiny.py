"""A network with a layer of each layout, and the files that its authors could have released."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.released import Format, Layout, Released, Source

LAYOUTS: dict[str, tuple[Layout, Layout, Layout]] = {
    "npz": ("flipped", "same", "same"),
    "hdf5": ("hwio", "hwoi", "matrix"),
    "tensorflow": ("hwio", "hwoi", "matrix"),
    "caffe": ("same", "same", "same"),
    "torch": ("same", "same", "same"),
    "mat": ("patches", "same", "matrix"),
}
"""Format -> layout of a convolution, a transposed one and a matrix."""
KEYS = ["conv.weight", "conv.bias", "up.weight", "fc.weight"]
KEYS += ["norm.running_mean", "norm.running_var"]
NAMES = {
    "npz": [f"arr_{number}" for number in range(6)],
    "hdf5": [
        "conv2d_1/conv2d_1/kernel:0",
        "conv2d_1/conv2d_1/bias:0",
        "conv2d_transpose_1/conv2d_transpose_1/kernel:0",
        "dense_2/dense_2/kernel:0",
        "batch_1/batch_1/moving_mean:0",
        "batch_1/batch_1/moving_variance:0",
    ],
    "tensorflow": [
        f"net/{name}" for name in ("a_conv/w", "b_conv/b", "c_up/w", "d_fc/w", "mean", "variance")
    ],
    "caffe": ["conv/0", "conv/1", "up/0", "fc/0", "norm/0", "norm/1"],
    "torch": KEYS,
    "mat": ["W", "b", "up", "fc", "mean", "variance"],
}


class Tiny(nn.Module):
    def __init__(self, *, form: Format, ordered: bool = False, authors: str = "") -> None:
        super().__init__()
        self.form, self.ordered, self.authors = form, ordered, authors
        self.conv = nn.Conv2d(3, 2, 3)
        self.up = nn.ConvTranspose2d(2, 4, 2, bias=False)
        self.fc = nn.Linear(4, 3, bias=False)
        self.norm = nn.BatchNorm2d(3, affine=False)

    def forward(self, frame: Tensor, flow: Tensor | None) -> Tensor:
        seen = self.up(self.conv(frame))[..., : frame.shape[-2], : frame.shape[-1]]
        seen = nn.functional.pad(seen, (0, 1, 0, 1))
        mixed = self.norm(self.fc(seen.movedim(1, -1)).movedim(-1, 1))
        return mixed.square().mean(1, keepdim=True)

    def released(self) -> Released:
        conv, up, fc = LAYOUTS[self.form]
        layouts: tuple[Layout, ...] = (conv, "same", up, fc, "same", "same")
        sources = map(Source, NAMES[self.form], layouts)
        return Released(
            self.form,
            dict(zip(KEYS, sources, strict=True)),
            ordered=self.ordered,
            ignored=(r".*[/.]Adam(_1)?", "loss/.*"),
            sha256=(self.authors,) if self.authors else (),
        )


def arrays(form: Format, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Random tensors of the released file, in its layout."""
    random = np.random.default_rng(seed)
    shapes = {
        "same": [(2, 3, 3, 3), (2,), (2, 4, 2, 2), (3, 4), (3,), (3,)],
        "hwio": [(3, 3, 3, 2), (2,), (2, 2, 4, 2), (4, 3), (3,), (3,)],
        "patches": [(2, 27), (2,), (2, 4, 2, 2), (4, 3), (3,), (3,)],
    }[LAYOUTS[form][0].replace("flipped", "same")]
    return {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in zip(NAMES[form], shapes, strict=True)
    }


def right(form: Format, found: dict[str, NDArray[Any]]) -> dict[str, Tensor]:
    """What the network must hold, one number after another: index by index."""
    conv, bias, up, fc, mean, variance = found.values()
    state = {
        "conv.weight": np.empty((2, 3, 3, 3)),
        "conv.bias": bias,
        "up.weight": np.empty((2, 4, 2, 2)),
        "fc.weight": np.empty((3, 4)),
        "norm.running_mean": mean,
        "norm.running_var": variance,
    }
    for place in np.ndindex(2, 3, 3, 3):
        out, into, y, x = place
        theirs: dict[str, tuple[int, ...]] = {
            "flipped": (out, into, 2 - y, 2 - x),
            "hwio": (y, x, into, out),
            "patches": (out, 9 * into + 3 * x + y),
        }
        state["conv.weight"][place] = conv[theirs.get(LAYOUTS[form][0], place)]
    for place in np.ndindex(2, 4, 2, 2):
        into, out, y, x = place
        state["up.weight"][place] = up[(y, x, out, into) if LAYOUTS[form][1] == "hwoi" else place]
    for place in np.ndindex(3, 4):
        state["fc.weight"][place] = fc[place[::-1] if LAYOUTS[form][2] == "matrix" else place]
    return {key: torch.from_numpy(np.array(value)).float() for key, value in state.items()}
