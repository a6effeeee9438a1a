"""Photographs with the attention that was measured on them, from which scenes are drawn.

The layout is that of SALICON (`pipeline.datasets.salicon`): a photograph and a .mat file of the
same name. Only photographs whose attention lies in the given folder are used, so that those of
another split, in the same folder of pictures, are never seen.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline.datasets import salicon
from pipeline.datasets.records import Clip
from pipeline.raw.splits import SPLITS
from pipeline.runtime.errors import InputError
from pipeline.training.flow_pairs.geometry import Floats, Picture

SIGMA = 19 / 640
"""Standard deviation of the attention's Gaussian, as a share of the width: about 1 degree."""
_EDITION = salicon.EDITIONS[0]
"""Either: the layout is the same, and fixations are taken as they are."""
_SHARES = {"train": 8, "val": 1, "test": 1}
"""Of each ten photographs, how many a split draws from: scenes of two splits share none."""


class Photograph(NamedTuple):
    """A photograph, RGB [y, x, channel], and the density [y, x] of the attention on it, peak 1."""

    picture: Picture
    attention: Floats


class Photographs:
    """The photographs of one split, read when they are used."""

    def __init__(self, pictures: Path, attention: Path, split: str) -> None:
        """List the photographs in `pictures` whose attention is in `attention`.

        Raises:
            InputError: There are fewer than ten, or the photograph of an attention is missing.
        """
        gaze = sorted(attention.glob("*.mat"))
        files = [(pictures / f"{path.stem}.jpg", path) for path in gaze]
        if missing := [picture for picture, _ in files if not picture.is_file()]:
            raise InputError(
                f"{missing[0]}: no such photograph, but its attention is in {attention}; give the "
                "folder of the photographs"
            )
        kinds = [name for name in SPLITS for _ in range(_SHARES[name])]
        if len(files) < len(kinds):
            raise InputError(
                f"{attention}: expected the attention (.mat) on at least {len(kinds)} photographs, "
                f"found {len(files)}; give SALICON's folder fixations/train"
            )
        self.files = [file for i, file in enumerate(files) if kinds[i % len(kinds)] == split]

    def draw(self, rng: np.random.Generator) -> Photograph:
        """Return one of them by chance.

        Raises:
            InputError: The photograph or its attention is damaged.
        """
        return read(*self.files[int(rng.integers(len(self.files)))])


@lru_cache(maxsize=64)
def read(picture: Path, attention: Path) -> Photograph:
    """Return a photograph and its attention from their files.

    Raises:
        InputError: One of them is damaged.
    """
    pixels = pixels_of(picture)
    height, width = pixels.shape[:2]
    clip = Clip(picture.stem, 1, width, height, 1.0)
    gaze = salicon.read([attention], clip, edition=_EDITION)
    return Photograph(
        pixels,
        smoothed(points_map(np.stack([gaze.x, gaze.y], -1), (height, width)), SIGMA * width),
    )


def pixels_of(photograph: Path) -> Picture:
    """Return a photograph's pixels, RGB [y, x, channel].

    Raises:
        InputError: It is missing or damaged; OpenCV would fill up what is cut off.
    """
    try:
        with Image.open(photograph) as opened:
            return np.asarray(opened.convert("RGB"))
    except OSError as error:
        raise InputError(f"{photograph}: no readable photograph; fetch it again") from error


def points_map(points: Floats, size: tuple[int, int]) -> Floats:
    """Return how many points [n, (x, y)] lie in each pixel of a picture [y, x]."""
    x, y = np.round(points).astype(int).T
    flat = np.clip(y, 0, size[0] - 1) * size[1] + np.clip(x, 0, size[1] - 1)
    counts = np.bincount(flat, minlength=size[0] * size[1]).reshape(size)
    return np.asarray(counts, np.float32)


def smoothed(counts: Floats, sigma: float) -> Floats:
    """Return a map [y, x] blurred by a Gaussian, divided by its peak; zeros stay zeros."""
    found = cv2.GaussianBlur(counts, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(found / max(float(found.max()), 1e-12), np.float32)
