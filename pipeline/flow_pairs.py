"""Pairs of pictures whose optical flow is known, made up to train a flow network on.

In the manner of FlyingChairs (Dosovitskiy et al., ICCV 2015): textured shapes fly over a textured
background. Each layer has a motion of its own, rigid or bending, besides the camera's, and nearer
layers hide farther ones. Both pictures are drawn from the layers, so the flow is not estimated but
computed: at a pixel of the first picture it is where the map of the layer seen there takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError

Floats = NDArray[np.float32]
Matrix = NDArray[np.float64]
Picture = NDArray[np.uint8]
Size = tuple[int, int]
"""Height and width."""
Seed = int | Sequence[int]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
_REFERENCE = (256, 384)
"""Motions are stated in pixels of this size, and grow with the picture."""
_FASTEST = 60.0
_PLAIN, _FLAT = 0.3, 0.15
"""Shares of backgrounds and of things with nothing on them: walls, skies, screens."""
_BEND = 0.25
"""Bound of the slope of a bending: well below one, so that the map can be inverted."""
_MARGIN = 4
"""Transparent pixels around a shape."""


class Motion(NamedTuple):
    """A smooth map of the plane, stated backwards: whence a point of the second picture comes.

    A rigid map with zoom, and waves on top: p = rigid^-1(q) + sum over k of
    amplitude_k sin(frequency_k q + phase_k).
    """

    rigid: Matrix
    """[3, 3] from the first to the second picture."""
    amplitudes: Floats
    """[wave, 2] pixels."""
    frequencies: Floats
    """[wave, 2] radians per pixel."""
    phases: Floats
    """[wave]."""

    @property
    def reach(self) -> float:
        """The most that the waves move a point, in pixels."""
        return float(np.hypot(*self.amplitudes.T).sum())

    def _waves(self, points: Floats) -> Floats:
        moved = np.zeros_like(points)
        for amplitude, (right, down), phase in zip(
            self.amplitudes, self.frequencies, self.phases, strict=True
        ):
            wave = np.sin(right * points[0] + down * points[1] + phase)
            moved += amplitude.reshape(2, *(1,) * wave.ndim) * wave
        return moved

    def backward(self, points: Floats) -> Floats:
        """[2, ...] points (x, y) of the second picture to points of the first."""
        return _apply(_inverse(self.rigid), points) + self._waves(points)

    def forward(self, points: Floats) -> Floats:
        """The inverse of `backward`, by fixed-point iteration: q = rigid(p - waves(q))."""
        found = _apply(self.rigid, points)
        for _ in range(30 if len(self.amplitudes) else 0):
            last, found = found, _apply(self.rigid, points - self._waves(found))
            if not found.size or np.abs(found - last).max() < 1e-4:
                break
        return found


_NO_WAVES = (np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), np.zeros(0, np.float32))


def _inverse(matrix: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(matrix), np.float64)


def _apply(matrix: Matrix, points: Floats) -> Floats:
    (a, b, right), (c, d, down) = matrix[:2].astype(np.float32)
    x, y = points
    return np.stack([a * x + b * y + right, c * x + d * y + down])


def _similarity(
    centre: tuple[float, float], shift: tuple[float, float], degrees: float, zoom: float
) -> Matrix:
    """Turns and zooms about a centre, then shifts: [3, 3]."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(centre, degrees, zoom)
    matrix[:2, 2] += shift
    return matrix


@dataclass(frozen=True)
class Layer:
    """A texture with an opacity, and how it moves."""

    canvas: Picture
    """[y, x, channel] RGB and opacity; the background has no opacity and goes on for ever."""
    place: Matrix
    """[3, 3] from the first picture to the canvas."""
    motion: Motion

    @property
    def endless(self) -> bool:
        """Whether it is the background."""
        return bool(self.canvas.shape[2] == 3)

    def box(self, size: Size, second: bool) -> tuple[slice, slice]:
        """Rows and columns of a picture outside which the layer cannot be seen."""
        height, width = self.canvas.shape[:2]
        if self.endless:
            return slice(0, size[0]), slice(0, size[1])
        corners = np.array([[0, width, 0, width], [0, 0, height, height]], np.float32)
        matrix = _inverse(self.place)
        corners = _apply(self.motion.rigid @ matrix if second else matrix, corners)
        reach = 2 + 1.5 * self.motion.reach * second
        low, high = np.floor(corners.min(axis=1) - reach), np.ceil(corners.max(axis=1) + reach)
        left, top = np.clip(low, 0, size[::-1]).astype(int)
        right, bottom = np.clip(high, 0, size[::-1]).astype(int)
        return slice(top, bottom), slice(left, right)

    def draw(self, points: Floats, second: bool) -> Picture:
        """Colour and opacity at the points [2, y, x] of a picture."""
        x, y = _apply(self.place, self.motion.backward(points) if second else points)
        border = cv2.BORDER_REFLECT_101 if self.endless else cv2.BORDER_CONSTANT
        drawn = cv2.remap(self.canvas, x, y, cv2.INTER_CUBIC, borderMode=border)
        return np.asarray(drawn, np.uint8)


class Scene(NamedTuple):
    """Layers from the farthest, the background, to the nearest."""

    size: Size
    layers: list[Layer]

    def frame(self, *, second: bool) -> tuple[Floats, NDArray[np.int8]]:
        """A picture [y, x, channel] in 0..255, and the index of the layer seen at each pixel."""
        picture = np.zeros((*self.size, 3), np.float32)
        seen = np.zeros(self.size, np.int8)
        points = _points(self.size)
        for i, layer in enumerate(self.layers):
            box = layer.box(self.size, second)
            if not seen[box].size:
                continue
            drawn = layer.draw(points[:, *box], second)
            if layer.endless:
                picture[box] = drawn
                continue
            opacity = drawn[..., 3:].astype(np.float32) / 255
            picture[box] += opacity * (drawn[..., :3] - picture[box])
            seen[box][opacity[..., 0] > 0.5] = i
        return picture, seen

    def flow(self, seen: NDArray[np.int8]) -> Floats:
        """Flow [2, y, x] (right, down; pixels) of the layers seen in the first picture."""
        points = _points(self.size).reshape(2, -1)
        flow = np.zeros_like(points)
        for i, layer in enumerate(self.layers):
            where = np.flatnonzero(seen == i)
            here = points[:, where]
            flow[:, where] = layer.motion.forward(here) - here
        return flow.reshape(2, *self.size)


@lru_cache(maxsize=4)
def _points(size: Size) -> Floats:
    """[2, y, x] the x and y of every pixel."""
    points = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0]))).astype(np.float32)
    points.flags.writeable = False
    return points


class Pictures:
    """The pictures of a folder and of those in it, read when they are first asked for."""

    def __init__(self, folder: Path, *, kept: int = 256, longest: int = 800) -> None:
        """Lists the folder.

        Args:
            folder: Pictures of any sizes.
            kept: Number of pictures that stay in memory.
            longest: Larger pictures are reduced to this many pixels on their longer side.

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
        self._kept, self._longest = kept, longest
        self._read = dict[int, Picture]()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Picture:
        """RGB [y, x, channel].

        Raises:
            InputError: The file is not a picture.
        """
        if index not in self._read:
            if len(self._read) == self._kept:
                del self._read[next(iter(self._read))]
            self._read[index] = self._picture(self.files[index])
        return self._read[index]

    def _picture(self, path: Path) -> Picture:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise InputError(
                f"{path}: expected a picture, found a file that cannot be read as one; "
                "remove it from the folder, or replace it"
            )
        scale = self._longest / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return np.asarray(picture, np.uint8)


def _codes(picture: Floats) -> Picture:
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)


# Patterns: brightness [y, x], mostly within 0..1.


def _octaves(rng: np.random.Generator, size: Size) -> Floats:
    """Noise of all wavelengths, whose amplitude falls with a random power of the frequency."""
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
    x, y = _points(size) / max(size)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        brightness = 0.5 + 0.7 * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5))
    else:
        brightness = np.hypot(x - rng.random(), y - rng.random())
    return np.asarray(brightness, np.float32)


def _wave(rng: np.random.Generator, size: Size, angle: float, length: float) -> Floats:
    """Stripes, smooth or sharp, a little bent."""
    x, y = _points(size)
    phase = (np.cos(angle) * x + np.sin(angle) * y).astype(np.float32) * (2 * np.pi / length)
    grid = rng.uniform(-1, 1, (4, 5)).astype(np.float32) * np.float32(rng.choice([0.5, 2, 6]))
    phase += cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)
    sharpness = np.float32(rng.choice([1, 2, 5]))
    return np.asarray(np.clip(sharpness * np.sin(phase), -1, 1), np.float32)


def _length(rng: np.random.Generator) -> float:
    """A wavelength in pixels, short ones being as likely as long ones."""
    return float(np.exp(rng.uniform(np.log(9), np.log(70))))


def _stripes(rng: np.random.Generator, size: Size) -> Floats:
    return 0.5 + 0.5 * _wave(rng, size, rng.uniform(0, np.pi), _length(rng))


def _checker(rng: np.random.Generator, size: Size) -> Floats:
    angle, length = rng.uniform(0, np.pi), _length(rng)
    across = _wave(rng, size, angle + np.pi / 2, length * rng.uniform(0.6, 1.6))
    return 0.5 + 0.5 * _wave(rng, size, angle, length) * across


def _cells(rng: np.random.Generator, size: Size) -> Floats:
    """Each pixel is as bright as the nearest of some random points."""
    seeds = np.full(size, 255, np.uint8)
    count = int(np.exp(rng.uniform(np.log(6), np.log(150))))
    seeds[rng.integers(size[0], size=count), rng.integers(size[1], size=count)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, cv2.DIST_MASK_5)
    values = rng.random(count + 1, np.float32)[labels]
    bevel = rng.choice([0.0, 0.2, 0.5]) / max(float(distance.max()), 1.0)
    return np.asarray(values - bevel * distance, np.float32)


def _strokes(rng: np.random.Generator, size: Size) -> Floats:
    """Lines, discs and boxes on top of each other."""
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


def _pattern(rng: np.random.Generator, size: Size) -> Floats:
    draws, shares = zip(*_PATTERNS, strict=True)
    pattern: Floats = draws[int(rng.choice(len(draws), p=shares))](rng, size)
    if rng.random() < 0.85:
        pattern += np.float32(rng.uniform(0.1, 0.9)) * (_octaves(rng, size) - 0.5)
    return pattern


def _palette(rng: np.random.Generator) -> Picture:
    """[256, 1, 3] colours from dark to bright; photographs are seldom as gaudy as chance."""
    count = int(rng.integers(2, 6))
    grey = rng.uniform(-1, 1, (count, 1)) * rng.uniform(20, 150)
    hues = rng.uniform(-1, 1, (count, 3)) * rng.uniform(0, 70) + rng.normal(0, 25, 3)
    colours = rng.uniform(60, 195) + grey + hues
    table = cv2.resize(colours[:, None].astype(np.float32), (1, 256))
    return np.clip(table.reshape(256, 1, 3), 0, 255).astype(np.uint8)


def _painted(rng: np.random.Generator, size: Size) -> Picture:
    brightness = np.clip(_pattern(rng, size) * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(brightness, _palette(rng)), np.uint8)


def _drawn(rng: np.random.Generator, size: Size) -> Picture:
    """One pattern, or patches of two."""
    texture = _painted(rng, size)
    if rng.random() < 0.5:
        patches = _pattern(rng, size) > rng.uniform(0.35, 0.65)
        cv2.copyTo(_painted(rng, size), patches.astype(np.uint8), texture)
    return texture


def _flat(rng: np.random.Generator, size: Size) -> Picture:
    """One colour, or a slow change from one to another."""
    colours = rng.uniform(0, 255, 3) + np.array([[-0.5], [0.5]]) * rng.normal(0, 40, 3)
    share = _gradient(rng, size)[..., None] if rng.random() < 0.4 else np.full((*size, 1), 0.5)
    return _codes(colours[0] + share * (colours[1] - colours[0]))


def _crop(rng: np.random.Generator, size: Size, picture: Picture) -> Picture:
    """A part of a picture, resized, mirrored or not, in colours changed a little."""
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


def _texture(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Picture:
    """[y, x, channel], without detail that a shift by parts of a pixel would blur away."""
    if sources is not None and rng.random() < 0.7:
        texture = _crop(rng, size, sources[int(rng.integers(len(sources)))])
    else:
        texture = _drawn(rng, size)
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.6, 0.9)), np.uint8)


# Shapes: outlines [point, 2] in -1..1, as lists of parts that are filled.


def _round(rng: np.random.Generator) -> Floats:
    """An ellipse, or a blob with a wavy outline."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angle)
    if rng.random() < 0.6:
        for waves in range(2, 7):
            height = rng.uniform(0, 0.7) / waves
            radius += height * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    points = np.stack([np.cos(angle), np.sin(angle) * rng.uniform(0.3, 1)], -1) * radius[:, None]
    return np.asarray(points / np.abs(points).max(), np.float32)


def _polygon(rng: np.random.Generator) -> Floats:
    count = int(rng.integers(3, 10))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    radius = rng.uniform(0.35, 1, count)
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], -1).astype(np.float32)


def _filled(rng: np.random.Generator, side: int) -> Picture:
    """One outline, sometimes with a hole."""
    mask = np.zeros((side, side), np.uint8)
    half = side / 2 - _MARGIN
    points = (_polygon if rng.random() < 0.4 else _round)(rng)
    _fill(mask, points * half, 255)
    if rng.random() < 0.15:
        _fill(mask, _round(rng) * half * rng.uniform(0.2, 0.45), 0)
    return mask


def _fill(mask: Picture, points: Floats, value: int) -> None:
    fixed = np.round((points + len(mask) / 2) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], value, cv2.LINE_AA, 4)


def _limbs(rng: np.random.Generator, side: int) -> Picture:
    """Thin bent parts that start at one place, as of a tree, a chair or a person."""
    mask = np.zeros((side, side), np.uint8)
    half = side / 2 - _MARGIN
    root = rng.uniform(-0.3, 0.3, 2)
    for _ in range(int(rng.integers(1, 6))):
        path = root + np.cumsum(rng.uniform(-0.6, 0.6, (int(rng.integers(1, 4)), 2)), axis=0)
        path = np.clip(np.vstack([root, path]), -0.9, 0.9) * half + side / 2
        thick = int(rng.integers(2, max(3, side // 8) + 1))
        fixed = np.round(path * 16).astype(np.int32)
        cv2.polylines(mask, [fixed], False, 255, thick, cv2.LINE_AA, 4)
    return mask


def _shape(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Picture:
    """RGB and opacity [y, x, channel] of a thing; edges are as soft as a camera's."""
    short = min(size)
    side = int(np.exp(rng.uniform(np.log(0.15 * short), np.log(0.95 * short)))) + 2 * _MARGIN
    mask = (_limbs if rng.random() < 0.25 else _filled)(rng, side)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.choice([0.6, 0.6, 1.2])), np.uint8)
    mask[[0, -1]] = 0
    mask[:, [0, -1]] = 0
    return np.dstack([_texture(rng, (side, side), sources), mask])


# Motions, in pixels of _REFERENCE.


def _speed(rng: np.random.Generator, mean: float) -> tuple[float, float]:
    """A shift to any side: small ones are frequent, and there is a long tail."""
    hurry = 3 if rng.random() < 0.1 else 1
    length = min(rng.gamma(0.8, hurry * mean / 0.8), _FASTEST)
    angle = rng.uniform(0, 2 * np.pi)
    return length * np.cos(angle), length * np.sin(angle)


def _unit(size: Size) -> float:
    return float(np.sqrt(size[0] * size[1] / (_REFERENCE[0] * _REFERENCE[1])))


def _camera(rng: np.random.Generator, size: Size) -> Matrix:
    """Pan, and now and then a turn and a zoom about the middle; or a tripod."""
    if rng.random() < 0.25:
        return np.eye(3)
    unit = _unit(size)
    right, down = _speed(rng, 4.0)
    turns, zooms = rng.random(2) < 0.4
    return _similarity(
        (size[1] / 2, size[0] / 2),
        (right * unit, down * unit),
        turns * rng.normal(0, 2),
        np.exp(zooms * rng.normal(0, 0.03)),
    )


def _own(rng: np.random.Generator, size: Size, centre: tuple[float, float]) -> Matrix:
    """The motion of a thing besides the camera's; every fifth thing stands still."""
    if rng.random() < 0.2:
        return np.eye(3)
    unit = _unit(size)
    right, down = _speed(rng, 7.0)
    turns, zooms = rng.random(2) < 0.5
    return _similarity(
        centre,
        (right * unit, down * unit),
        turns * rng.normal(0, 7),
        np.exp(zooms * np.clip(rng.normal(0, 0.05), -0.15, 0.15)),
    )


def _motion(rng: np.random.Generator, rigid: Matrix, extent: float) -> Motion:
    """A rigid map with waves not much shorter than the layer is large, or without any."""
    waves = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    length = extent * rng.uniform(0.7, 2.5, waves)
    angle = rng.uniform(0, 2 * np.pi, (2, waves))
    frequency = 2 * np.pi / length
    height = rng.uniform(0.2, 1, waves) ** 2 * _BEND / max(waves, 1) / frequency
    return Motion(
        rigid,
        (height * np.stack([np.cos(angle[0]), np.sin(angle[0])])).T.astype(np.float32),
        (frequency * np.stack([np.cos(angle[1]), np.sin(angle[1])])).T.astype(np.float32),
        rng.uniform(0, 2 * np.pi, waves).astype(np.float32),
    )


def _thing(rng: np.random.Generator, size: Size, camera: Matrix, sources: Pictures | None) -> Layer:
    canvas = _shape(rng, size, sources)
    if rng.random() < _FLAT:
        canvas[..., :3] = _flat(rng, canvas.shape[:2])
    side = canvas.shape[0]
    centre = (float(rng.uniform(0, size[1])), float(rng.uniform(0, size[0])))
    middle = ((side - 1) / 2, (side - 1) / 2)
    shift = (middle[0] - centre[0], middle[1] - centre[1])
    place = _similarity(centre, shift, rng.uniform(-180, 180), rng.uniform(0.9, 1.1))
    return Layer(canvas, place, _motion(rng, camera @ _own(rng, size, centre), side))


def scene(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Scene:
    """A background and up to eight things before it."""
    plain = rng.random() < _PLAIN
    # Nobody sees whether a plain ground moves; a network is to say that it does not.
    camera = np.eye(3) if plain else _camera(rng, size)
    texture = _flat(rng, size) if plain else _texture(rng, size, sources)
    turn = _similarity((size[1] / 2, size[0] / 2), (0, 0), rng.uniform(-10, 10), 0.95)
    ground = Motion(camera, *_NO_WAVES) if plain else _motion(rng, camera, max(size))
    layers = [Layer(texture, turn, ground)]
    layers += [_thing(rng, size, camera, sources) for _ in range(int(rng.integers(plain, 9)))]
    return Scene(size, layers)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(0.5, 4))


def _exposed(rng: np.random.Generator, picture: Floats, change: bool) -> Floats:
    """A picture with another gain, contrast curve and tint."""
    if not change:
        return picture
    gain, gamma = np.exp(rng.normal(0, 0.06)), np.exp(rng.normal(0, 0.08))
    table = gain * 255 * (np.linspace(0, 1, 256)[:, None] ** gamma)
    table = table * np.exp(rng.normal(0, 0.02, 3)) + rng.normal(0, 4)
    codes = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(codes, table.astype(np.float32)[:, None]), np.float32)


def _taken(rng: np.random.Generator, pictures: Sequence[Floats]) -> list[Floats]:
    """What a camera does to two pictures: exposure that drifts, blur that comes, noise."""
    exposes, blurs, rustles = rng.random(3) < (0.5, 0.2, 0.4)
    out = []
    for i, picture in enumerate(pictures):
        taken = _exposed(rng, picture, bool(exposes) and i == 1)
        if blurs and rng.random() < 0.5:
            taken = np.asarray(cv2.GaussianBlur(taken, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
        out.append(taken + _noise(rng, taken.shape) if rustles else taken)
    return out


def pair(
    seed: Seed, size: Size, sources: Pictures | None = None, *, photometric: bool = True
) -> tuple[Picture, Picture, Floats]:
    """Two pictures and the flow between them; the same seed gives the same.

    Args:
        seed: Of everything that is left to chance.
        size: Height and width.
        sources: Pictures that textures are cut from, besides the drawn ones.
        photometric: Whether light, sharpness and noise may differ between the pictures.

    Returns:
        RGB [y, x, channel] twice, and the flow [component, y, x] (right, down; pixels) from each
        pixel of the first picture. What leaves the picture or gets hidden has a flow as well.
    """
    rng = np.random.default_rng(seed)
    drawn = scene(rng, size, sources)
    first, seen = drawn.frame(second=False)
    second, _ = drawn.frame(second=True)
    pictures: list[Any] = [first, second]
    if photometric:
        pictures = _taken(rng, pictures)
    return _codes(pictures[0]), _codes(pictures[1]), drawn.flow(seen)
