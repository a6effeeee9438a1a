"""A network of fixed windows in time that slides over a clip, and computes nothing twice.

Two windows of a 3D network share frames, but not all features: where a window ends, its layers pad,
so what lies near its ends belongs to that window alone. What lies further inside, out of the ends'
reach, does not: one step later (one layer of time stride 2: two steps later) the next window has
the same *column*, the features of one time at all places.

A window is `Columns`: those of its columns that no earlier window had. Layers within a time see
only these. A layer over time (`Convolution`, `Maximum`, `Centre`) takes the others from
what it kept, computes those columns that are new behind it, and keeps what later windows need of
what it was given. It knows which these are by counting: each layer over time moves the ends' reach
on by its padding. A column is computed by the same sums whatever window it is computed for.

The first window of a clip is all new, and so is a clip of one window, as in training: then the
layers are the ordinary ones.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn


class Slide:
    """The way of a window over a clip: `number` of `count`, and what the layers keep."""

    def __init__(self, count: int) -> None:
        self.number, self.count = 0, count
        self.kept: dict[nn.Module, dict[int, Tensor]] = {}


class Columns(NamedTuple):
    """Features of a window at those times that no earlier window has."""

    maps: Tensor
    """[n B, C, H, W], times before clips: the first `left` and the last `right` of the window."""
    batch: int
    """Clips, B."""
    length: int
    """Times of the whole window."""
    left: int
    """Times of its start that are here; all, if no earlier window has any."""
    right: int
    """Times of its end that are here."""
    inner: tuple[int, int]
    """First time that the padding of the window's ends does not reach, and the one after the last.
    """
    period: int
    """Steps of the window after which inner columns return, one time earlier."""
    slide: Slide

    @classmethod
    def of_clip(cls, frames: Tensor, length: int, slide: Slide) -> Self:
        """Return the window that the slide has reached: frames [T, B, C, H, W] of the clip."""
        new = length if slide.number == 0 else 1
        end = slide.number + length
        maps = frames[end - new : end].flatten(0, 1).contiguous(memory_format=torch.channels_last)
        known = (0, 1) if slide.number else (length, 0)
        return cls(maps, frames.shape[1], length, *known, (0, length), 1, slide)

    def each(self, layer: Callable[[Tensor], Tensor]) -> Self:
        """Apply a layer that sees each time by itself."""
        return self._replace(maps=layer(self.maps))

    def over_time(self, layer: "OverTime") -> Self:
        """Apply a layer that sees several times."""
        k, s, p = layer.size, layer.step, layer.margin
        length = (self.length + 2 * p - k) // s + 1
        inner = -(-(self.inner[0] + p) // s), (self.inner[1] - k + p) // s + 1
        period, slide = self.period * s, self.slide
        # Of the inner columns, the last one alone is new.
        left, right = inner[0], length - inner[1] + 1
        if layer.whole or slide.number < period or left + right >= length:
            left, right = length, 0
        kept = slide.kept.setdefault(layer, {})
        columns = []
        for time in [*range(left), *range(length - right, length)]:
            start = time * s - p
            taps = range(max(0, -start), min(k, self.length - start))
            columns.append(layer.column({tap: self._at(start + tap, kept) for tap in taps}))
        self._keep(kept)
        return self._replace(
            maps=torch.cat(columns),
            length=length,
            left=left,
            right=right,
            inner=inner,
            period=period,
        )

    def _at(self, time: int, kept: dict[int, Tensor]) -> Tensor:
        """The column of a time [B, C, H, W], from here or from what a layer kept."""
        gap = self.length - self.left - self.right
        if self.left <= time < self.left + gap:
            return kept[self._place(time)]
        here = time if time < self.left else time - gap
        return self.maps[here * self.batch : (here + 1) * self.batch]

    def _keep(self, kept: dict[int, Tensor]) -> None:
        """Keep the new inner columns, if a later window needs any; forget what none needs."""
        first, end = self.inner
        for place in [place for place in kept if place <= self._place(first)]:
            del kept[place]
        if self.slide.number + self.period >= self.slide.count:
            return
        for time in range(first, end):
            if time < self.left:
                kept[self._place(time)] = self._at(time, kept)
            elif time >= self.length - self.right:
                # A view would hold on to the columns of the window's ends as well.
                kept[self._place(time)] = self._at(time, kept).clone()

    def _place(self, time: int) -> int:
        """Where a time of this window lies in the clip: the same for all windows that have it."""
        return self.slide.number + self.period * time


def side_by_side(windows: Sequence[Columns]) -> Columns:
    """Return whole windows as one whose clips are those of all, window after window."""
    if len(windows) == 1:
        return windows[0]
    first = windows[0]
    times = [slice(time * first.batch, (time + 1) * first.batch) for time in range(first.length)]
    maps = torch.cat([window.maps[time] for time in times for window in windows])
    return first._replace(maps=maps, batch=len(windows) * first.batch, slide=Slide(1))


class OverTime(nn.Module, ABC):
    """A layer that sees `size` times, `step` times on for each of its own, padded by `margin`."""

    size: int
    step: int = 1
    margin: int = 0
    whole: bool = False

    def forward(self, columns: Columns) -> Columns:
        """Return what is new of the window behind this layer, or the whole if that is asked for."""
        return columns.over_time(self)

    @abstractmethod
    def column(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Compute a column from those that it sees, [B, C, H, W], by their place in its view.

        Where the window ends, and nowhere else, some are not there.
        """


class Convolution(nn.Conv2d, OverTime):
    """Weights [O, C, k, 1] along time.

    A sum of products of matrices over the times that are there: nothing is padded or copied, and
    the same column is the same sum in each window.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, step: int = 1, margin: int = 0
    ) -> None:
        super().__init__(inputs, outputs, (size, 1), bias=False)
        self.size, self.step, self.margin = size, step, margin
        # In this layout the weights of one time are a matrix as they stand.
        form = torch.channels_last
        self.weight = nn.Parameter(self.weight.detach().contiguous(memory_format=form))

    def forward(self, columns: Columns) -> Columns:  # type: ignore[override]
        """Return what is new of the window behind this layer."""
        return columns.over_time(self)

    def column(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Compute O channels."""
        total: Tensor | None = None
        for tap, one in seen.items():
            pixels = one.permute(0, 2, 3, 1)
            rows = pixels.flatten(0, 2)
            weight = self.weight[:, :, tap, 0].T.to(rows.dtype)
            total = rows @ weight if total is None else total.addmm_(rows, weight)
        assert total is not None
        if self.bias is not None:
            total = total + self.bias
        return total.view(*pixels.shape[:3], -1).permute(0, 3, 1, 2)


class Maximum(OverTime):
    """The greatest value over time."""

    def __init__(self, size: int, step: int = 1, margin: int = 0, *, whole: bool = False) -> None:
        super().__init__()
        self.size, self.step, self.margin, self.whole = size, step, margin, whole

    def column(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Compute as many channels."""
        return reduce(torch.maximum, seen.values())


class Centre(OverTime):
    """The columns as they are, where layers beside this one look one time around."""

    size, margin = 3, 1

    def column(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Return the column in the middle."""
        return seen[1]
