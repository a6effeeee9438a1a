"""Kinds of scenes, by the word in front of a clip's number: pan_001 is a pan."""

import numpy as np

from pipeline.teaching.drawing.backgrounds import drawn, photographed, with_parts
from pipeline.teaching.drawing.cameras import CAMERAS, following
from pipeline.teaching.drawing.cast import SIMPLE, Cast, Kind
from pipeline.teaching.drawing.photographs import Photographs
from pipeline.teaching.drawing.ripples import draw_waves
from pipeline.teaching.drawing.scene import Film, Scene

_ANY_CAMERA = ("pan", "zoom", "turn", "shake")

KINDS: dict[str, Kind] = {
    "picture": Kind(drawn=0.25),
    "pan": Kind(cameras=("pan",), standing=(0, 3), drawn=0.2),
    "zoom": Kind(cameras=("zoom",), standing=(0, 2), drawn=0.15),
    "turn": Kind(cameras=("turn",), standing=(0, 2), drawn=0.15),
    "shake": Kind(cameras=("shake",), standing=(0, 2), drawn=0.15),
    "alone": Kind(moving=(1, 1)),
    "several": Kind(moving=(2, 6), standing=(0, 3)),
    "start": Kind(moving=(1, 2), standing=(1, 4), motions=("start",)),
    "stop": Kind(moving=(1, 2), standing=(0, 3), motions=("stop",)),
    "bounce": Kind(moving=(1, 3), standing=(0, 2), motions=("bounce", "hop"), drawn=0.6),
    "loom": Kind(moving=(1, 2), standing=(0, 3), grows=True),
    "appear": Kind(moving=(1, 2), standing=(0, 4), appears=True),
    "flicker": Kind(moving=(1, 2), standing=(0, 3), looks=("flicker",)),
    "filmed": Kind(moving=(1, 4), standing=(0, 3), cameras=_ANY_CAMERA),
    "follow": Kind(moving=(1, 2), standing=(0, 3), motions=("straight", "wander"), follows=True),
    "walk": Kind(
        moving=(1, 4),
        standing=(0, 2),
        cameras=("still", "still", "shake", "pan"),
        looks=("walker",),
        motions=("straight", "wander"),
    ),
    "text": Kind(moving=(0, 2), standing=(1, 2), looks=("line",), motions=("straight",)),
    "face": Kind(moving=(0, 2), standing=(1, 3), looks=("face",)),
    "nod": Kind(standing=(0, 1), cameras=("still", "still", *_ANY_CAMERA), parts=(1, 3), drawn=0.0),
    "waves": Kind(moving=(0, 1), standing=(0, 2), waves=True, drawn=0.3),
    "pool": Kind(
        moving=(1, 5),
        standing=(0, 4),
        looks=("ball", "ball", "box"),
        motions=(*SIMPLE, "bounce", "start", "stop"),
        drawn=1.0,
        plain=True,
    ),
    "collide": Kind(standing=(0, 2), drawn=0.6, plain=True, collides=True),
    "crowd": Kind(standing=(0, 1), drawn=0.5, crowd=True),
    "odd": Kind(standing=(0, 1), drawn=0.5, crowd=True, odd=True),
}
"""Kinds by name."""
RATES = (24.0, 25.0, 30.0, 50.0, 60.0)
"""Frames/s."""


def draw_scene(rng: np.random.Generator, name: str, photographs: Photographs) -> Scene:
    """Return a scene of a kind; everything left to chance follows the generator.

    Raises:
        InputError: A photograph or its attention is damaged.
    """
    kind = KINDS[name]
    things = Cast(rng, kind, photographs).things()
    camera = CAMERAS[str(rng.choice(kind.cameras))](rng)
    if kind.follows:
        camera = following(things[0].path)
    waves = draw_waves(rng) if kind.waves else None
    if rng.random() < kind.drawn:
        background = drawn(rng, camera, waves, plain=kind.plain)
    else:
        background = photographed(rng, camera, photographs, waves)
    if kind.parts[1]:
        low, high = kind.parts
        background = with_parts(rng, background, int(rng.integers(low, high + 1)))
    rough, open_, drifts = rng.random(3) < (0.5, 0.6, 0.3)
    film = Film(
        grain=float(rough * rng.uniform(0.5, 3)),
        shutter=float(open_ * rng.uniform(0.1, 0.6)),
        drift=float(drifts * rng.normal(0, 0.004)),
    )
    return Scene(background, things, float(rng.choice(RATES)), film)
