"""The things of a scene: how many there are, what they look like, and how each moves."""

from dataclasses import dataclass, replace

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.looks import draw_look
from pipeline.teaching.drawing.motions import MOVING, Place, collision, stand
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.teaching.drawing.scene import Thing
from pipeline.teaching.drawing.timeline import FRAMES, MIDDLE, MOMENTS, NUMBERS, SIZE

SIMPLE = ("straight", "speeding", "circle", "swing", "wander", "halting")
ANYTHING = ("ball", "box", "shape", "cutout", "cutout", "walker", "face", "line")
_BODIES = ("ball", "ball", "box", "shape")
_SLOWEST, _FASTEST = 0.2, 12.0
"""Pixels a frame."""


@dataclass(frozen=True)
class Kind:
    """What scenes of a kind are made of; everything else is left to chance."""

    moving: tuple[int, int] = (0, 0)
    """Fewest and most things that move."""
    standing: tuple[int, int] = (0, 4)
    cameras: tuple[str, ...] = ("still",)
    motions: tuple[str, ...] = SIMPLE
    looks: tuple[str, ...] = ANYTHING
    drawn: float = 0.4
    """Share of drawn backgrounds."""
    plain: bool = False
    """Whether drawn backgrounds are without a pattern."""
    waves: bool = False
    """Whether a part of the background ripples."""
    parts: tuple[int, int] = (0, 0)
    """Fewest and most parts of a photograph that move."""
    follows: bool = False
    """Whether the camera follows a thing that moves."""
    grows: bool = False
    appears: bool = False
    crowd: bool = False
    """Whether many small things move alike."""
    odd: bool = False
    """Whether one of the crowd does otherwise."""
    collides: bool = False


class Cast:
    """Draws the things of a scene of one kind; looks, size and speed are much alike in a scene."""

    def __init__(self, rng: np.random.Generator, kind: Kind, photographs: Photographs) -> None:
        """Take the generator that everything follows, and photographs for cut-outs."""
        self.rng, self.kind, self.photographs = rng, kind, photographs
        self.speed = float(np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST))))
        self.radius = float(np.exp(rng.uniform(np.log(9), np.log(45))))
        self.look = str(rng.choice(kind.looks))

    def _place(self) -> Place:
        """Where a thing is in the middle of the clip: rarely at the edge."""
        x, y = (0.1 + 0.8 * self.rng.beta(1.6, 1.6, 2)) * SIZE[::-1]
        return float(x), float(y)

    def _radius(self) -> float:
        return float(np.clip(self.radius * np.exp(self.rng.normal(0, 0.35)), 7, 70))

    def _look(self) -> str:
        return self.look if self.rng.random() < 0.6 else str(self.rng.choice(self.kind.looks))

    def _thing(self, path: Samples, radius: float, look: str, *, standing: bool) -> Thing:
        """A thing with a look by name; some of those that move turn as they go."""
        # As sharp as the frame, and no picture larger than it needs to be.
        side = int(np.clip(2 * radius, 16, 160))
        drawn = draw_look(self.rng, look, side, self.photographs, standing=standing)
        spins = not standing and look in ("box", "shape", "cutout") and self.rng.random() < 0.3
        return Thing(drawn, path, radius, spin=float(spins * self.rng.normal(0, 0.06)))

    def things(self) -> list[Thing]:
        """Return all things, the nearest last; those of a crowd and of a collision are nearest.

        If the camera is to follow one, it is the first.
        """
        low, high = self.kind.standing
        standing = [
            self._thing(
                stand(self.rng, self._place(), 0, 0), self._radius(), self._look(), standing=True
            )
            for _ in range(int(self.rng.integers(low, high + 1)))
        ]
        low, high = self.kind.moving
        moving = [self._mover() for _ in range(int(self.rng.integers(low, high + 1)))]
        things = [*moving, *standing] if self.rng.random() < 0.2 else [*standing, *moving]
        if self.kind.follows:
            things = [*moving, *standing]
        if self.kind.crowd:
            things += self._crowd()
        return things + self._colliding() if self.kind.collides else things

    def _mover(self) -> Thing:
        """A thing that moves, grows or appears, at a speed and in a way of its own."""
        radius = self._radius()
        speed = self.speed * np.exp(self.rng.normal(0, 0.4))
        motion = MOVING[str(self.rng.choice(self.kind.motions))]
        if (self.kind.grows or self.kind.appears) and self.rng.random() < 0.6:
            motion = stand
        path = motion(self.rng, self._place(), float(np.clip(speed, _SLOWEST, _FASTEST)), radius)
        thing = self._thing(path, radius, self._look(), standing=False)
        if self.kind.grows:
            # Mostly towards the camera.
            rate = self.rng.choice([-1, 1, 1]) * self.rng.uniform(0.008, 0.06)
            scale = np.exp(rate * (np.arange(MOMENTS) - MIDDLE))
            thing = replace(thing, scale=np.clip(scale, 0.2, 3.5))
        if self.kind.appears:
            begins = int(self.rng.integers(-3, FRAMES - 2))
            shown = np.clip((NUMBERS - begins + 1) / self.rng.integers(1, 5), 0, 1)
            thing = replace(thing, shown=shown)
        return thing

    def _colliding(self) -> list[Thing]:
        """A thing that runs into another."""
        radii = (self._radius(), self._radius())
        x, y = self.rng.uniform(0.35, 0.65, 2) * SIZE[::-1]
        look = str(self.rng.choice(_BODIES))
        # Things are two pixels smaller than their pictures.
        bodies = (radii[0] - 2, radii[1] - 2)
        paths = collision(self.rng, (float(x), float(y)), max(self.speed, 1.0), bodies)
        pairs = zip(paths, radii, strict=True)
        return [self._thing(path, radius, look, standing=True) for path, radius in pairs]

    def _crowd(self) -> list[Thing]:
        """Many small things that move alike, and, if one is odd, that one first."""
        rng, radius = self.rng, float(self.rng.uniform(6, 14))
        look = str(rng.choice([*_BODIES, "walker"]))
        like = self._thing(np.zeros((MOMENTS, 2)), radius, look, standing=False)
        speed, angle = min(self.speed, 6.0), rng.uniform(0, 2 * np.pi)
        things = []
        for i in range(int(rng.integers(9, 26))):
            way, pace = angle + rng.normal(0, 0.1), speed * rng.uniform(0.85, 1.15)
            place = rng.uniform(0, 1, 2) * SIZE[::-1]
            if i == 0 and self.kind.odd:
                way += rng.uniform(0.5, 1.5) * np.pi
                pace *= rng.choice([0.0, 1.0, 1.0, 2.0])
                place = np.array(self._place())
            velocity = pace * np.array([np.cos(way), np.sin(way)])
            path = place + velocity * (NUMBERS - FRAMES // 2)[:, None]
            things.append(Thing(like.look, path, radius))
        return things
