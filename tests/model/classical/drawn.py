"""The picture and the film that the authors' programs were run on, drawn by formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

FRAMES = 6


def drawn(time: int, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """Shaded ground, two bars, three disks, the blue of which moves, and a flickering square."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    picture = np.stack(
        [
            120 + 40 * np.sin(2 * np.pi * x / 57) + 20 * np.cos(2 * np.pi * y / 43),
            110 + 35 * np.sin(2 * np.pi * (x + y) / 71),
            100 + 45 * np.cos(2 * np.pi * (x - 2 * y) / 97),
        ],
        axis=-1,
    )
    square = (200, 200, 60) if time % 2 else (90, 90, 160)
    centre = 60 + 6 * time, 180 - 3 * time
    shapes = [
        ((np.abs(x - 250) < 3) & (np.abs(y - 60) < 30), (235, 235, 225)),
        ((np.abs(x - y - 40) < 4) & (y > 150) & (y < 210), (25, 30, 35)),
        ((x - 80) ** 2 + (y - 70) ** 2 < 20**2, (220, 40, 35)),
        ((x - 230) ** 2 + (y - 170) ** 2 < 14**2, (40, 190, 60)),
        ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 12**2, (50, 70, 230)),
        ((np.abs(x - 150) < 10) & (np.abs(y - 110) < 10), square),
    ]
    for where, colour in shapes:
        picture[where] = colour
    return np.floor(picture + 0.5).clip(0, 255).astype(np.uint8)


def frame(picture: NDArray[Any]) -> torch.Tensor:
    """A picture [y, x, 3], uint8, as a network sees it, [1, 3, y, x]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def film() -> list[torch.Tensor]:
    return [frame(drawn(time)) for time in range(FRAMES)]


def correlation(found: Any, expected: Any) -> float:
    """Pearson's, of two maps."""
    pair = [np.asarray(one, np.float64).ravel() for one in (found, expected)]
    return float(np.corrcoef(*pair)[0, 1])
