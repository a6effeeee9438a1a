"""Lanczos's filter as Pillow has it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from model.rivals.parts.view import resized

PICTURE = np.random.default_rng(5).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def ours(size: tuple[int, int]) -> np.ndarray:
    picture = torch.from_numpy(PICTURE).permute(2, 0, 1)[None] / 255.0
    levels = 255 * resized(picture, size, "lanczos")[0].permute(1, 2, 0).double().numpy()
    assert np.abs(levels - levels.round()).max() < 1e-4
    return levels.round()


@pytest.mark.parametrize("size", [(32, 64), (41, 97), (96, 128), (60, 32), (33, 80), (7, 5)])
def test_it_is_pillows(size: tuple[int, int]) -> None:
    # Width first, as older Pillows have it; 13 takes the height first where that is less work.
    wide = Image.fromarray(PICTURE).resize((size[1], 60), Image.Resampling.LANCZOS)
    theirs = np.asarray(wide.resize(size[::-1], Image.Resampling.LANCZOS))
    difference = np.abs(ours(size) - theirs)
    assert difference.max() <= 1  # a level that falls between two
    assert (difference > 0).mean() < 1e-3


def test_opencvs_does_not_average() -> None:
    theirs = cv2.resize(PICTURE, (32, 24), interpolation=cv2.INTER_LANCZOS4)
    assert np.abs(ours((24, 32)) - theirs).mean() > 10


def test_autocast_leaves_it_alone() -> None:
    picture = torch.rand(1, 3, 60, 80, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        seen = resized(picture, (32, 64), "lanczos")
    assert torch.equal(seen, resized(picture, (32, 64), "lanczos"))
