"""Where a smaller window goes over the frames of a shot so that it shows what people look at.

The window has one side in common with the frame, so that it moves along the other one only. Its
path minimises how far it is from the attention, and how fast it moves, speeds up and jerks, all as
absolute values: a linear programme whose solutions rest, pan evenly and speed up evenly, as a
camera on a tripod does, with nothing in between (Grundmann et al., *Auto-directed video
stabilization with robust L1 optimal camera paths*, CVPR 2011; Rachavarapu et al., *Watch to edit*,
Eurographics 2018, for windows that follow gaze). Attention is where the density lies above its
mean: what a map has everywhere alike draws nobody to a place.

Positions are shares of the frame's side, times are seconds.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import PchipInterpolator
from scipy.optimize import linprog

KNOT = 0.2
"""Seconds between the times at which a path is sought; between them it is interpolated."""
SLOW = 0.4
"""Weight of speed, in seconds: the window follows what stays elsewhere for more than twice this."""
EVEN = (0.15, 0.05)
"""Weights of acceleration and of its change, in seconds squared and cubed: someone who walks to and
fro in five seconds is followed, and what sways within three is not."""
FASTEST = 1.5
"""Windows per second: what is shown crosses the picture in two thirds of a second at least."""
HARDEST = 3.0
"""Windows per second squared: full speed is reached in half a second at least."""
_MOST = 3000
"""Knots of a shot, so that one of an hour takes seconds, too: above ten minutes they lie wider."""
_CENTRING = 20
"""Steps in which a window is moved to the mean of what it shows."""


class Path(NamedTuple):
    """The way of a window through a shot."""

    start: NDArray[np.float64]
    """[frame]: where the window begins, 0 to 1 - its size."""
    kept: float
    """Share of the attention that it shows, on average over the shot's frames; 1 if there is none
    anywhere."""


def attention(densities: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    """Return where attention lies along one side [t, cell] of densities [t, y, x]; sums are 1 or 0.

    `axis` is 0 along the height and 1 along the width.
    """
    mean = densities.mean(axis=(1, 2), keepdims=True)
    along = (densities - mean).clip(0).sum(axis=2 - axis)
    total = along.sum(axis=1, keepdims=True)
    # A map that is the same everywhere but for rounding draws nobody.
    found = np.where(total > 1e-6, along / np.maximum(total, 1e-6), 0)
    return found.astype(np.float32)


def crop_path(along: NDArray[Any], seconds: NDArray[np.float64], size: float) -> Path:
    """Return the path of a window through a shot.

    Args:
        along: [frame, cell], from `attention`.
        seconds: [frame], ascending: when each frame appears.
        size: Of the window, as a share of the frame's side, at most 1.
    """
    along = along.astype(np.float64)
    seen = along.any(axis=1)
    room = 1 - size
    if not seen.any() or room <= 0:
        start = np.full(len(along), max(room, 0) / 2)
    else:
        duration = seconds[-1] - seconds[0]
        count = max(2, min(round(duration / KNOT) + 1, len(along), _MOST))
        step = duration / (count - 1) or KNOT
        knot = np.round((seconds - seconds[0]) / step).astype(int)
        sums = np.zeros((count, along.shape[1]))
        np.add.at(sums, knot, along)
        weights = np.bincount(knot[seen], minlength=count) / np.bincount(knot).max()
        wish = _best(sums, size)
        path = size * _smooth(wish / size, weights, room / size, step)
        times = seconds[0] + step * np.arange(count)
        start = PchipInterpolator(times, path)(seconds).clip(0, room)
    kept = _inside(along, start, size)[seen]
    return Path(start, float(kept.mean()) if len(kept) else 1.0)


def _inside(along: NDArray[Any], start: NDArray[Any], size: float) -> NDArray[np.float64]:
    """What each row [row, cell] has in a window that begins at `start` [row]."""
    sums = np.pad(along.cumsum(axis=1), ((0, 0), (1, 0)))
    edges = np.arange(along.shape[1] + 1) / along.shape[1]
    ends = [
        np.interp([begin, begin + size], edges, row) for begin, row in zip(start, sums, strict=True)
    ]
    return np.diff(ends, axis=1)[:, 0]


def _best(along: NDArray[Any], size: float) -> NDArray[np.float64]:
    """Where a window [row] that shows the most of each row begins, with its mean in the middle."""
    cells = along.shape[1]
    starts = np.linspace(0, 1 - size, 2 * cells)
    edges = np.arange(cells + 1) / cells
    middles = (np.arange(cells) + 0.5) / cells
    found = []
    for row in along:
        sums = np.concatenate([[0], row.cumsum()])
        held = np.interp(starts + size, edges, sums) - np.interp(starts, edges, sums)
        start = float(starts[held.argmax()])
        for _ in range(_CENTRING):
            covered = np.clip((start + size - edges[:-1]) * cells, 0, 1)
            covered -= np.clip((start - edges[:-1]) * cells, 0, 1)
            if not (shown := row * covered).any():
                break
            start = min(max(float(shown @ middles / shown.sum()) - size / 2, 0), 1 - size)
        found.append(start)
    return np.array(found)


def _smooth(
    wish: NDArray[np.float64], weights: NDArray[np.float64], room: float, step: float
) -> NDArray[np.float64]:
    """The path nearest to a wish [knot], all in windows; of several, one at a vertex.

    Each term |.| is a variable of its own that is at least the value and at least its negative.
    """
    count = len(wish)
    terms: list[Any] = [sparse.eye_array(count, format="csr")]
    while len(terms) < min(4, count):
        terms.append((terms[-1][1:] - terms[-1][:-1]) / step)
    lengths = [term.shape[0] for term in terms]
    costs: list[Any] = [weights, SLOW, *EVEN]
    limits = (None, FASTEST, HARDEST, None)
    cost = [np.zeros(count)]
    bounds: list[tuple[float, float | None]] = [(0.0, room)] * count
    rows: list[Any] = []
    sides = []
    for order, (term, length) in enumerate(zip(terms, lengths, strict=True)):
        aim = wish if order == 0 else np.zeros(length)
        before = sparse.csr_array((length, sum(lengths[:order])))
        behind = sparse.csr_array((length, sum(lengths[order + 1 :])))
        for sign in (1, -1):
            rows.append([sign * term, before, -sparse.eye_array(length), behind])
            sides.append(sign * aim)
        cost.append(np.broadcast_to(costs[order] * step, length))
        bounds += [(0.0, limits[order])] * length
    solved = linprog(
        np.concatenate(cost),
        A_ub=sparse.vstack([sparse.hstack(row) for row in rows], format="csc"),
        b_ub=np.concatenate(sides),
        bounds=bounds,
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"no path of a window was found: {solved.message}")
    return np.asarray(solved.x[:count], np.float64)


def keyframes(seconds: NDArray[np.float64], values: NDArray[np.float64]) -> list[int]:
    """Return the fewest frames, about, between which a line is within half a pixel of the values.

    Both are [frame]; values are pixels (Douglas and Peucker, 1973).
    """
    kept, parts = {0, len(values) - 1}, [(0, len(values) - 1)]
    while parts:
        first, last = parts.pop()
        inner = slice(first + 1, last)
        ends = [first, last]
        line = np.interp(seconds[inner], seconds[ends], values[ends])
        far = np.abs(values[inner] - line)
        if far.max(initial=0) > 0.5:
            middle = first + 1 + int(far.argmax())
            kept.add(middle)
            parts += [(first, middle), (middle, last)]
    return sorted(kept)
