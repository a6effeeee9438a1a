"""Drawn films and small networks, with which a film is seen in a moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from model.outputs import Maps
from model.sight import Sight
from pipeline.raw.timing import Timing

SIZE = (32, 48)


def shot(seed: int, count: int) -> list[Any]:
    """Frames of a scene that moves by a pixel a frame, unlike those of other seeds."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (2, 5 + count // 12, 3), np.uint8)
    wide = cv2.resize(coarse, (12 * coarse.shape[1], SIZE[0]), interpolation=cv2.INTER_CUBIC)
    return [wide[:, min(k, wide.shape[1] - SIZE[1]) :][:, : SIZE[1]] for k in range(count)]


class Drawn(SimpleNamespace):
    """What `open_film` returns, of a film that is not in a file."""

    def __len__(self) -> int:
        return len(self.frames)


def drawn_film(*counts: int, source: Path = Path("drawn.mp4")) -> Any:
    """A film of shots of so many frames, which `Frames` reads."""
    frames = [frame for seed, count in enumerate(counts) for frame in shot(seed, count)]
    stamps = np.arange(max(1, len(frames)), dtype=np.int64)
    return Drawn(
        source=source,
        kind="film",
        height=SIZE[0],
        width=SIZE[1],
        timing=Timing(stamps, Fraction(1, 30), Fraction(30), 1),
        frames=frames,
        files=(),
        before=0,
        rate=None,
    )


class Frames:
    """A reader of drawn films; it remembers the frame that each began with."""

    begun: list[int]

    def __init__(self, film: Any, size: tuple[int, int], first: int) -> None:
        assert size == SIZE
        self.left = film.frames[first:]
        self.begun.append(first)

    def take(self, count: int) -> list[Any]:
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, *_: object) -> None:
        self.left = []


class Network(nn.Module):
    """Convolves all that it sees, and adds what it saw before if it carries a state."""

    def __init__(self, sight: Sight | None = None) -> None:
        super().__init__()
        self.sight = sight or Sight()
        generator = torch.Generator().manual_seed(0)
        seen = self.sight.before + 1 + self.sight.after
        weight = torch.rand(8, 3 * seen + 2 * max(1, self.sight.flows), 3, 3, generator=generator)
        self.register_buffer("weight", weight)

    def forward(self, clip: Tensor, flow: Tensor, state: Any) -> Any:
        n = clip.shape[1] - self.sight.before - self.sight.after
        windows = clip.unfold(1, clip.shape[1] - n + 1, 1).movedim(-1, 2).flatten(2, 3)
        given = torch.cat([windows, flow.flatten(2, 3) / 10], 2).flatten(0, 1)
        maps = torch.conv2d(given, self.weight, padding=1).square().mean(1, keepdim=True)
        maps = maps.unflatten(0, (-1, n))
        if not self.sight.carries:
            return Maps(maps, appearance=maps / 2)
        held = torch.zeros_like(maps[:, 0]) if state is None else state[0]
        for k in range(n):
            held = 0.7 * held + maps[:, k]
            maps[:, k] = held
        return Maps(maps, appearance=maps / 2), (held,)


def model_of(network: nn.Module, flow: Any = None) -> Any:
    """What `load` returns, of a network that takes frames of the drawn films' size."""
    sight = network.sight

    def at(height: int, width: int, rate: float, still: bool) -> Any:
        size = (height, width)
        return SimpleNamespace(network=network, sight=sight, size=size, flow=flow)

    return SimpleNamespace(
        name="net",
        about="a network",
        sha256=None,
        network=network,
        flow=flow,
        at=at,
    )
