"""What stands behind the things of a scene, and how much of the attention it draws by itself.

A photograph has its measured attention. What is drawn has none of its own: people look near the
middle (Tatler, Journal of Vision 2007: the central fixation bias).
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.teaching.drawing.ripples import Part, Waves, draw_part
from pipeline.teaching.drawing.timeline import LEAD, SIZE
from pipeline.training.flow_pairs.geometry import (
    Floats,
    Picture,
    as_picture,
    grid_points,
    inverse,
    transformed,
)
from pipeline.training.flow_pairs.textures import draw_flat_texture, draw_texture

STEP = 3
"""Attention is computed on every so many pixels of a frame, along both axes."""
SMALL = (SIZE[0] // STEP, SIZE[1] // STEP)
"""Height and width of maps of attention."""
_SPREAD = 0.28
"""Standard deviation of the central bias, as a share of each side."""


@dataclass(frozen=True)
class Background:
    """A canvas behind everything, its attention, and the camera that sees it."""

    canvas: Picture
    attention: Floats | None
    """[y, x] on the canvas; None: what is drawn has none."""
    origin: tuple[float, float]
    """(x, y) of the world's origin on the canvas."""
    camera: Samples
    """Transforms [time, 3, 3] from the world to the frame."""
    depth: tuple[float, float, float, float]
    """Parallax: strength as a share of the camera's shift, frequencies (x, y), and phase."""
    waves: Waves | None = None
    parts: tuple[Part, ...] = ()
    """What moves by itself within a photograph."""

    def _on_canvas(self, moment: int, grid: Floats) -> Floats:
        """Points [2, y, x] of a frame on the canvas."""
        points = transformed(inverse(self.camera[moment]), grid)
        strength, right, down, phase = self.depth
        if strength:
            shift = np.asarray(strength * self.camera[moment, :2, 2], np.float32)
            near = np.sin(np.float32(right) * points[0] + np.float32(down) * points[1] + phase)
            points = points - shift.reshape(2, 1, 1) * near
        for part in self.parts:
            points = part.moved(points, moment)
        if self.waves is not None:
            points = self.waves.moved(points, moment)
        return points + np.array(self.origin, np.float32).reshape(2, 1, 1)

    def picture(self, moment: int) -> Picture:
        """Return the frame at a moment, without things, RGB [y, x, channel]."""
        x, y = self._on_canvas(moment, grid_points(SIZE))
        seen = cv2.remap(self.canvas, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(seen, np.uint8)

    def static(self, moment: int) -> Floats:
        """Return the attention [y, x] that it draws without any motion; it sums to 1."""
        if self.attention is None:
            return central_bias()
        x, y = self._on_canvas(moment, grid_points(SMALL) * STEP + (STEP - 1) / 2)
        seen = cv2.remap(self.attention, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        total = float(seen.sum())
        return np.asarray(seen / total, np.float32) if total > 1e-3 else central_bias()


def central_bias() -> Floats:
    """Return a density [y, x] around the frame's middle, of sum 1."""
    x, y = grid_points(SMALL)
    right, down = (x + 0.5) / SMALL[1] - 0.5, (y + 0.5) / SMALL[0] - 0.5
    found = np.exp(-(right**2 + down**2) / (2 * _SPREAD**2))
    return np.asarray(found / found.sum(), np.float32)


def _extent(camera: Samples) -> tuple[Samples, Samples]:
    """Lowest and highest corner (x, y) of the world that the clip shows."""
    height, width = SIZE
    corners = np.array([[0, width, 0, width], [0, 0, height, height]], np.float32)
    seen = np.stack([transformed(inverse(one), corners) for one in camera[LEAD:]])
    return np.floor(seen.min(axis=(0, 2))) - 2.0, np.ceil(seen.max(axis=(0, 2))) + 2.0


def _parallax(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Mostly none, as of a distant landscape."""
    strength = rng.uniform(0.05, 0.3) * (rng.random() < 0.4)
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(250, 700)
    frequency = 2 * np.pi / length
    return (
        float(strength),
        float(frequency * np.cos(angle)),
        float(frequency * np.sin(angle)),
        float(rng.uniform(0, 2 * np.pi)),
    )


def photographed(
    rng: np.random.Generator,
    camera: Samples,
    photographs: Photographs,
    waves: Waves | None = None,
) -> Background:
    """Return a cut of a photograph that is as large as the camera needs.

    Of three cuts, it is the one that people looked at most: that is what cameras are pointed at.
    """
    low, high = _extent(camera)
    picture, attention = photographs.draw(rng)
    if rng.random() < 0.5:
        picture, attention = picture[:, ::-1], attention[:, ::-1]
    needed = high - low
    largest = float((np.array(picture.shape[1::-1]) / needed).min())
    scale = largest * rng.uniform(0.75, 1)
    size = np.maximum(np.round(np.array(picture.shape[1::-1]) / scale), np.ceil(needed))
    width, height = (int(side) for side in size)
    shrinking = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
    canvas = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=shrinking)
    looked = np.asarray(cv2.resize(np.ascontiguousarray(attention), (width, height)), np.float32)
    spare = np.array([width, height]) - needed
    starts = [np.floor(rng.random(2) * (spare + 1)) for _ in range(3)]
    start = max(starts, key=lambda one: float(_cut(looked, one, needed).sum()))
    x, y = (start - low).tolist()
    return Background(
        np.asarray(canvas, np.uint8),
        looked,
        (x, y),
        camera,
        _parallax(rng),
        waves,
    )


def _cut(attention: Floats, start: Samples, size: Samples) -> Floats:
    (left, top), (right, bottom) = start.astype(int), (start + size).astype(int)
    return attention[top:bottom, left:right]


def drawn(
    rng: np.random.Generator, camera: Samples, waves: Waves | None = None, *, plain: bool = False
) -> Background:
    """Return a texture, a slow change of colour, one colour, or noise.

    With `plain` it is one of the last three.
    """
    low, high = _extent(camera)
    width, height = (int(side) for side in high - low)
    kind = rng.choice(["texture", "flat", "noise"], p=[0.0, 0.8, 0.2] if plain else [0.7, 0.2, 0.1])
    if kind == "texture":
        canvas = draw_texture(rng, (height, width), None)
        # Quieter than things are, mostly.
        mean = canvas.mean(axis=(0, 1))
        canvas = as_picture((mean + rng.uniform(0.25, 1) * (canvas - mean)).astype(np.float32))
    else:
        canvas = draw_flat_texture(rng, (height, width))
    if kind == "noise":
        cell = int(rng.integers(1, 6))
        grain = rng.normal(0, rng.uniform(8, 40), (height // cell + 1, width // cell + 1))
        canvas = as_picture(
            canvas + cv2.resize(grain.astype(np.float32), (width, height))[..., None]
        )
    x, y = (-low).tolist()
    return Background(canvas, None, (x, y), camera, _parallax(rng), waves)


def with_parts(rng: np.random.Generator, background: Background, count: int) -> Background:
    """Return a photograph of which some parts move, as likely as not where people look anyway."""
    parts = []
    static = background.static(LEAD)
    for _ in range(count):
        flat = int(rng.choice(static.size, p=static.ravel() / static.sum(dtype=np.float64)))
        y, x = divmod(flat, SMALL[1])
        if rng.random() < 0.5:
            y, x = (int(rng.uniform(0.12, 0.88) * side) for side in SMALL)
        parts.append(draw_part(rng, (float(x * STEP), float(y * STEP))))
    return replace(background, parts=tuple(parts))
