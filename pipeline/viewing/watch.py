"""A film as a network sees it: shot by shot, in pieces, with flat memory.

The network sees every `every`-th frame of a shot, its key frames, from its first one on. Between
them maps and flow are interpolated linearly; behind the last one they stay as they are. The flow of
a key frame goes to the film's next frame, whatever `every` is, since that is what networks learnt
from. Of frames that repeat one another, and where nothing moves, see network/stillness.py.

A piece ends with a key frame or with its shot, where a call of the network ends as well, so that
the pieces of a shot have the maps of the shot in one stretch, to the last digit.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from model.sight import Sight, State
from pipeline.evaluation.watching import Found, found, whole_calls
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.kinds import QUARTER
from pipeline.viewing.keys import Keys, Source
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.network.flows import Flows
from pipeline.viewing.piece import SIDES, Piece
from pipeline.viewing.shots import LEAD, Cuts

if TYPE_CHECKING:
    from pipeline.viewing.network.load import Model

LONGEST = 48
"""Frames of a piece, about, at most: at its ends a film keeps only one of two threads busy, for as
long as a piece takes."""
_MEMORY = 96 << 20
"""Bytes of a piece, about, at most: four of them are held at once while a film is worked on."""
_FLOW = "flow"


class Carried(NamedTuple):
    """What goes from a piece to the next one of its shot, and where that is."""

    first: int
    """The next piece's first frame."""
    shot: int
    """The shot that it belongs to, from 0."""
    start: int
    """The first frame of that shot."""
    state: State | None
    """What the network carries."""
    last: dict[str, NDArray[np.float32]]
    """Maps and flow of the last key frame, by their field; empty where a shot begins."""

    def save(self, path: Path) -> None:
        """Write it as one file.

        Raises:
            InputError: The disk refuses it.
        """
        tensors = {f"last.{field}": torch.from_numpy(array) for field, array in self.last.items()}
        for k, tensor in enumerate(self.state or ()):
            tensors[f"state.{k:03d}"] = tensor.detach().cpu().contiguous()
        place = {"first": self.first, "shot": self.shot, "start": self.start}
        facts = {"place": json.dumps(place | {"carries": self.state is not None})}
        with atomic(path) as partial:
            partial.write_bytes(save(tensors, metadata=facts))

    @classmethod
    def load(cls, path: Path) -> "Carried":
        """Read a file of `save`.

        Raises:
            InputError: It is damaged.
        """
        try:
            with safe_open(path, "pt") as file:
                place = json.loads(file.metadata()["place"])
                tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (SafetensorError, OSError, KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged ({error}); remove its folder, and rerun") from error
        state = tuple(tensor for name, tensor in tensors.items() if name.startswith("state."))
        last = {
            name.removeprefix("last."): tensor.numpy()
            for name, tensor in tensors.items()
            if name.startswith("last.")
        }
        carries = place.pop("carries")
        return cls(**place, state=state if carries else None, last=last)


class _Lengths(NamedTuple):
    """Of pieces, in key frames."""

    first: int
    """Of a shot's first piece."""
    later: int
    together: int
    """Frames that the network is given at once."""


def lengths(sight: Sight, every: int, size: tuple[int, int], flows: bool) -> _Lengths:
    """Return how many key frames the pieces of a shot have.

    Args:
        sight: What the network sees.
        every: Film frames from one key frame to the next.
        size: Height and width of the frames, pixels.
        flows: Whether there is flow, and with it the maps of two streams.
    """
    pixel = 3 + 4 * (1 + (len(SIDES) + 2 / QUARTER**2 if flows else 0))
    frames = min(LONGEST, max(1, int(_MEMORY / (size[0] * size[1] * pixel))))
    wanted = max(1, frames // every)
    together = min(sight.together, wanted)
    first, step = whole_calls(sight._replace(together=together))
    # A video is seen backwards at its start only if it is long enough to be.
    least = 2 * sight.before if sight.edge == "reverse" else 1
    count = max(0, -(-(least - first) // step), (wanted - first) // step)
    return _Lengths(first + count * step, step * max(1, wanted // step), together)


def watch(
    film: Film,
    model: "Model",
    *,
    every: int = 1,
    sides: Collection[str] = SIDES,
    after: Carried | None = None,
    tick: Callable[[int], None] = lambda seen: None,
) -> Iterator[tuple[Piece, Carried]]:
    """Yield the pieces of a film, in order, each with what is needed to go on behind it.

    Args:
        film: What is seen.
        model: What sees it.
        every: Film frames from one that the network sees to the next.
        sides: Maps that the pieces have beside the saliency map, as far as the network has them.
        after: What came with the last piece that is there already; None: begin with the first.
        tick: Called after every call of the network, with how many frames were seen by then.

    Raises:
        InputError: No frame can be decoded, or a map of the network is not finite.
    """
    still = film.kind == "picture"
    fitted = model.at(film.height, film.width, film.timing.mean_rate / every, still)
    sight = fitted.sight
    counts = lengths(sight, every, fitted.size, fitted.flow is not None)
    sight = sight._replace(together=counts.together)
    flows = Flows(fitted.flow, film.timing.mean_rate) if fitted.flow is not None else None
    ahead = every * max(sight.after, max(1, sight.flows) - 1 if flows else 0)
    ahead += max(1, flows.reach if flows else 0)
    now = after or Carried(0, 0, 0, None, {})

    def context(place: Carried) -> int:
        """The first frame that is needed to go on."""
        windows = place.first - every * (sight.before + 1) if place.last else place.first
        if flows is not None:
            windows = min(windows, place.first - 2 * flows.reach)
        return max(0, min(place.first - LEAD, max(place.start, windows)))

    base = context(now)
    cuts = None if still else Cuts(base, since=now.first, shot=now.start)
    with Reader(film, fitted.size, base) as reader:
        source = Source(reader, base, cuts)
        while True:
            key = -(-(now.first - now.start) // every)
            last = now.start + (key + (counts.later if key else counts.first) - 1) * every
            end = source.reach(last + ahead, now.start)
            stop = min(last + 1, end)
            if stop <= now.first:
                break
            keys = Keys(source, now.start, end, every)
            chosen = range(key, -(-(stop - now.start) // every))
            if flows is not None:
                flows.source, flows.place = source, range(now.start, end, every)
                flows.known = {key - 1: now.last[_FLOW]} if now.last else {}
            fields = ("saliency", *sides)
            calls = _calls(fitted.network, keys, flows, chosen, fields, sight, now)
            try:
                arrays, state = _joined(calls, now.first, every, tick)
            except FloatingPointError as error:
                remedy = "choose another model, or other weights"
                raise InputError(f"{model.name}: {error}; {remedy}") from error
            if flows is not None and chosen:
                arrays[_FLOW] = np.stack([flows[key] for key in chosen])
            spread = _between(now, arrays, range(now.first, stop), every)
            kept = {field: array[-1].copy() for field, array in arrays.items()}
            piece = Piece(
                first=now.first,
                shot=now.shot,
                frames=[source[frame] for frame in range(now.first, stop)],
                flow=spread.pop(_FLOW, None),
                maps=spread.pop("saliency"),
                sides=spread,
            )
            if stop == end:
                now = Carried(stop, now.shot + 1, stop, None, {})
            else:
                now = now._replace(first=stop, state=state, last=kept)  # it has a key frame
            yield piece, now
            del piece, arrays, spread  # the next piece needs the memory
            source.drop(context(now))
    if now.first == 0:
        raise InputError(f"{film.source}: none of its frames can be decoded; check the file")


def _calls(
    network: Any,
    keys: Keys,
    flows: Flows | None,
    chosen: range,
    fields: Sequence[str],
    sight: Sight,
    now: Carried,
) -> Iterator[Found]:
    """What a network finds in key frames that follow one another; see `found`.

    One that sees each frame by itself is not given those that repeat the one before, flow and all:
    they have its map.
    """
    if sight.carries or sight.before or sight.after or sight.flows > 1:
        how: dict[str, Any] = {"sight": sight, "state": now.state, "begin": chosen.start}
        yield from found(network, keys, flows, chosen, fields=fields, **how)
        return
    before = {field: torch.from_numpy(array) for field, array in now.last.items()}
    # The groups begin where those of a shot in one stretch do, so that sums are rounded alike.
    for first in range(chosen.start, chosen.stop, sight.together):
        group = range(first, min(first + sight.together, chosen.stop))
        new = [key for key in group if not _repeats(keys, flows, key)]
        calls = [*found(network, keys, flows, new, fields=fields, sight=sight)]
        maps = calls[0].maps if calls else {}
        if len(new) < len(group):
            known = [{field: before[field][None] for field in fields if field in before}, maps]
            rows = [sum(key <= this for key in new) - (not before) for this in group]
            maps = {
                field: torch.cat([one[field] for one in known if one])[rows]
                for field in maps or before
                if field != _FLOW
            }
        before = {field: tensor[-1] for field, tensor in maps.items()}
        yield Found(maps, None)


def _repeats(keys: Keys, flows: Flows | None, key: int) -> bool:
    """Whether a key frame and its flow are those of the one before in the shot."""
    return (
        key > 0
        and np.array_equal(keys[key], keys[key - 1])
        and (flows is None or np.array_equal(flows[key], flows[key - 1]))
    )


def _joined(
    calls: Iterator[Found], first: int, every: int, tick: Callable[[int], None]
) -> tuple[dict[str, NDArray[np.float32]], State | None]:
    """Maps [key, y, x] of a network's calls by their field, and the state behind the last one."""
    parts: dict[str, list[NDArray[np.float32]]] = {}
    state: State | None = None
    for maps, after in calls:
        # As a file has it, so that a run that goes on computes alike.
        state = after and tuple(tensor.contiguous() for tensor in after)
        for field, tensor in maps.items():
            parts.setdefault(field, []).append(tensor.numpy())
        tick(first + every * sum(map(len, parts["saliency"])))
    return {field: np.concatenate(arrays) for field, arrays in parts.items()}, state


def _between(
    before: Carried, arrays: dict[str, NDArray[np.float32]], frames: range, every: int
) -> dict[str, NDArray[np.float32]]:
    """Maps of film frames from those of key frames: the last one before, and those among them."""
    if every == 1:
        return dict(arrays)
    first = -(-(before.first - before.start) // every)  # the first key frame among them
    spread = {}
    for field in arrays or before.last:
        known = list(arrays.get(field, ()))
        if before.last:
            known.insert(0, before.last[field])
        offset = first - 1 if before.last else first
        made = []
        for frame in frames:
            key, rest = divmod(frame - before.start, every)
            here, there = key - offset, min(key - offset + 1, len(known) - 1)
            if rest and there > here:
                share = np.float32(rest / every)
                made.append(known[here] + share * (known[there] - known[here]))
            else:
                made.append(known[here])
        spread[field] = np.stack(made)
    return spread
