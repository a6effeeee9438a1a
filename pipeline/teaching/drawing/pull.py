"""How much each thing of a scene draws the eye by its motion.

Our reading of what is known, with numbers that we set by hand:

- Motion predicts gaze in films better than anything else in the picture, above all where it differs
  from the motion around (Mital et al., Cognitive Computation 2011; Itti and Baldi, Vision Research
  2009: surprise). What the camera does to the whole picture does not count.
- The onset of motion draws attention, more than motion that goes on (Abrams and Christ,
  Psychological Science 2003), and so does a thing that appears (Yantis and Jonides, Journal of
  Experimental Psychology: Human Perception and Performance 1984).
- What differs from its like stands out, among things that move as well (Rosenholtz, Perception and
  Psychophysics 1999).
- Gaze is ahead of a motion whose goal is plain, so what is about to be hit is looked at already
  (Land and McLeod, Nature Neuroscience 2000: batsmen).
"""

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.seen import Seen
from pipeline.teaching.drawing.timeline import SIZE

SLOW = 14.0
"""Speed, pixels/s, at which motion draws half of what fast motion does: under 1 degree/s."""
CAMERA_SHARE = 0.12
"""Share of the camera's speed that is added to it: slow motion is lost in a fast pan."""
FADE = 0.25
"""Seconds in which what has stopped loses two thirds of its weight."""
NEW = 0.4
"""Seconds that an onset counts."""
ONSET = 1.5
"""What an onset adds to the weight of a motion, at its beginning, as a share."""
AHEAD = 0.35
"""Seconds before a hit from which the thing that is hit counts."""
MANY = 6
"""Things from which on it counts as well how one of them moves in comparison with the others."""
_MOVES = 0.3
"""Drive from which a thing counts as moving."""


def pulls(things: Seen) -> Samples:
    """Return what each thing draws by its motion, [thing, time]; 0.3 and more is much."""
    if not len(things.place):
        return np.zeros_like(things.shown)
    driven = drive(things)
    held, new = activation(things, driven)
    level = np.maximum(np.maximum(held, new), 0.5 * ahead(things, driven))
    look = (0.5 + 0.5 * things.contrast)[:, None]
    level = level * (1 + ONSET * new) * rarity(things, driven)
    place = nearness(things.place) * things.visible()
    return np.asarray(level * size(things.radius) * look * place)


def drive(things: Seen) -> Samples:
    """Return how much each thing moves by itself, [thing, time] in 0..1, saturating with speed."""
    # Of a thing that grows, the edges move.
    speed = np.linalg.norm(things.velocity, axis=-1) + things.growth
    half = SLOW / things.rate + CAMERA_SHARE * things.camera
    moving = speed / (speed + half)
    if len(speed) >= MANY:
        apart = np.linalg.norm(things.velocity - np.median(things.velocity, axis=0), axis=-1)
        moving = np.maximum(moving, apart / (apart + half))
    return np.asarray(np.maximum(moving, things.change) * (things.shown > 0))


def activation(things: Seen, driven: Samples) -> tuple[Samples, Samples]:
    """Return what is left of each thing's motion, and how new it is, both [thing, time] in 0..1."""
    kept = np.exp(-1 / (FADE * things.rate))
    held, since = driven.copy(), np.full_like(driven, np.inf)
    appears = np.diff(things.shown, axis=1, prepend=things.shown[:, :1]) > 0
    for moment in range(1, driven.shape[1]):
        before = held[:, moment - 1]
        held[:, moment] = np.maximum(driven[:, moment], kept * before)
        begins = (driven[:, moment] > _MOVES) & (before < _MOVES) | appears[:, moment]
        since[:, moment] = np.where(begins, 0, since[:, moment - 1] + 1)
    return held, np.clip(1 - since / (NEW * things.rate), 0, 1)


def ahead(things: Seen, driven: Samples) -> Samples:
    """Return how soon what stands will be hit, [thing, time]: 1 now, 0 later or never."""
    apart = things.place[:, None] - things.place[None]  # [hit, hitting, time, (x, y)]
    distance = np.linalg.norm(apart, axis=-1)
    approach = things.velocity[None] - things.velocity[:, None]
    closing = (approach * apart).sum(axis=-1) / np.maximum(distance, 1e-6)
    sideways = np.sqrt(np.maximum((approach**2).sum(axis=-1) - closing**2, 0))
    touching = things.radius[:, None] + things.radius[None]
    meets = (closing > 0) & (sideways * distance < closing * touching)
    frames = np.maximum(distance - touching, 0) / np.maximum(closing, 1e-6)
    soon = np.clip(1 - frames / (AHEAD * things.rate), 0, 1) * meets * driven[None]
    return np.asarray(soon.max(axis=1) * (driven < _MOVES) * (things.appeal > 0)[:, None])


def rarity(things: Seen, driven: Samples) -> Samples:
    """Return 1 for things that move like no other, [thing, time], and less the more others do so.

    Things that move alike draw, together, a little less than one of them alone.
    """
    apart = np.linalg.norm(things.velocity[:, None] - things.velocity[None], axis=-1)
    # Speeds count as alike within a third, directions within 20 degrees.
    unit = 0.35 * np.linalg.norm(things.velocity, axis=-1)[:, None] + 0.3
    alike = (np.exp(-((apart / unit) ** 2) / 2) * driven[None]).sum(axis=1)
    return np.asarray(np.maximum(alike, 1) ** -1.1)


def size(radius: Samples) -> Samples:
    """Return how much a radius in pixels adds, in 0..1: more and more slowly."""
    return np.asarray(radius / (radius + 10))


def nearness(place: Samples) -> Samples:
    """Return 1 for places [..., (x, y)] in the middle of the frame, down to 0.35 far away."""
    away = np.linalg.norm((place - (SIZE[1] / 2, SIZE[0] / 2)) / SIZE[1], axis=-1)
    return np.asarray(0.35 + 0.65 * np.exp(-(away**2) / (2 * 0.3**2)))
