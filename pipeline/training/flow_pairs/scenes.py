"""Scenes of moving layers, and the pair of pictures and the flow that a camera sees of them.

In the manner of FlyingChairs (Dosovitskiy et al., ICCV 2015): textured shapes fly over a textured
background. Each layer has a motion of its own, rigid or bending, besides the camera's, and nearer
layers hide farther ones. Both pictures are drawn from the layers, so the flow is not estimated but
computed: at a pixel of the first picture it is where the map of the layer seen there takes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.training.flow_pairs.geometry import (
    Floats,
    Matrix,
    Picture,
    Seed,
    Size,
    as_picture,
    grid_points,
    inverse,
    similarity,
    transformed,
)
from pipeline.training.flow_pairs.motions import (
    NO_WAVES,
    Motion,
    camera_motion,
    object_motion,
    own_motion,
)
from pipeline.training.flow_pairs.shapes import draw_shape
from pipeline.training.flow_pairs.textures import Pictures, draw_flat_texture, draw_texture

_PLAIN, _FLAT = 0.3, 0.15
"""Shares of backgrounds and of things without a pattern: walls, skies, screens."""


@dataclass(frozen=True)
class Layer:
    """A texture with an opacity, and its motion."""

    canvas: Picture
    """RGB and opacity [y, x, channel]; the background has no opacity and no end."""
    to_canvas: Matrix
    """Transform [3, 3] from the first picture to the canvas."""
    motion: Motion

    @property
    def endless(self) -> bool:
        """Whether it is the background."""
        return bool(self.canvas.shape[2] == 3)

    def box(self, size: Size, second: bool) -> tuple[slice, slice]:
        """Rows and columns of the first or second picture beyond which the layer is never seen."""
        height, width = self.canvas.shape[:2]
        if self.endless:
            return slice(0, size[0]), slice(0, size[1])
        corners = np.array([[0, width, 0, width], [0, 0, height, height]], np.float32)
        matrix = inverse(self.to_canvas)
        corners = transformed(self.motion.rigid @ matrix if second else matrix, corners)
        # Room for interpolation, and for waves, which the zoom of a motion may make larger.
        reach = 2 + 1.5 * self.motion.reach * second
        low, high = np.floor(corners.min(axis=1) - reach), np.ceil(corners.max(axis=1) + reach)
        left, top = np.clip(low, 0, size[::-1]).astype(int)
        right, bottom = np.clip(high, 0, size[::-1]).astype(int)
        return slice(top, bottom), slice(left, right)

    def draw(self, points: Floats, second: bool) -> Picture:
        """Colour and opacity [y, x, channel] at points [2, y, x] of the first or second picture."""
        x, y = transformed(self.to_canvas, self.motion.backward(points) if second else points)
        border = cv2.BORDER_REFLECT_101 if self.endless else cv2.BORDER_CONSTANT
        drawn = cv2.remap(self.canvas, x, y, cv2.INTER_CUBIC, borderMode=border)
        return np.asarray(drawn, np.uint8)


class Scene(NamedTuple):
    """Layers from the farthest, which is the background, to the nearest."""

    size: Size
    layers: list[Layer]

    def frame(self, *, second: bool) -> tuple[Floats, NDArray[np.int8]]:
        """A picture [y, x, channel] in 0..255, and the index of the layer seen at each pixel.

        A pixel belongs to the nearest layer that covers more than half of it.
        """
        picture = np.zeros((*self.size, 3), np.float32)
        seen = np.zeros(self.size, np.int8)
        points = grid_points(self.size)
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
        points = grid_points(self.size).reshape(2, -1)
        flow = np.zeros_like(points)
        for i, layer in enumerate(self.layers):
            where = np.flatnonzero(seen == i)
            here = points[:, where]
            flow[:, where] = layer.motion.forward(here) - here
        return flow.reshape(2, *self.size)


def _draw_thing(
    rng: np.random.Generator, size: Size, camera: Matrix, sources: Pictures | None
) -> Layer:
    """A textured shape anywhere in the picture, with a motion besides the camera's."""
    canvas = draw_shape(rng, size, sources)
    if rng.random() < _FLAT:
        canvas[..., :3] = draw_flat_texture(rng, canvas.shape[:2])
    side = canvas.shape[0]
    centre = (float(rng.uniform(0, size[1])), float(rng.uniform(0, size[0])))
    middle = ((side - 1) / 2, (side - 1) / 2)
    shift = (middle[0] - centre[0], middle[1] - centre[1])
    to_canvas = similarity(centre, shift, rng.uniform(-180, 180), rng.uniform(0.9, 1.1))
    return Layer(
        canvas, to_canvas, object_motion(rng, camera @ own_motion(rng, size, centre), side)
    )


def scene(rng: np.random.Generator, size: Size, sources: Pictures | None) -> Scene:
    """A drawn scene: a background and up to eight things before it."""
    plain = rng.random() < _PLAIN
    # Nothing shows whether a plain ground moves; a network should learn to say that it does not.
    camera = np.eye(3) if plain else camera_motion(rng, size)
    texture = draw_flat_texture(rng, size) if plain else draw_texture(rng, size, sources)
    turn = similarity((size[1] / 2, size[0] / 2), (0, 0), rng.uniform(-10, 10), 0.95)
    ground = Motion(camera, *NO_WAVES) if plain else object_motion(rng, camera, max(size))
    layers = [Layer(texture, turn, ground)]
    layers += [_draw_thing(rng, size, camera, sources) for _ in range(int(rng.integers(plain, 9)))]
    return Scene(size, layers)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """A sensor's noise, with a standard deviation of 0.5 to 4 levels."""
    return rng.standard_normal(shape, np.float32) * np.float32(rng.uniform(0.5, 4))


def _exposed(rng: np.random.Generator, picture: Floats) -> Floats:
    """The picture with a slightly different gain, contrast curve and tint."""
    gain, gamma = np.exp(rng.normal(0, 0.06)), np.exp(rng.normal(0, 0.08))
    table = gain * 255 * (np.linspace(0, 1, 256)[:, None] ** gamma)
    table = table * np.exp(rng.normal(0, 0.02, 3)) + rng.normal(0, 4)
    codes = np.clip(np.round(picture), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(codes, table.astype(np.float32)[:, None]), np.float32)


def _photographed(rng: np.random.Generator, pictures: Sequence[Floats]) -> list[Floats]:
    """The two pictures as a camera may take them: drifting exposure, sudden blur, noise."""
    drifts, blurs, is_noisy = rng.random(3) < (0.5, 0.2, 0.4)
    out = []
    for i, picture in enumerate(pictures):
        taken = _exposed(rng, picture) if drifts and i == 1 else picture
        if blurs and rng.random() < 0.5:
            taken = np.asarray(cv2.GaussianBlur(taken, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
        out.append(taken + _noise(rng, taken.shape) if is_noisy else taken)
    return out


def pair(
    seed: Seed, size: Size, sources: Pictures | None = None, *, photometric: bool = True
) -> tuple[Picture, Picture, Floats]:
    """Two pictures, RGB [y, x, channel], and the flow [component, y, x] (right, down; pixels).

    Equal seeds give equal pairs. Textures are drawn, and cut from `sources` if there are any;
    `photometric` lets light, sharpness and noise differ between the pictures. The flow is from each
    pixel of the first picture; points that leave the picture or get hidden have a flow as well.
    """
    rng = np.random.default_rng(seed)
    drawn = scene(rng, size, sources)
    first, seen = drawn.frame(second=False)
    second, _ = drawn.frame(second=True)
    pictures: list[Any] = [first, second]
    if photometric:
        pictures = _photographed(rng, pictures)
    return as_picture(pictures[0]), as_picture(pictures[1]), drawn.flow(seen)
