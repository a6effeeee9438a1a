"""A film as a network sees it: shot by shot, in pieces, with flat memory.

The network sees every `every`-th frame of a shot, its key frames, from its first one on. Between
them maps and flow are interpolated linearly; behind the last one they stay as they are. The flow of
a key frame goes to the film's next frame, whatever `every` is, since that is what networks learnt
from; the last frame of a shot repeats the flow before it.

A piece ends with a key frame or with its shot, where a call of the network ends as well, so that
the pieces of a shot have the maps of the shot in one stretch, to the last digit.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from model.sight import Sight, State
from pipeline.config.data import Flow, ImageFlowEstimator
from pipeline.evaluation.watching import Found, found, whole_calls
from pipeline.planning.load import own
from pipeline.preprocessing.flow_estimators import Estimator, build_estimator
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.kinds import QUARTER
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.piece import Piece
from pipeline.viewing.shots import LEAD, Cuts

if TYPE_CHECKING:
    from pipeline.viewing.network.load import Model

SIDES = ("appearance", "motion", "gate_appearance", "gate_motion")
"""Further maps of a network that a piece has, as far as there are any."""
LONGEST = 48
"""Frames of a piece, about, at most: at its ends a film keeps only one of two threads busy, for as
long as a piece takes."""
_MEMORY = 96 << 20
"""Bytes of a piece, about, at most: four of them are held at once while a film is worked on."""
_FLOW = "flow"
_BLOCK = 8
"""Frames that are decoded at once."""


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


class _Source:
    """Frames of a film as far as they are needed at once, and the cuts among them."""

    def __init__(self, reader: Reader, base: int, cuts: Cuts | None) -> None:
        self._reader, self._cuts = reader, cuts
        self._frames: deque[NDArray[np.uint8]] = deque()
        self._begins: list[int] = []
        self._base = base
        self._over = False

    def __getitem__(self, frame: int) -> NDArray[np.uint8]:
        """A frame of the film that was read and not dropped."""
        return self._frames[frame - self._base]

    def reach(self, frame: int, start: int) -> int:
        """Read up to a frame of a shot; return where the shot ends, or a frame behind this one."""
        while not self._over and self._settled <= frame and not self._later(start):
            block = self._reader.take(_BLOCK)
            self._frames.extend(block)
            self._over = not block
            if self._cuts:
                added = [self._cuts.add(picture) for picture in block]
                self._begins += [cut for cut in added if cut is not None]
                self._begins += [] if block else self._cuts.end()
        end = min([self._base + len(self._frames), *self._later(start)])
        return min(end, frame + 1)

    @property
    def _settled(self) -> int:
        return self._cuts.settled if self._cuts else self._base + len(self._frames)

    def _later(self, start: int) -> list[int]:
        """Where shots begin after one."""
        return [frame for frame in self._begins if frame > start]

    def drop(self, before: int) -> None:
        """Forget the frames before one."""
        while self._frames and self._base < before:
            self._frames.popleft()
            self._base += 1


class _Keys:
    """The key frames of a shot as an array, of which the last ones are in memory."""

    def __init__(self, source: _Source, start: int, end: int, every: int) -> None:
        self._source, self._start, self._every = source, start, every
        self.shape = (-(-(end - start) // every), *source[end - 1].shape)

    def __getitem__(self, key: int) -> NDArray[np.uint8]:
        return self._source[self._start + key * self._every]


class _Flows:
    """The flow of key frames as an array, each computed when it is first asked for."""

    def __init__(self, estimate: Estimator, alone: bool) -> None:
        self._estimate, self._alone = estimate, alone
        self.known: dict[int, NDArray[np.float32]] = {}
        self.source: _Source
        self.place = range(0)
        """Key frames of the shot: its first frame, where it ends as far as known, `every`."""

    def __getitem__(self, key: int) -> NDArray[np.float32]:
        if key not in self.known:
            self.known[key] = np.ascontiguousarray(self._of(key))
        return self.known[key]

    def _of(self, key: int) -> NDArray[np.float32]:
        """The flow of a key frame, computed."""
        frame = self.place.start + key * self.place.step
        if self._alone:
            return np.asarray(self._estimate(self.source[frame][None])[0])
        if frame + 1 < self.place.stop:
            pair = np.stack([self.source[frame], self.source[frame + 1]])
            return np.asarray(self._estimate(pair)[0])
        if key:
            return self[key - 1]
        height, width = self.source[frame].shape[:2]
        return np.zeros((2, height // QUARTER, width // QUARTER), np.float32)


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
    after: Carried | None = None,
    tick: Callable[[int], None] = lambda seen: None,
) -> Iterator[tuple[Piece, Carried]]:
    """Yield the pieces of a film, in order, each with what is needed to go on behind it.

    Args:
        film: What is seen.
        model: What sees it.
        every: Film frames from one that the network sees to the next.
        after: What came with the last piece that is there already; None: begin with the first.
        tick: Called after every call of the network, with how many frames were seen by then.

    Raises:
        InputError: No frame can be decoded, or a map of the network is not finite.
    """
    still = film.kind == "picture"
    fitted = model.at(film.height, film.width, film.timing.mean_rate / every, still)
    sight = fitted.sight
    counts = lengths(sight, every, fitted.size, model.flows)
    sight = sight._replace(together=counts.together)
    flows = _flows(model.flow) if model.flow is not None else None
    ahead = every * max(sight.after, max(1, sight.flows) - 1 if flows else 0) + 1
    now = after or Carried(0, 0, 0, None, {})

    def context(place: Carried) -> int:
        """The first frame that is needed to go on."""
        windows = place.first - every * (sight.before + 1) if place.last else place.first
        return max(0, min(place.first - LEAD, max(place.start, windows)))

    base = context(now)
    cuts = None if still else Cuts(base, since=now.first, shot=now.start)
    with Reader(film, fitted.size, base) as reader:
        source = _Source(reader, base, cuts)
        while True:
            key = -(-(now.first - now.start) // every)
            last = now.start + (key + (counts.later if key else counts.first) - 1) * every
            end = source.reach(last + ahead, now.start)
            stop = min(last + 1, end)
            if stop <= now.first:
                break
            keys = _Keys(source, now.start, end, every)
            chosen = range(key, -(-(stop - now.start) // every))
            if flows is not None:
                flows.source, flows.place = source, range(now.start, end, every)
                flows.known = {key - 1: now.last[_FLOW]} if now.last else {}
            calls = found(
                fitted.network,
                keys,
                flows,
                chosen,
                fields=("saliency", *SIDES),
                sight=sight,
                state=now.state,
                begin=key,
            )
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
                frames=np.stack([source[frame] for frame in range(now.first, stop)]),
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


def _flows(settings: Flow) -> _Flows:
    """The flow that a network looks at."""
    if weights := getattr(settings, "weights", None):
        settings = settings.model_copy(update={"weights": own(weights)})
    estimate = build_estimator(settings, torch.get_num_threads())
    return _Flows(estimate, isinstance(settings, ImageFlowEstimator))


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
