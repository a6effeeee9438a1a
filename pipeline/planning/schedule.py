"""How long a training is and how its learning rate falls, known before it begins."""

import bisect
import math
from collections.abc import Callable

from pipeline.config.training import FlowTraining, Recipe

SMALL = 1e-4
"""Share of the first learning rate at which next to nothing is learned any more."""
_HALVED = 0.5
"""What the milestones of a flow network's training multiply the rate by."""


def iterations_of(settings: Recipe | FlowTraining, epoch: int) -> int:
    """Return the iterations that the settings state, or those of epochs of so many samples."""
    if settings.iterations is not None:
        return settings.iterations
    assert isinstance(settings, Recipe)
    assert settings.epochs is not None
    return math.ceil(settings.epochs * epoch / settings.batch)


def step_of(settings: Recipe, epoch: int) -> int:
    """Return the iterations from one reduction of the rate to the next."""
    if settings.step == "epoch":
        return max(1, math.ceil(epoch / settings.batch))
    return settings.step


def rate_of(settings: Recipe | FlowTraining, epoch: int) -> Callable[[int], float]:
    """Return the function from an iteration, from 0, to its share of the first learning rate.

    It states what torch's schedules of `pipeline.training.frame_trainer` do.
    """
    if isinstance(settings, FlowTraining):
        return lambda iteration: _HALVED ** _passed(settings.milestones, iteration)
    milestones, gamma = settings.milestones, settings.gamma
    if settings.end_rate is not None:
        end = settings.end_rate / settings.learning_rate
        length = max(1, (settings.iterations or 1) - 1)
        return lambda iteration: 1.0 + (end - 1.0) * min(iteration, length) / length
    if milestones is not None:
        return lambda iteration: gamma ** _passed(milestones, iteration)
    step = step_of(settings, epoch)
    return lambda iteration: float(gamma ** (iteration // step))


def _passed(milestones: tuple[int, ...], iteration: int) -> int:
    return bisect.bisect_right(sorted(milestones), iteration)


def share_small(settings: Recipe | FlowTraining, epoch: int) -> float:
    """Return the share of the iterations whose rate is SMALL of the first one or less."""
    count, rate = iterations_of(settings, epoch), rate_of(settings, epoch)
    # Rates never rise again; a power of ten may come out a last digit above it.
    first = bisect.bisect_left(
        range(count), True, key=lambda iteration: rate(iteration) <= SMALL * (1 + 1e-9)
    )
    return (count - first) / max(1, count)


def in_words(settings: Recipe | FlowTraining, epoch: int) -> str:
    """Return a line about the length of a training of so many samples an epoch, and its rate."""
    count, rate = iterations_of(settings, epoch), rate_of(settings, epoch)
    first = settings.learning_rate
    text = f"{count:,} iterations of {settings.batch}; learning rate {first:g}"
    last = rate(count - 1)
    if last == 1:
        return f"{text} throughout"
    text += f", {_falls(settings, epoch)}: {first * last:.0e} at the end"
    if small := share_small(settings, epoch):
        text += (
            f"; {small:.0%} of the iterations at {SMALL:g} of the first rate or less "
            "(docs/training.md#how-the-rate-falls)"
        )
    return text


def _falls(settings: Recipe | FlowTraining, epoch: int) -> str:
    """How the rate falls, in words."""
    if isinstance(settings, FlowTraining):
        return f"halved {len(settings.milestones)} times"
    if settings.end_rate is not None:
        return "falling in a line"
    times = f"times {settings.gamma:g}"
    if settings.milestones is not None:
        return f"{times} after iterations {', '.join(map(str, settings.milestones))}"
    return f"{times} every {step_of(settings, epoch):,} iterations"
