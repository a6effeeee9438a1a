"""A video as a network watches it: once, from the first frame on, and with flat memory."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from model.sight import Sight
from pipeline.preprocessing.tensors import flow_tensor, frame_tensor


class Watched(NamedTuple):
    """What a network is given at once."""

    clip: Tensor
    """[B, T, 3, H, W], RGB in 0..1."""
    flow: Tensor
    """[B, N, K, 2, H, W], right and down, pixels per frame; zero where there is none."""
    kept: Sequence[tuple[int, int]]
    """Clip b and frame n of each map that was asked for, in the order of the video."""
    afresh: bool
    """Whether no state goes on from what came before."""


class _Times(NamedTuple):
    """Times of frames, beyond the video's ends as well."""

    seen: Sequence[Sequence[int]]
    """Of the frames of each clip, B x T."""
    predicted: Sequence[Sequence[int]]
    """Of the frames that are predicted of each clip, B x N."""
    until: int
    """Time from which on predicted frames only fill up the clips."""
    afresh: bool


def watched(frames: Any, flow: Any, chosen: Sequence[int], sight: Sight) -> Iterator[Watched]:
    """Yield what a network sees of a video to predict its chosen frames, whose times ascend.

    `frames` is an array of the frames, `flow` one of their flow, or None. A network without a state
    sees the chosen frames and those around them; one with a state sees every frame up to the last
    one that was chosen. A frame is read once.
    """
    if not chosen:
        return
    last, wanted = frames.shape[0] - 1, set(chosen)
    if sight.carries:
        batches = _in_turn(chosen[-1] + 1, sight)
    elif sight.before or sight.after:
        batches = _windows(chosen, last, sight)
    else:
        starts = range(0, len(chosen), sight.together)
        alone = ([[time] for time in chosen[start : start + sight.together]] for start in starts)
        batches = (_Times(times, times, times[-1][0] + 1, True) for times in alone)
    # As many as one call and the next one share, and those of one call.
    held = 2 * sight.together * sight.step + sight.before + sight.after
    read = lru_cache(held)(lambda time: frame_tensor(frames[time]))
    size = (frames.shape[1], frames.shape[2])
    move = lru_cache(held)(lambda time: flow_tensor(flow[time], size))
    fields = max(1, sight.flows)
    for times in batches:
        clip = [torch.stack([read(_within(t, last)) for t in one]) for one in times.seen]
        if flow is None:
            motion = torch.zeros(len(clip), len(times.predicted[0]), fields, 2, *size)
        else:
            every = [
                torch.stack(
                    [move(_within(t + ahead, last)) for t in one for ahead in range(fields)]
                )
                for one in times.predicted
            ]
            motion = torch.stack(every).view(len(clip), -1, fields, 2, *size)
        places = {t: (b, n) for b, one in enumerate(times.predicted) for n, t in enumerate(one)}
        kept = [places[t] for t in sorted(places.keys() & wanted) if t < times.until]
        yield Watched(torch.stack(clip), motion, kept, times.afresh)


def _within(time: int, last: int) -> int:
    """The frame that stands for a time: beyond the ends, the first and the last one."""
    return min(max(time, 0), last)


def _in_turn(count: int, sight: Sight) -> Iterator[_Times]:
    """So many frames one after the other; the clips are those that do not share a state."""
    stretch = max(1, sight.together // sight.step) * sight.step
    restarts = [*range(0, count, sight.restart or count), count]
    for begin, end in pairwise(restarts):
        for start in range(begin, end, stretch):
            stop = min(start + stretch, end)
            ends = start + -(-(stop - start) // sight.step) * sight.step
            predicted = [range(start + k, ends, sight.step) for k in range(sight.step)]
            seen = [sight.around(one) for one in predicted]
            yield _Times(seen, predicted, stop, start == begin)


def _windows(chosen: Sequence[int], last: int, sight: Sight) -> Iterator[_Times]:
    """Chosen frames that follow one another share a clip, which may run backwards."""
    for run, backwards in _runs(chosen, last, sight):
        if backwards:
            seen = range(run[-1] + sight.before, run[0] - sight.after - 1, -1)
            yield _Times([seen], [run[::-1]], run[-1] + 1, True)
        else:
            yield _Times([sight.around(run)], [run], run[-1] + 1, True)


def _runs(chosen: Sequence[int], last: int, sight: Sight) -> Iterator[tuple[list[int], bool]]:
    """Times that follow one another, not too many, and whether they are seen backwards."""
    run: list[int] = []
    before = False
    for time in chosen:
        backwards = sight.edge == "reverse" and time < sight.before and time + sight.before <= last
        if run and (backwards != before or time != run[-1] + 1 or len(run) == sight.together):
            yield run, before
            run = []
        run.append(time)
        before = backwards
    if run:
        yield run, before
