"""Things: textured shapes with an opacity, whose outlines are blobs, polygons or limbs."""

import cv2
import numpy as np

from pipeline.training.flow_pairs.geometry import Floats, Picture, Size
from pipeline.training.flow_pairs.textures import Pictures, draw_texture

MARGIN = 4
"""Transparent pixels around a shape: room for its soft edge."""
_SUBPIXEL_BITS = 4
"""OpenCV draws at fixed-point coordinates: in sixteenths of a pixel."""


def _round(rng: np.random.Generator) -> Floats:
    """Outline [point, 2] in -1..1 of an ellipse, or of a blob with waves in its radius."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angle)
    if rng.random() < 0.6:
        for waves in range(2, 7):
            height = rng.uniform(0, 0.7) / waves
            radius += height * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    points = np.stack([np.cos(angle), np.sin(angle) * rng.uniform(0.3, 1)], -1) * radius[:, None]
    return np.asarray(points / np.abs(points).max(), np.float32)


def _polygon(rng: np.random.Generator) -> Floats:
    """Outline [point, 2] in -1..1 of a star-shaped polygon with three to nine corners."""
    count = int(rng.integers(3, 10))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = rng.uniform(0.35, 1, count)
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1).astype(np.float32)


def _filled(rng: np.random.Generator, side: int) -> Picture:
    """Mask of one filled outline, sometimes with a hole."""
    mask = np.zeros((side, side), np.uint8)
    half = side / 2 - MARGIN
    points = (_polygon if rng.random() < 0.4 else _round)(rng)
    _fill(mask, points * half, 255)
    if rng.random() < 0.15:
        _fill(mask, _round(rng) * half * rng.uniform(0.2, 0.45), 0)
    return mask


def _fill(mask: Picture, points: Floats, value: int) -> None:
    """Fills an outline, whose points are relative to the middle of the mask."""
    fixed = np.round((points + len(mask) / 2) * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(mask, [fixed], value, cv2.LINE_AA, _SUBPIXEL_BITS)


def _limbs(rng: np.random.Generator, side: int) -> Picture:
    """Mask of thin bent parts with a common root, like those of a tree, a chair or a person."""
    mask = np.zeros((side, side), np.uint8)
    half = side / 2 - MARGIN
    root = rng.uniform(-0.3, 0.3, 2)
    for _ in range(int(rng.integers(1, 6))):
        path = root + np.cumsum(rng.uniform(-0.6, 0.6, (int(rng.integers(1, 4)), 2)), axis=0)
        path = np.clip(np.vstack([root, path]), -0.9, 0.9) * half + side / 2
        thick = int(rng.integers(2, max(3, side // 8) + 1))
        fixed = np.round(path * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(mask, [fixed], False, 255, thick, cv2.LINE_AA, _SUBPIXEL_BITS)
    return mask


def draw_shape(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Picture:
    """A thing as RGB and opacity [y, x, channel], square, with edges as soft as a camera's.

    Its side is 15 to 95 % of the picture's shorter one, small things as likely as large ones.
    """
    short = min(size)
    side = int(np.exp(rng.uniform(np.log(0.15 * short), np.log(0.95 * short)))) + 2 * MARGIN
    mask = (_limbs if rng.random() < 0.25 else _filled)(rng, side)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.choice([0.6, 0.6, 1.2])), np.uint8)
    # A transparent border: what is beyond the canvas continues it.
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return np.dstack([draw_texture(rng, (side, side), sources), mask])
