"""What covers things and backgrounds: drawn patterns, plain colours, cuts of given pictures.

Patterns are brightness [y, x], mostly within 0..1; a palette makes colours of it. Shares, lengths
and contrasts were set by eye, so that drawn pictures look about as busy as frames of videos.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.runtime.errors import InputError
from pipeline.training.flow_pairs.geometry import Floats, Picture, Size, as_picture, grid_points

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
LONGEST = 800
"""Larger pictures are reduced to this many pixels on their longer side."""


class Pictures:
    """The pictures of a folder and of the folders in it, each read when it is first used."""

    def __init__(self, folder: Path, *, kept: int = 256) -> None:
        """List the files of the folder; as many as `kept` pictures stay in memory.

        Raises:
            InputError: There is no picture in it.
        """
        self.files = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
        )
        if not self.files:
            raise InputError(
                f"{folder}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none; "
                "name another folder, or none at all to draw every texture"
            )
        self._kept, self._cache = kept, dict[int, Picture]()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Picture:
        """A picture as RGB [y, x, channel].

        Raises:
            InputError: The file is not a picture.
        """
        if index not in self._cache:
            if len(self._cache) == self._kept:
                del self._cache[next(iter(self._cache))]
            self._cache[index] = self._decode(self.files[index])
        return self._cache[index]

    def _decode(self, path: Path) -> Picture:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise InputError(
                f"{path}: expected a picture, found a file that cannot be read as one; "
                "remove it from the folder, or replace it"
            )
        scale = LONGEST / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(picture, np.uint8)


def _octaves(rng: np.random.Generator, size: Size) -> Floats:
    """Noise of all wavelengths; its amplitude falls with a random power of the frequency."""
    total = np.zeros(size, np.float32)
    fall = rng.uniform(0.3, 1.3)
    cells = float(rng.uniform(1, 4))
    weight = 0.0
    while cells < max(size) / 1.5:
        shape = [int(cells * side / max(size)) + 2 for side in size]
        grid = rng.random(shape, np.float32)
        amplitude = cells**-fall
        total += amplitude * cv2.resize(grid, size[::-1], interpolation=cv2.INTER_LINEAR)
        weight += amplitude
        cells *= 2.3
    return np.asarray((total / weight - 0.5) * 2 + 0.5, np.float32)


def _gradient(rng: np.random.Generator, size: Size) -> Floats:
    """Brightness that changes slowly, along a line or away from a point."""
    x, y = grid_points(size) / max(size)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        brightness = 0.5 + 0.7 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5))
    else:
        brightness = np.hypot(x - rng.random(), y - rng.random())
    return np.asarray(brightness, np.float32)


def _bent_wave(rng: np.random.Generator, size: Size, angle: float, length: float) -> Floats:
    """A wave in -1..1 across an angle, smooth or sharp-edged, with bent fronts."""
    x, y = grid_points(size)
    phase = (np.cos(angle) * x + np.sin(angle) * y).astype(np.float32) * (2 * np.pi / length)
    grid = rng.uniform(-1, 1, (4, 5)).astype(np.float32) * np.float32(rng.choice([0.5, 2, 6]))
    phase += cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)
    sharpness = np.float32(rng.choice([1, 2, 5]))
    return np.asarray(np.clip(sharpness * np.sin(phase), -1, 1), np.float32)


def _draw_wavelength(rng: np.random.Generator) -> float:
    """A wavelength of 9 to 70 pixels, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(9), np.log(70))))


def _stripes(rng: np.random.Generator, size: Size) -> Floats:
    """Stripes of one wavelength."""
    return 0.5 + 0.5 * _bent_wave(rng, size, rng.uniform(0, np.pi), _draw_wavelength(rng))


def _checker(rng: np.random.Generator, size: Size) -> Floats:
    """Two waves at a right angle, multiplied: a checkerboard."""
    angle, length = rng.uniform(0, np.pi), _draw_wavelength(rng)
    across = _bent_wave(rng, size, angle + np.pi / 2, length * rng.uniform(0.6, 1.6))
    return 0.5 + 0.5 * _bent_wave(rng, size, angle, length) * across


def _cells(rng: np.random.Generator, size: Size) -> Floats:
    """Cells around random points, each of one brightness, some with a bevelled edge."""
    seeds = np.full(size, 255, np.uint8)
    count = int(np.exp(rng.uniform(np.log(6), np.log(150))))
    seeds[rng.integers(size[0], size=count), rng.integers(size[1], size=count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, cv2.DIST_MASK_5)
    values = rng.random(count + 1, np.float32)[labels]
    bevel = rng.choice([0.0, 0.2, 0.5]) / max(float(distance.max()), 1.0)
    return np.asarray(values - bevel * distance, np.float32)


def _strokes(rng: np.random.Generator, size: Size) -> Floats:
    """Lines, discs and boxes on top of one another."""
    picture = np.full(size, rng.integers(256), np.uint8)
    count = int(np.exp(rng.uniform(np.log(8), np.log(80))))
    ends = rng.integers(-10, np.array(size[::-1]) + 10, (count, 2, 2)).tolist()
    kinds = rng.integers(3, size=count)
    looks = rng.integers([0, 1, 2], [256, 6, 14], (count, 3)).tolist()
    for kind, (start, end), (grey, thick, radius) in zip(kinds, ends, looks, strict=True):
        if kind == 0:
            cv2.line(picture, start, end, grey, thick, cv2.LINE_AA)
        elif kind == 1:
            cv2.circle(picture, start, radius, grey, -1, cv2.LINE_AA)
        else:
            corner = (start[0] + 2 * radius, start[1] + 3 * thick)
            cv2.rectangle(picture, start, corner, grey, -1)
    return np.asarray(picture / np.float32(255), np.float32)


_PATTERNS: tuple[tuple[Callable[[np.random.Generator, Size], Floats], float], ...] = (
    (_octaves, 0.34),
    (_gradient, 0.08),
    (_stripes, 0.12),
    (_checker, 0.1),
    (_cells, 0.16),
    (_strokes, 0.2),
)
"""Patterns and how often each is drawn."""


def _pattern(rng: np.random.Generator, size: Size) -> Floats:
    """One of the patterns, mostly with noise on it."""
    draws, shares = zip(*_PATTERNS, strict=True)
    pattern: Floats = draws[int(rng.choice(len(draws), p=shares))](rng, size)
    if rng.random() < 0.85:
        pattern += np.float32(rng.uniform(0.1, 0.9)) * (_octaves(rng, size) - 0.5)
    return pattern


def _palette(rng: np.random.Generator) -> Picture:
    """Colours of 256 levels, [256, 1, 3]; greyish ones prevail, as in photographs."""
    count = int(rng.integers(2, 6))
    grey = rng.uniform(-1, 1, (count, 1)) * rng.uniform(20, 150)
    hues = rng.uniform(-1, 1, (count, 3)) * rng.uniform(0, 70) + rng.normal(0, 25, 3)
    colours = rng.uniform(60, 195) + grey + hues
    table = cv2.resize(colours[:, None].astype(np.float32), (1, 256))
    return np.clip(table.reshape(256, 1, 3), 0, 255).astype(np.uint8)


def _painted(rng: np.random.Generator, size: Size) -> Picture:
    """A pattern in the colours of a palette."""
    brightness = np.clip(_pattern(rng, size) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(brightness, _palette(rng)), np.uint8)


def _draw_pattern(rng: np.random.Generator, size: Size) -> Picture:
    """A painted pattern, or patches of two."""
    texture = _painted(rng, size)
    if rng.random() < 0.5:
        patches = _pattern(rng, size) > rng.uniform(0.35, 0.65)
        cv2.copyTo(_painted(rng, size), patches.astype(np.uint8), texture)
    return texture


def draw_flat_texture(rng: np.random.Generator, size: Size) -> Picture:
    """A plain texture: one colour, or a slow change from one to another."""
    colours = rng.uniform(0, 255, 3) + np.array([[-0.5], [0.5]]) * rng.normal(0, 40, 3)
    share = _gradient(rng, size)[..., None] if rng.random() < 0.4 else np.full((*size, 1), 0.5)
    return as_picture(colours[0] + share * (colours[1] - colours[0]))


def _crop(rng: np.random.Generator, size: Size, picture: Picture) -> Picture:
    """A random cut of a picture, resized, at times mirrored, with its colours changed a little."""
    fits = min(side / want for side, want in zip(picture.shape[:2], size, strict=True))
    scale = min(fits, float(np.exp(rng.uniform(np.log(0.6), np.log(max(fits, 0.7))))))
    height, width = (max(1, int(side * scale)) for side in size)
    top = int(rng.integers(picture.shape[0] - height + 1))
    left = int(rng.integers(picture.shape[1] - width + 1))
    part: Any = picture[top : top + height, left : left + width]
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    part = cv2.resize(part, size[::-1], interpolation=method)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    tint = np.arange(256)[:, None] * rng.uniform(0.75, 1.25, 3) + rng.uniform(-25, 25)
    table = np.clip(tint, 0, 255).astype(np.uint8)[:, None]
    return np.asarray(cv2.LUT(np.ascontiguousarray(part), table), np.uint8)


def draw_texture(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Picture:
    """A texture [y, x, channel], drawn or cut from the pictures if there are any.

    It is blurred a little: finer detail would vanish under a shift by parts of a pixel.
    """
    if sources is not None and rng.random() < 0.7:
        texture = _crop(rng, size, sources[int(rng.integers(len(sources)))])
    else:
        texture = _draw_pattern(rng, size)
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.6, 0.9)), np.uint8)
