"""Paths of things: where the centre of each is at every moment, [time, (x, y)] in the world.

Every motion takes the generator, the place (x, y) at the clip's middle, the speed in pixels a
frame, and the thing's radius.
"""

from collections.abc import Callable

import numpy as np

from pipeline.datasets.records import Samples
from pipeline.teaching.drawing.timeline import FRAMES, MIDDLE, MOMENTS, NUMBERS, SIZE

Place = tuple[float, float]
Motion = Callable[[np.random.Generator, Place, float, float], Samples]


def travelled(velocity: Samples, place: Place) -> Samples:
    """Return the path of velocities [time, 2] that is at a place in the clip's middle."""
    path = np.cumsum(velocity, axis=0)
    return np.asarray(path - path[MIDDLE] + place)


def heading(rng: np.random.Generator) -> Samples:
    """Return a unit vector (x, y); sideways is more frequent, as in films."""
    angle = rng.uniform(0, 2 * np.pi)
    vector = np.array([np.cos(angle), np.sin(angle) * rng.choice([0.2, 1.0])])
    return np.asarray(vector / np.linalg.norm(vector))


def stand(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return the path of a thing that stands still."""
    return np.tile(np.array(place), (MOMENTS, 1))


def straight(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a uniform motion along a line."""
    return travelled(np.tile(speed * heading(rng), (MOMENTS, 1)), place)


def speeding(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a motion along a line that becomes faster or slower, and never turns back."""
    change = rng.choice([-1, 1]) * rng.uniform(0.03, 0.12)
    pace = np.clip(1 + change * (np.arange(MOMENTS) - MIDDLE), 0, 2.5)
    return travelled(speed * pace[:, None] * heading(rng), place)


def start(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a motion that begins during the clip or shortly before it."""
    begins = int(rng.integers(-6, FRAMES - 1))
    pace = np.clip((NUMBERS - begins) / rng.uniform(1, 5), 0, 1)
    return travelled(speed * pace[:, None] * heading(rng), place)


def stop(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a motion that ends during the clip or shortly before it."""
    ends = int(rng.integers(-6, FRAMES))
    pace = np.clip((ends - NUMBERS) / rng.uniform(1, 5), 0, 1)
    return travelled(speed * pace[:, None] * heading(rng), place)


def halting(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return moves and pauses in turn, each in a direction of its own, as of an animal."""
    velocity = np.zeros((MOMENTS, 2))
    moment = -int(rng.integers(12))
    while moment < MOMENTS:
        moving, pause = (int(length) for length in rng.integers(5, 16, 2))
        velocity[max(moment, 0) : max(moment + moving, 0)] = speed * heading(rng)
        moment += moving + pause
    return travelled(velocity, place)


def circle(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a uniform motion along a circle or an ellipse."""
    orbit = rng.uniform(15, 90)
    turn = rng.choice([-1, 1]) * speed / orbit
    angle = rng.uniform(0, 2 * np.pi) + turn * NUMBERS
    around = np.stack([np.cos(angle), np.sin(angle) * rng.uniform(0.4, 1)], -1)
    return np.asarray(place + orbit * (around - around.mean(axis=0)))


def swing(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a harmonic motion to and fro, fastest in the middle."""
    reach = rng.uniform(12, 80)
    phase = rng.uniform(0, 2 * np.pi) + speed / reach * NUMBERS
    return np.asarray(place + reach * np.sin(phase)[:, None] * heading(rng))


def wander(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a motion whose direction drifts, as of somebody who walks."""
    angle = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.12, MOMENTS))
    pace = speed * np.clip(1 + np.cumsum(rng.normal(0, 0.06, MOMENTS)), 0.3, 1.8)
    return travelled(pace[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1), place)


def bounce(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return a uniform motion between walls, at the frame's edges or nearer, that reflect it."""
    velocity = speed * heading(rng)
    path = np.empty((MOMENTS, 2))
    for axis, side in enumerate(SIZE[::-1]):
        low, high = radius, side - 1 - radius
        if rng.random() < 0.6:  # a wall nearby, which is met during the clip or close to it
            reach = abs(velocity[axis]) * rng.uniform(0, FRAMES)
            low, high = max(low, place[axis] - reach), min(high, place[axis] + 3 * reach)
        path[:, axis] = folded(place[axis] + velocity[axis] * (NUMBERS - FRAMES // 2), low, high)
    return path


def folded(values: Samples, low: float, high: float) -> Samples:
    """Return values reflected at two walls as often as it takes to lie between them."""
    span = max(high - low, 1.0)
    return np.asarray(low + np.abs((values - low + span) % (2 * span) - span))


def hop(rng: np.random.Generator, place: Place, speed: float, radius: float) -> Samples:
    """Return the hops of a ball on a floor: parabolas, at a uniform speed sideways."""
    period = float(rng.uniform(10, 30))
    height = min(speed * period / 3, 120.0)
    share = (NUMBERS / period + rng.random()) % 1
    x = place[0] + rng.choice([-1, 1]) * rng.uniform(0.1, 0.7) * speed * (NUMBERS - FRAMES // 2)
    return np.stack([x, place[1] + height * (0.5 - 4 * share * (1 - share))], -1)


MOVING: dict[str, Motion] = {
    one.__name__: one
    for one in (straight, speeding, start, stop, halting, circle, swing, wander, bounce, hop)
}
"""Motions by name."""


AROUND = 8
"""Frames before and after a clip in which a collision may be whose approach or end it shows."""


def collision(
    rng: np.random.Generator, place: Place, speed: float, radii: tuple[float, float]
) -> tuple[Samples, Samples]:
    """Return the paths of a thing that runs into another, which stands at a place until then.

    The first one mostly stops, at times goes on slowly or springs back; the second mostly moves on
    at once, at times late, before it is touched, or never (after Michotte, The Perception of
    Causality, 1946: launching, and what breaks it).
    """
    way = heading(rng)
    meets = int(rng.integers(-AROUND, FRAMES + AROUND))
    kind = rng.choice(["at once", "late", "early", "never"], p=[0.6, 0.15, 0.1, 0.15])
    delay = {"at once": 0, "late": int(rng.integers(3, 8)), "early": -3, "never": 10**6}[kind]
    after = float(rng.choice([0.0, 0.25, -0.4], p=[0.7, 0.15, 0.15]))
    first = speed * np.where(meets < NUMBERS, after, 1.0)[:, None] * way
    again = rng.uniform(0.6, 1.1) * speed
    second = again * np.where(meets + delay < NUMBERS, 1.0, 0.0)[:, None] * way
    touching = np.array(place) - (radii[0] + radii[1]) * way
    hits = np.cumsum(first, axis=0)
    moved = np.cumsum(second, axis=0)
    met = hits[min(meets, FRAMES - 1) - NUMBERS[0]] + max(0, meets - FRAMES + 1) * speed * way
    return np.asarray(hits - met + touching), np.asarray(moved + place)
