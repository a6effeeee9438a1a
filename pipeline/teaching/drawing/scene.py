"""Scenes: a background and things before it, each with its path, seen by a camera."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.backgrounds import Background
from pipeline.teaching.drawing.looks import Look
from pipeline.teaching.drawing.timeline import LEAD, MOMENTS, NUMBERS, SIZE
from pipeline.training.flow_pairs.geometry import Floats, Matrix, Picture

_BLUR_STEP = 1.2
"""Pixels between the pictures of a moving thing that make up its blur."""
_DISTINCT = 85.0
"""Difference of colours, in grey levels, beyond which a thing is as distinct as can be: a third of
the way from black to white."""


def _ones() -> Samples:
    return np.ones(MOMENTS)


@dataclass(frozen=True, eq=False)
class Thing:
    """One thing at every moment."""

    look: Look
    path: Samples
    """Its centre [time, (x, y)] in the world."""
    radius: float
    """Half of its picture's side at scale 1, pixels."""
    scale: Samples = field(default_factory=_ones)
    """[time]"""
    shown: Samples = field(default_factory=_ones)
    """Its opacity [time] in 0..1."""
    spin: float = 0.0
    """Radians by which it turns in a frame."""

    def to_world(self, moment: float) -> Matrix:
        """Return the transform [3, 3] from its picture to the world, between moments as well."""
        before = min(int(moment), MOMENTS - 2)
        share = moment - before
        x, y = self.path[before] + share * (self.path[before + 1] - self.path[before])
        side = len(self.look.pictures[0])
        scale = 2 * self.radius * self.scale[round(moment)] / side
        across, along = scale * np.cos(self.spin * moment), scale * np.sin(self.spin * moment)
        middle = (side - 1) / 2
        return np.array(
            [
                [across, -along, x - (across - along) * middle],
                [along, across, y - (across + along) * middle],
                [0, 0, 1],
            ]
        )


@dataclass(frozen=True)
class Film:
    """How the camera takes pictures."""

    grain: float
    """Standard deviation of the sensor's noise, grey levels."""
    shutter: float
    """Share of a frame's time that it is open: what moves is blurred."""
    drift: float
    """Share by which the exposure changes in a frame."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What a clip shows."""

    background: Background
    things: list[Thing]
    """From the farthest to the nearest."""
    rate: float
    """Frames/s that the scene goes by; it decides how long something counts as new."""
    film: Film = Film(0.0, 0.0, 0.0)

    def place(self, path: Samples) -> Samples:
        """Return where points of the world [time, (x, y)] are in the frame."""
        points = np.hstack([path, np.ones((MOMENTS, 1))])
        found = np.einsum("tij,tj->ti", self.background.camera, points)
        return np.asarray(found[:, :2])

    def zoom(self) -> Samples:
        """Return the camera's magnification [time]."""
        return np.asarray(np.sqrt(np.abs(np.linalg.det(self.background.camera[:, :2, :2]))))

    def picture(self, moment: int, rng: np.random.Generator) -> Picture:
        """Return the frame at a moment, RGB [y, x, channel]; noise is drawn from `rng`."""
        frame = self.background.picture(moment)
        middle = np.tile([SIZE[1] / 2, SIZE[0] / 2], (MOMENTS, 1))
        pan = np.diff(self.place(middle)[moment - 1 : moment + 1], axis=0)[0]
        frame = _smeared(frame, self.film.shutter * pan)
        camera = self.background.camera[moment]
        for thing in self.things:
            if thing.shown[moment] > 0:
                moves = camera[:2, :2] @ (thing.path[moment] - thing.path[moment - 1])
                steps = 1 + int(self.film.shutter * np.linalg.norm(moves) / _BLUR_STEP)
                _paint(frame, thing, moment, camera, self.film.shutter, steps)
        return self._taken(frame, moment, rng)

    def _taken(self, frame: Picture, moment: int, rng: np.random.Generator) -> Picture:
        """The frame with the film's exposure and noise."""
        if self.film.drift:
            gain = 1 + self.film.drift * float(NUMBERS[moment])
            frame = np.asarray(cv2.convertScaleAbs(frame, alpha=gain), np.uint8)
        if self.film.grain:
            noise = np.empty(frame.shape, np.int16)
            cv2.setRNGSeed(int(rng.integers(2**31)))
            cv2.randn(noise, np.zeros(3), np.full(3, self.film.grain))
            frame = np.asarray(cv2.add(frame, noise, dtype=cv2.CV_8U), np.uint8)
        return frame


def _smeared(frame: Picture, way: Samples) -> Picture:
    """The frame blurred along the way (x, y) that it moved while the shutter was open."""
    reach = int(np.ceil(np.abs(way).max() / 2))
    if np.abs(way).max() < 1:
        return frame
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    ends = np.round((np.array([-way, way]) / 2 + reach) * 16).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(frame, -1, kernel / kernel.sum()), np.uint8)


def _paint(
    frame: Picture, thing: Thing, moment: int, camera: Matrix, shutter: float, steps: int
) -> None:
    """Draw a thing into a frame, in place, as the mean of some steps of its way."""
    picture = thing.look.at(int(NUMBERS[moment]))
    times = moment - shutter * (np.arange(steps) / steps)
    matrices = [camera @ thing.to_world(float(time)) for time in times]
    side = len(picture)
    square = np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]])
    corners = np.hstack([matrix[:2] @ square for matrix in (matrices[0], matrices[-1])])
    left, top = np.clip(np.floor(corners.min(axis=1)) - 1, 0, SIZE[::-1]).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=1)) + 1, 0, SIZE[::-1]).astype(int).tolist()
    if left >= right or top >= bottom:
        return
    size = (right - left, bottom - top)
    # Colours times opacity, so that means are those of light.
    lit = picture.astype(np.float32)
    lit[..., :3] *= lit[..., 3:] / 255
    total = np.zeros((size[1], size[0], 4), np.float32)
    for matrix in matrices:
        total += cv2.warpAffine(lit, matrix[:2] - [[0, 0, left], [0, 0, top]], size)
    total *= np.float32(thing.shown[moment] / steps)
    part = frame[top:bottom, left:right]
    part[...] = np.round(part * (1 - total[..., 3:] / 255) + total[..., :3])


def contrast(thing: Thing, scene: Scene, behind: Picture) -> float:
    """Return how much a thing's colour differs from what is around its place, in 0..1.

    Args:
        thing: The thing.
        scene: The scene that it is in.
        behind: The background in the first frame.
    """
    x, y = scene.place(thing.path)[LEAD]
    reach = 1.5 * thing.radius
    top, left = (int(np.clip(at - reach, 0, side - 2)) for at, side in ((y, SIZE[0]), (x, SIZE[1])))
    span = int(2 * reach) + 1
    mean: Floats = behind[top : top + span, left : left + span].mean(axis=(0, 1))
    apart = float(np.linalg.norm(thing.look.colour - mean)) / np.sqrt(3)
    return float(min(apart / _DISTINCT, 1))
