"""How things look: pictures with an opacity, square, RGB and opacity [y, x, channel].

Most look the same at every moment; people walk, and lights flicker. `appeal` is what a thing draws
by its looks: faces most, then people and text (Cerf et al., Journal of Vision 2009).
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.teaching.drawing.figures import draw_face, draw_line, draw_walker
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.training.flow_pairs.geometry import Floats, Picture, as_picture, grid_points
from pipeline.training.flow_pairs.shapes import draw_shape

Draw = Callable[[np.random.Generator, int, Photographs], list[Picture]]


@dataclass(frozen=True)
class Look:
    """What a thing looks like in turn, and how much that draws by itself."""

    pictures: list[Picture]
    """One, or those of a cycle."""
    appeal: float
    hold: int = 1
    """Moments that each picture of a cycle lasts."""
    change: float = 0.0
    """How much of a motion the cycle is, in 0..1."""

    def at(self, number: int) -> Picture:
        """Return the picture of a frame."""
        return self.pictures[(number // self.hold) % len(self.pictures)]

    @property
    def colour(self) -> Floats:
        """Mean RGB [3] of what is opaque."""
        first = self.pictures[0].astype(np.float32)
        opacity = first[..., 3:] / 255
        mean = (first[..., :3] * opacity).sum((0, 1)) / max(float(opacity.sum()), 1.0)
        return np.asarray(mean, np.float32)


def _vivid(rng: np.random.Generator) -> Floats:
    """A colour, as likely dull as vivid."""
    colour = rng.uniform(0, 255, 3)
    return np.asarray(colour.mean() + rng.uniform(0.1, 1.3) * (colour - colour.mean()), np.float32)


def _distance(side: int) -> tuple[Floats, Floats]:
    """Distance from the middle to the right and down, in radii."""
    x, y = grid_points((side, side))
    half = side / 2 - 2
    return (x - (side - 1) / 2) / half, (y - (side - 1) / 2) / half


def _with_opacity(colour: NDArray[np.floating], cover: NDArray[np.floating]) -> Picture:
    """RGB [y, x, 3] and cover in 0..1 [y, x] as one picture."""
    opacity = 255 * np.clip(cover, 0, 1)
    return np.dstack([as_picture(part.astype(np.float32)) for part in (colour, opacity)])


def ball(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a ball that is lit from a side, or a plain disc."""
    right, down = _distance(side)
    radius = np.hypot(right, down)
    light = np.ones((side, side), np.float32)
    if rng.random() < 0.7:
        depth = np.sqrt(np.clip(1 - radius**2, 0, 1))
        angle = rng.uniform(-np.pi, 0)
        lit = 0.5 * (np.cos(angle) * right + np.sin(angle) * down) + 0.8 * depth
        light = 0.35 + 0.75 * np.clip(lit, 0, 1) + 0.6 * np.clip(lit, 0, 1) ** 12
    return [_with_opacity(_vivid(rng) * light[..., None], (1 - radius) * side / 2)]


def box(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a rectangle with a rim, upright or turned."""
    right, down = _distance(side)
    angle = rng.uniform(0, np.pi) * (rng.random() < 0.4)
    across = np.cos(angle) * right + np.sin(angle) * down
    along = np.cos(angle) * down - np.sin(angle) * right
    fits = 0.7 if angle else 1.0
    inside = fits - np.maximum(np.abs(across), np.abs(along) / rng.uniform(0.4, 1))
    colour = np.where(inside[..., None] < rng.uniform(0, 0.25), _vivid(rng), _vivid(rng))
    return [_with_opacity(colour, inside * side / 2)]


def shape(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a textured blob, polygon or bundle of limbs."""
    drawn = draw_shape(rng, (160, 160), None)
    return [np.asarray(cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA), np.uint8)]


def cutout(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return an ellipse of a photograph with a soft edge, mostly around what people looked at."""
    picture, attention = photographs.draw(rng)
    height, width = attention.shape
    # 40 to 110 pixels of SALICON's 640 x 480.
    reach = int(rng.uniform(0.08, 0.23) * height)
    y, x = np.unravel_index(int(attention.argmax()), attention.shape)
    if rng.random() < 0.3:
        x, y = rng.integers(width), rng.integers(height)
    left = int(np.clip(x - reach, 0, width - 2 * reach))
    top = int(np.clip(y - reach, 0, height - 2 * reach))
    part = picture[top : top + 2 * reach, left : left + 2 * reach]
    pixels = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
    right, down = _distance(side)
    inside = 1 - np.hypot(right / rng.uniform(0.6, 1), down)
    return [_with_opacity(pixels.astype(np.float32), inside * rng.uniform(5, side / 2))]


def flicker(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a thing, and the same in other light."""
    one = (ball, box, shape)[int(rng.integers(3))](rng, side, photographs)[0]
    other = one.copy()
    light = one[..., :3] * rng.uniform(0.2, 0.8) + rng.choice([0, 90])
    other[..., :3] = as_picture(np.asarray(light, np.float32))
    return [one, other]


def face(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a drawn face."""
    return [draw_face(rng, side)]


def walker(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return the steps of a figure that walks or waves."""
    return draw_walker(rng, side)


def line(rng: np.random.Generator, side: int, photographs: Photographs) -> list[Picture]:
    """Return a line of text."""
    return [draw_line(rng, side)]


_LOOKS: dict[str, tuple[Draw, float, float]] = {
    "ball": (ball, 0.35, 0.0),
    "box": (box, 0.3, 0.0),
    "shape": (shape, 0.35, 0.0),
    "cutout": (cutout, 0.5, 0.0),
    "face": (face, 1.1, 0.0),
    "walker": (walker, 0.8, 0.6),
    "line": (line, 0.7, 0.0),
    "flicker": (flicker, 0.35, 0.5),
}
"""Name -> how it is drawn, its appeal, and how much of a motion its cycle is."""


def draw_look(
    rng: np.random.Generator, name: str, side: int, photographs: Photographs, *, standing: bool
) -> Look:
    """Return a look by name; a figure that is standing keeps its pose."""
    draw, appeal, change = _LOOKS[name]
    pictures = draw(rng, side, photographs)
    if standing and name == "walker":
        return Look(pictures[:1], appeal)
    hold = int(rng.integers(2, 6)) if name == "flicker" else 1
    return Look(pictures, appeal, hold, change)
