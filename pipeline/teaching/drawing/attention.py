"""The rule: where people look in a scene, as a mixture of what motion and what looks draw.

If nothing moves by itself, a scene is looked at as a picture is; otherwise what moves has most of
the attention (`pipeline.teaching.drawing.pull`). The eye follows a moving thing a little late,
people agree less about a fast one, and of several near each other they also look at the middle
(Fehd and Seiffert, Cognition 2008). Shares and widths were set by hand.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.backgrounds import SMALL, STEP, central_bias
from pipeline.teaching.drawing.pull import nearness, pulls, size
from pipeline.teaching.drawing.scene import Scene
from pipeline.teaching.drawing.seen import Seen, seen
from pipeline.teaching.drawing.timeline import LEAD, MOMENTS, SIZE
from pipeline.training.flow_pairs.geometry import Floats

ENOUGH = 0.12
"""Pull at which motion has two thirds of what it can have; a good mover pulls thrice as much."""
CENTRAL = 0.2
"""Weight of the central bias before a drawn background, in units of a thing's appeal."""
SCATTER = 0.03
"""Share of the attention that follows no rule but the central bias."""
_WAY = 1.5
"""Frames whose way makes a Gaussian longer along a motion."""


@dataclass(frozen=True)
class Habits:
    """What differs from clip to clip."""

    lag: int
    """Frames by which the eye is late on a moving thing."""
    spread: float
    """Standard deviation of gaze around what is looked at, pixels."""
    motion: float
    """Share of the attention that motion draws at most."""


def draw_habits(rng: np.random.Generator) -> Habits:
    """Return habits by chance; the spread is 18 to 30 pixels at a width of 640."""
    spread = rng.uniform(18, 30) * SIZE[1] / 640
    return Habits(int(rng.integers(1, 3)), float(spread), float(rng.uniform(0.7, 0.85)))


def densities(scene: Scene, habits: Habits, moments: range = range(LEAD, MOMENTS)) -> list[Floats]:
    """Return the density of where people look at moments, [y, x] of the frame, each of sum 1.

    Without moments they are those of the clip's frames.
    """
    things = seen(scene)
    pull = pulls(things)
    looks = things.appeal[:, None] * (0.3 + 0.7 * things.contrast[:, None])
    looks = looks * size(things.radius) * nearness(things.place) * things.visible()
    found = []
    for moment in moments:
        late = moment - habits.lag
        share = habits.motion * (1 - np.exp(-pull[:, late].sum() / ENOUGH))
        density = (1 - share) * _static(scene, things, looks[:, moment], moment, habits.spread)
        if share > 0:
            density += share * _moving(things, pull[:, late], late, habits.spread)
        density = (1 - SCATTER) * density + SCATTER * central_bias()
        whole = cv2.resize(density, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
        found.append(np.asarray(whole / whole.sum(), np.float32))
    return found


def _static(scene: Scene, things: Seen, looks: Samples, moment: int, spread: float) -> Samples:
    """Density [y, x] of SMALL of what the background and the looks of things draw."""
    total = scene.background.static(moment).astype(np.float64)
    for i, _ in enumerate(scene.things):
        reach = 0.8 * things.radius[i, moment]
        total *= 1 - things.shown[i, moment] * np.exp(
            -((_distance(things.place[i, moment]) / reach) ** 6)
        )
    # Instead of what things cover, people look about.
    total += max(1 - float(total.sum()), 0) * central_bias()
    total *= 1.0 if scene.background.attention is not None else CENTRAL
    for i in np.flatnonzero(looks > 1e-3).tolist():
        total += looks[i] * gaussian(
            things.place[i, moment], _width(spread, things.radius[i, moment])
        )
    return np.asarray(total / max(float(total.sum()), 1e-9))


def _moving(things: Seen, pull: Samples, moment: int, spread: float) -> Samples:
    """Density [y, x] of SMALL of what the motion of the things draws."""
    total = np.zeros(SMALL)
    shares = pull / pull.sum()
    for i in np.flatnonzero(shares > 1e-3).tolist():
        sigma = _width(spread, things.radius[i, moment])
        total += shares[i] * gaussian(things.place[i, moment], sigma, things.velocity[i, moment])
    several = 1 - float((shares**2).sum())  # 0 for one thing, towards 1 for many
    centre = shares @ things.place[:, moment]
    apart = float(np.sqrt(shares @ ((things.place[:, moment] - centre) ** 2).sum(axis=1)))
    # At most 0.3, and less where they are farther apart than eyes see sharply.
    middle = 0.3 * several * np.exp(-apart / 80)
    total = (1 - middle) * total + middle * gaussian(centre, float(np.hypot(spread, apart / 2)))
    return np.asarray(total / max(float(total.sum()), 1e-9))


def _width(spread: float, radius: float) -> float:
    """Standard deviation of gaze on a thing: people look at a large one in many places."""
    return float(np.hypot(spread, 0.45 * radius))


def _offsets(place: Samples) -> tuple[Samples, Samples]:
    """Distance of the pixels of SMALL from a place of the frame, to the right and down."""
    x = np.arange(SMALL[1]) * STEP + (STEP - 1) / 2 - place[0]
    y = np.arange(SMALL[0])[:, None] * STEP + (STEP - 1) / 2 - place[1]
    return x, y


def _distance(place: Samples) -> Samples:
    return np.asarray(np.hypot(*_offsets(place)))


def gaussian(place: Samples, sigma: float, velocity: Samples | None = None) -> Samples:
    """Return a Gaussian [y, x] of SMALL around a place of the frame, longer along a velocity.

    Its sum over an endless plane is 1.
    """
    x, y = _offsets(place)
    variance = sigma**2 * np.eye(2)
    if velocity is not None:
        variance += _WAY**2 * np.outer(velocity, velocity)
    (a, b), (_, d) = np.linalg.inv(variance)
    norm = STEP**2 / (2 * np.pi * np.sqrt(np.linalg.det(variance)))
    return np.asarray(norm * np.exp(-(a * x**2 + 2 * b * x * y + d * y**2) / 2))
