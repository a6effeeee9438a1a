"""Simple drawings of people and writing: faces, stick figures that walk, lines of text."""

import cv2
import numpy as np

from pipeline.training.flow_pairs.geometry import Picture

_BITS = 4
"""OpenCV draws at fixed-point coordinates: in sixteenths of a pixel."""
_STEPS = 16
"""Pictures of a walker's cycle."""
_SKIN = ((245, 215, 185), (225, 180, 140), (190, 135, 95), (130, 85, 60), (85, 55, 40))
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def _colour(rng: np.random.Generator) -> tuple[int, int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue, 255


def _dot(picture: Picture, x: float, y: float, radius: float, colour: tuple[int, ...]) -> None:
    _oval(picture, x, y, radius, radius, colour)


def _oval(
    picture: Picture, x: float, y: float, wide: float, high: float, colour: tuple[int, ...]
) -> None:
    """Fill an ellipse whose centre and half axes are shares of the picture's side."""
    side = len(picture) * 2**_BITS
    centre, axes = (int(x * side), int(y * side)), (int(wide * side), int(high * side))
    cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, _BITS)


def draw_face(rng: np.random.Generator, side: int) -> Picture:
    """Return a face with hair, eyes, nose and mouth, RGB and opacity [side, side, 4]."""
    picture = np.zeros((side, side, 4), np.uint8)
    skin = (*_SKIN[int(rng.integers(len(_SKIN)))], 255)
    hair, wide = _colour(rng), rng.uniform(0.3, 0.4)
    if rng.random() < 0.8:
        _oval(picture, 0.5, 0.42, wide * 1.15, 0.4, hair)
    _oval(picture, 0.5, 0.53, wide, 0.42, skin)
    if rng.random() < 0.6:
        _oval(picture, 0.5, 0.22, wide * 0.9, 0.13, hair)
    look, gap = rng.uniform(-0.02, 0.02), rng.uniform(0.11, 0.16)
    iris = (*rng.integers(0, 130, 3).tolist(), 255)
    for x in (0.5 - gap, 0.5 + gap):
        _oval(picture, x, 0.46, 0.065, 0.045, (250, 250, 250, 255))
        _dot(picture, x + look, 0.46, 0.035, iris)
    dark = (*(value * 2 // 3 for value in skin[:3]), 255)
    _oval(picture, 0.5, 0.6, 0.03, 0.06, dark)
    _oval(picture, 0.5, 0.76, rng.uniform(0.07, 0.16), rng.uniform(0.015, 0.06), (170, 50, 60, 255))
    return picture


def draw_walker(rng: np.random.Generator, side: int) -> list[Picture]:
    """Return a cycle of steps of a figure of limbs, each RGB and opacity [side, side, 4]."""
    colour, head = _colour(rng), (*_SKIN[int(rng.integers(len(_SKIN)))], 255)
    trousers = _colour(rng)
    thick = max(1, int(side * rng.uniform(0.04, 0.12)))
    stride, wave = rng.uniform(0.3, 0.8), rng.random() < 0.3
    steps = []
    for step in range(_STEPS):
        phase = 2 * np.pi * step / _STEPS
        picture = np.zeros((side, side, 4), np.uint8)
        for half in (0, np.pi):
            swing = stride * np.sin(phase + half)
            knee = 0.2 * stride * (1 + np.cos(phase + half))
            _limb(picture, (0.5, 0.58), (swing, swing - knee), 0.19, trousers, thick)
            arm = -swing if not wave or half else np.pi - 0.5 + 0.6 * np.sin(2 * phase)
            _limb(picture, (0.5, 0.3), (arm, arm + 0.5), 0.14, colour, max(1, thick * 2 // 3))
        _limb(picture, (0.5, 0.28), (0, 0), 0.15, colour, int(thick * 1.7))
        _dot(picture, 0.5, 0.15, 0.09, head)
        steps.append(picture)
    return steps


def _limb(
    picture: Picture,
    root: tuple[float, float],
    angles: tuple[float, float],
    length: float,
    colour: tuple[int, ...],
    thick: int,
) -> None:
    """Draw two parts of one length from a root, at angles from straight down, in radians."""
    points = [np.array(root)]
    for angle in angles:
        points.append(points[-1] + length * np.array([np.sin(angle), np.cos(angle)]))
    fixed = np.round(np.stack(points) * len(picture) * 2**_BITS).astype(np.int32)
    cv2.polylines(picture, [fixed], False, colour, thick, cv2.LINE_AA, _BITS)


def draw_line(rng: np.random.Generator, side: int) -> Picture:
    """Return one or two lines of letters, RGB and opacity [side, side, 4], at times on a strip."""
    picture = np.zeros((side, side, 4), np.uint8)
    font, thick = _FONTS[int(rng.integers(len(_FONTS)))], 1 + (side > 90)
    ink = _colour(rng)
    if rng.random() < 0.4:
        picture[side * 3 // 10 : side * 7 // 10] = _colour(rng)
        ink = (0, 0, 0, 255) if picture[side // 2, 0, :3].mean() > 127 else (255, 255, 255, 255)
    lines = int(rng.integers(1, 3))
    for row in range(lines):
        letters = rng.choice(list("abcdefghijklmnoprstuvwy "), int(rng.integers(4, 13)))
        text = "".join(letters.tolist()).strip().capitalize() or "Text"
        (width, height), _ = cv2.getTextSize(text, font, 1.0, thick)
        scale = min(0.94 * side / width, 0.3 * side / lines / height)
        middle = side * (0.5 + 0.2 * (row - (lines - 1) / 2))
        place = (int((side - width * scale) / 2), int(middle + height * scale / 2))
        cv2.putText(picture, text, place, font, scale, ink, thick, cv2.LINE_AA)
    return picture
