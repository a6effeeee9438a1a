"""A video as a network watches it: once, from the first frame on, and with flat memory."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.sight import Sight, State, see, sight_of
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


class Found(NamedTuple):
    """What a network found in chosen frames that it was given at once."""

    maps: dict[str, Tensor]
    """By their field of the network's maps, as far as it has them: float32 [B, y, x] in memory."""
    state: State | None
    """What the network carries to the next frames."""


@torch.inference_mode()
def found(
    network: Any,
    frames: Any,
    flow: Any,
    chosen: Sequence[int],
    *,
    fields: Sequence[str] = ("saliency",),
    sight: Sight | None = None,
    state: State | None = None,
    begin: int = 0,
) -> Iterator[Found]:
    """Yield what a network finds in a video's chosen frames, in their order; see `watched`.

    `fields` are maps of the network that have the size of the frames, and `sight` is what it sees
    if it is given fewer frames at once than it states. With the state behind the frame before
    `begin` a network that carries one goes on there.

    Raises:
        FloatingPointError: A map is not finite.
    """
    held = (network.parameters(), network.buffers()) if isinstance(network, nn.Module) else ()
    one = next(chain(*held), None)
    where = torch.device("cpu") if one is None else one.device
    sight = sight or sight_of(network)
    for clip, motion, kept, afresh in watched(frames, flow, chosen, sight, begin):
        maps, state = see(network, clip.to(where), motion.to(where), None if afresh else state)
        if not kept:
            continue
        clips, times = (list(places) for places in zip(*kept, strict=True))
        present = {field: getattr(maps, field, None) for field in fields}
        wanted = {
            field: tensor[clips, times, 0].float().cpu()
            for field, tensor in present.items()
            if tensor is not None
        }
        if not all(torch.isfinite(tensor).all() for tensor in wanted.values()):
            raise FloatingPointError("a map of the network is not finite")
        yield Found(wanted, state)


def watched(
    frames: Any, flow: Any, chosen: Sequence[int], sight: Sight, begin: int = 0
) -> Iterator[Watched]:
    """Yield what a network sees of a video to predict its chosen frames, whose times ascend.

    `frames` is an array of the frames, `flow` one of their flow, or None. A network without a state
    sees the chosen frames and those around them; one with a state sees every frame from `begin` up
    to the last one that was chosen. A frame is read once.
    """
    if not chosen:
        return
    last, wanted = frames.shape[0] - 1, set(chosen)
    if sight.carries:
        batches = _in_turn(begin, chosen[-1] + 1, sight)
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


def _in_turn(begin: int, count: int, sight: Sight) -> Iterator[_Times]:
    """The frames up to a count, one after the other; the clips are those that share no state."""
    restarts = [*range(0, count, sight.restart or count), count]
    for first, end in pairwise(restarts):
        for start in range(max(first, begin), end, _stretch(sight)):
            stop = min(start + _stretch(sight), end)
            ends = start + -(-(stop - start) // sight.step) * sight.step
            predicted = [range(start + k, ends, sight.step) for k in range(sight.step)]
            seen = [sight.around(one) for one in predicted]
            yield _Times(seen, predicted, stop, start == first)


def _stretch(sight: Sight) -> int:
    """Frames that a network with a state is given at once."""
    return max(1, sight.together // sight.step) * sight.step


def whole_calls(sight: Sight) -> tuple[int, int]:
    """Return after how many frames, and every how many further ones, a call of a network ends.

    A video that is watched in pieces of such lengths gives the same maps to the last digit as in
    one stretch: how many frames are predicted at once changes how sums are rounded.
    """
    if sight.carries:
        whole = _stretch(sight)
        every = sight.restart if sight.restart and sight.restart % whole else whole
        return every, every
    before = sight.before if sight.edge == "reverse" else 0
    return before + sight.together, sight.together


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
