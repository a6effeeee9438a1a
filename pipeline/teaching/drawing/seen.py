"""What a scene's camera sees of all that may move by itself, in numbers."""

from dataclasses import dataclass

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.scene import Scene, contrast
from pipeline.teaching.drawing.timeline import LEAD, MOMENTS, SIZE


@dataclass(frozen=True, eq=False)
class Seen:
    """Things as a camera sees them; arrays are [thing, time], places [thing, time, (x, y)]."""

    place: Samples
    velocity: Samples
    """[thing, time, (x, y)] pixels a frame, less the camera's motion."""
    radius: Samples
    growth: Samples
    """Pixels a frame by which the radius changes, less the camera's zoom."""
    shown: Samples
    """Opacity."""
    change: Samples
    """Motion in place, in 0..1: limbs, flicker."""
    camera: Samples
    """[time] speed of the picture at its middle, pixels a frame."""
    appeal: Samples
    """[thing] what its looks draw; 0 for a part of a photograph, whose attention is measured."""
    contrast: Samples
    """[thing]"""
    rate: float
    """Frames/s."""

    def visible(self) -> Samples:
        """Return the share of each thing [thing, time] that is in the frame, times its opacity."""
        share = self.shown.copy()
        for axis, side in enumerate(SIZE[::-1]):
            centre, radius = self.place[..., axis], np.maximum(self.radius, 1)
            inside = np.minimum(centre + radius, side) - np.maximum(centre - radius, 0)
            share *= np.clip(inside / (2 * radius), 0, 1)
        return share


def per_frame(values: Samples) -> Samples:
    """Return the change of values [n, time, ...] from the moment before, 0 at the first."""
    return np.diff(values, axis=1, prepend=values[:, :1])


def seen(scene: Scene) -> Seen:
    """Return the things of a scene, and then the moving parts of its background."""
    parts, things = scene.background.parts, scene.things
    paths = np.array(
        [one.path for one in things] + [one.centre + one.path for one in parts]
    ).reshape(-1, MOMENTS, 2)
    count, none = len(paths), [0.0] * len(parts)
    scales = np.array([one.scale for one in things] + [np.ones(MOMENTS)] * len(parts))
    half = np.array([one.radius for one in things] + [one.reach for one in parts])
    radius = half[:, None] * scales.reshape(count, MOMENTS)
    shown = np.array([one.shown for one in things] + [np.ones(MOMENTS)] * len(parts))
    changes = np.array([one.look.change for one in things] + none)
    middle = np.tile([SIZE[1] / 2, SIZE[0] / 2], (MOMENTS, 1))
    behind = scene.background.picture(LEAD)
    turns, zoom = scene.background.camera[:, :2, :2], scene.zoom()
    return Seen(
        place=np.array([scene.place(path) for path in paths]).reshape(count, MOMENTS, 2),
        velocity=np.einsum("tij,ntj->nti", turns, per_frame(paths)),
        radius=radius * zoom,
        growth=np.abs(per_frame(radius)) * zoom,
        shown=shown.reshape(count, MOMENTS),
        change=np.repeat(changes[:, None], MOMENTS, axis=1),
        camera=np.linalg.norm(per_frame(scene.place(middle)[None])[0], axis=-1),
        appeal=np.array([one.look.appeal for one in things] + none),
        contrast=np.array([contrast(one, scene, behind) for one in things] + [1.0] * len(parts)),
        rate=scene.rate,
    )
