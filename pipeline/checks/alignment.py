"""Stage alignment: does the gaze fit the pictures, in time and in place (Sec. IV-A)?

Two faults of a conversion leave no trace in a store: gaze that belongs to another moment, and gaze
whose axis is turned over. Both show against the motion, which draws gaze in most videos. The speed
of the flow is z-scored over each frame and read at the gaze points, as NSS (Peters et al., 2005)
reads a saliency map; no network takes part.

Lag k compares the gaze of frame t with the motion of frame t - k, so that a positive best lag means
that gaze comes late. Eyes follow a moving thing by 0 to 100 ms, so a few frames are no fault. Flips
compare at lag 0 with x -> width - 1 - x or y -> height - 1 - y. Left out are frames whose speed is
the same everywhere and each clip's last frame, whose flow repeats the one before it.

Motion does not always draw gaze: a panning camera or a talking head moves elsewhere than people
look. A lag or a flip is called a fault only where gaze is clearly on the motion once it is undone,
and clearly less as it stands. Without that there is no flag, which proves nothing; what is pooled
over the clips, printed last, says more than any one of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config.evaluation import Alignment
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import heading, write_rows
from pipeline.stores.kinds import FLOW, FRAMES, GAZE, SHARD
from pipeline.stores.manifests import left_out
from pipeline.stores.reading import Store, open_parts
from pipeline.stores.verify import damage

COLUMNS = (
    *("clip", "frames", "seconds", "gaze_seconds", "shortest_gaze_seconds", "difference"),
    *("recordings", "observers_per_frame", "least_observers", "points", "samples"),
    *("outside_share", "dropped", "nss_0", "best_lag", "nss_best", "nss_flip_x", "nss_flip_y"),
    "flags",
)
OUTSIDE = ("outside", "point outside the picture")
"""Reasons for dropping samples that are usable but lie beside the video."""
STILL = 1e-3
"""Spread of a frame's speed, in pixels per frame, below which it counts as equal everywhere."""


@dataclass(frozen=True)
class Agreement:
    """Sums of the z-scored speed at gaze points and the number of those points."""

    lags: NDArray[np.float64]
    """[lag, (sum, points)] for lags -n to n."""
    flips: NDArray[np.float64]
    """[(x, y), (sum, points)]."""
    frames: int
    """Frames with motion."""

    @classmethod
    def nothing(cls, lags: int) -> Self:
        """Return the sums over no clip."""
        return cls(np.zeros((2 * lags + 1, 2)), np.zeros((2, 2)), 0)

    def __add__(self, other: Self) -> Self:
        lags, flips = self.lags + other.lags, self.flips + other.flips
        return type(self)(lags, flips, self.frames + other.frames)

    def curve(self) -> NDArray[np.float64]:
        """[lag] NSS; nan for lags that lose more than half of the points of lag 0."""
        points = self.lags[:, 1]
        enough = (points > 0) & (points >= points[len(points) // 2] / 2)
        curve = np.full(len(points), np.nan)
        curve[enough] = self.lags[enough, 0] / points[enough]
        return curve

    def facts(self) -> dict[str, float | int]:
        """NSS at lag 0, the best lag and its NSS, NSS of the flips; empty without motion."""
        curve, middle = self.curve(), len(self.lags) // 2
        if np.isnan(curve[middle]):
            return {}
        best = int(np.nanargmax(curve))
        flip_x, flip_y = self.flips[:, 0] / self.flips[:, 1]
        return {
            "nss_0": float(curve[middle]),
            "best_lag": best - middle,
            "nss_best": float(curve[best]),
            "nss_flip_x": float(flip_x),
            "nss_flip_y": float(flip_y),
        }


def _speed(block: NDArray[np.float16]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Speed [time, y, x], z-scored over each frame, and [time] whether a frame has contrast."""
    flow = block.astype(np.float32)
    speed = np.hypot(flow[:, 0], flow[:, 1])
    spread = speed.std(axis=(1, 2))
    speed -= speed.mean(axis=(1, 2), keepdims=True)
    speed /= np.maximum(spread, STILL)[:, None, None]
    return speed, np.asarray(spread > STILL, bool)


def agreement(
    flow: zarr.Array[Any], points: NDArray[np.float32], shape: tuple[int, int], lags: int
) -> Agreement:
    """Compare a clip's gaze with its motion at lags of up to `lags` frames, and flipped.

    Flow and points are a FLOW and a GAZE array; `shape` is (height, width) of the frame grid. A
    shard of flow is held at a time.
    """
    frame = points[:, 0].astype(np.int64)
    # Cells of the flow grid, which divides the frame grid evenly.
    cell = np.array(shape) / flow.shape[2:]
    upright = points[:, [2, 1]]
    cells, flipped = (
        np.floor((yx + 0.5) / cell).astype(np.int64)
        for yx in (upright, np.array(shape) - 1 - upright)
    )
    found, frames = Agreement.nothing(lags), 0
    last = flow.shape[0] - 1
    for start in range(0, last, SHARD):
        stop = min(start + SHARD, last)
        speed, moves = _speed(np.asarray(flow[start:stop]))
        frames += int(moves.sum())
        for i, lag in enumerate(range(-lags, lags + 1)):
            seen = slice(*np.searchsorted(frame, [start + lag, stop + lag]))
            at = frame[seen] - lag - start
            found.lags[i] += _sum_at(speed, moves, at, *cells[seen].T)
            if lag == 0:
                found.flips[0] += _sum_at(speed, moves, at, cells[seen, 0], flipped[seen, 1])
                found.flips[1] += _sum_at(speed, moves, at, flipped[seen, 0], cells[seen, 1])
    return replace(found, frames=frames)


def _sum_at(
    speed: NDArray[np.float32],
    moves: NDArray[np.bool_],
    frame: NDArray[np.int64],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
) -> tuple[float, int]:
    """Sum of the z-scored speed at points in frames with contrast, and number of these points."""
    kept = moves[frame]
    values = speed[frame[kept], row[kept], column[kept]]
    return float(values.sum(dtype=np.float64)), int(kept.sum())


def motion_flags(compared: Agreement, settings: Alignment) -> list[str]:
    """Flags of a clip by its lags and flips; none where motion does not draw gaze."""
    found = compared.facts()
    if not found or compared.frames < settings.min_frames:
        return []
    best = found["nss_best"]
    flips = {f"flipped_{axis}": found[f"nss_flip_{axis}"] for axis in "xy"}
    flags = [
        flag
        for flag, nss in flips.items()
        if nss >= settings.min_nss and nss - best >= settings.flip_margin * nss
    ]
    gains = best >= settings.min_nss and best - found["nss_0"] >= settings.lag_margin * best
    if not flags and gains and abs(found["best_lag"]) > settings.usual_lag:
        flags.append("late" if found["best_lag"] > 0 else "early")
    return flags


def _observer_facts(
    facts: Mapping[str, Any], points: NDArray[np.float32], frames: int
) -> dict[str, Any]:
    """Numbers of recordings and observers; empty for distributed maps, which name no observer."""
    if facts["observers"] is None:
        return {}
    seen = np.unique(points[:, [0, 3]].astype(np.int64), axis=0)
    observers = np.bincount(seen[:, 0], minlength=frames)
    return {
        "recordings": len(facts["seconds"]) or facts["observers"],
        "observers_per_frame": float(observers.mean()),
        "least_observers": int(observers.min()),
    }


def _gaze_facts(
    facts: Mapping[str, Any], points: NDArray[np.float32], frames: int
) -> dict[str, Any]:
    """Columns that follow from the gaze of a clip alone."""
    whole = facts["first"] - 1 + frames
    seconds = facts["times"][whole] if facts.get("times") else whole / facts["rate"]
    recorded = facts["seconds"] if frames > 1 else []
    dropped = facts["dropped"]
    outside = sum(dropped.get(reason, 0) for reason in OUTSIDE)
    others = {reason: n for reason, n in sorted(dropped.items()) if reason not in OUTSIDE and n}
    row = {"frames": frames, "seconds": seconds, **_observer_facts(facts, points, frames)}
    if recorded:
        usual, shortest = float(median(recorded)), float(min(recorded))
        row |= {"gaze_seconds": usual, "shortest_gaze_seconds": shortest}
        row["difference"] = usual - seconds
    return row | {
        "points": len(points),
        "samples": facts["samples"],
        "outside_share": outside / max(1, outside + len(points)),
        "dropped": "; ".join(f"{reason}: {count}" for reason, count in others.items()),
    }


def _gaze_flags(row: Mapping[str, Any], settings: Alignment, *, cut: bool) -> list[str]:
    shortest, usual = row.get("shortest_gaze_seconds", math.inf), row.get("gaze_seconds", 0.0)
    length = row["seconds"]
    raised = {
        "short_gaze": shortest < (1 - settings.length_margin) * length,
        # Of a clip that the sheet ends early, the recordings go on.
        "long_gaze": not cut and usual > (1 + settings.length_margin) * length,
        "few_observers": row.get("observers_per_frame", math.inf) < settings.min_observers,
        "outside": row["outside_share"] > settings.max_outside,
    }
    return [flag for flag, is_raised in raised.items() if is_raised]


def _summary(name: str, found: Mapping[str, float | int], flags: str) -> str:
    if not found:
        return f"{name}: no motion to compare gaze with; {flags or 'no flag'}"
    return (
        f"{name}: NSS on motion {found['nss_0']:.2f}, best {found['nss_best']:.2f} at lag "
        f"{found['best_lag']:+d}, x flipped {found['nss_flip_x']:.2f}, y flipped "
        f"{found['nss_flip_y']:.2f}; {flags or 'no flag'}"
    )


def _row(
    clip: str, pictures: Store, motion: Store, looked: Store, settings: Alignment
) -> tuple[dict[str, Any], Agreement]:
    """Return a clip's row of the sheet, and its sums for the pooled curve."""
    frames, height, width, _ = pictures.clips[clip]["shape"]
    flow, facts = motion[clip], looked.clips[clip]
    if flow.shape[0] != frames or facts["frames"] != frames:
        raise InputError(
            f"{clip}: {frames} frames, flow of {flow.shape[0]}, gaze of {facts['frames']}; "
            f"rerun {motion.path.with_suffix('.json')} and {looked.path.with_suffix('.json')}"
        )
    points = np.asarray(looked[clip][:])
    row = _gaze_facts(facts, points, frames)
    flags = _gaze_flags(row, settings, cut=facts.get("last") is not None)
    found = agreement(flow, points, (height, width), settings.lags)
    if frames > 1 and len(points) and not found.facts():
        flags.append("no_motion")
    flags += motion_flags(found, settings)
    return {"clip": clip, **row, **found.facts(), "flags": " ".join(flags)}, found


def _totals(rows: list[dict[str, Any]], pooled: Agreement, settings: Alignment) -> None:
    """Print the flagged clips and the result of all clips together."""
    for row in rows:
        if row["flags"]:
            print(_summary(row["clip"], row if "nss_0" in row else {}, row["flags"]))
    points = sum(row["points"] for row in rows)
    usable = sum(row["points"] / (1 - row["outside_share"]) for row in rows if row["points"])
    flagged = sum(bool(row["flags"]) for row in rows)
    share = points / usable if usable else 0.0
    print(
        f"{len(rows)} clips, {flagged} flagged; {points} points, "
        f"{share:.4f} of the usable samples inside the video"
    )
    flags = " ".join(motion_flags(pooled, settings))
    print(_summary("pooled over all clips", pooled.facts(), flags))


def alignment(
    *,
    frames: list[Path],
    flow: list[Path],
    gaze: list[Path],
    settings: Alignment,
    about: dict[str, str],
    sheet: Path,
) -> None:
    """Compare gaze with motion in a sheet with a row per clip and `COLUMNS`; print flagged clips.

    Raises:
        InputError: The stores hold different clips, or a store is missing or damaged.
    """
    pictures, motions, gazes = (
        open_parts(kind, parts) for kind, parts in ((FRAMES, frames), (FLOW, flow), (GAZE, gaze))
    )
    # A clip whose gaze could not be read has frames and flow alone.
    odd = (pictures.keys() ^ motions.keys()) | (pictures.keys() ^ gazes.keys())
    if odd := odd - left_out(gaze).keys():
        raise InputError(
            f"{min(odd)}: not in all of the frames, flow and gaze stores given; "
            "give all parts of the dataset, made from one split sheet"
        )
    pooled = Agreement.nothing(settings.lags)
    rows = []
    for clip in gazes:
        row, found = _row(clip, pictures[clip], motions[clip], gazes[clip], settings)
        rows.append(row)
        pooled += found
    values = ([row.get(column) for column in COLUMNS] for row in rows)
    cells = ([f"{one:.4g}" if isinstance(one, float) else one for one in row] for row in values)
    write_rows(sheet, COLUMNS, cells, heading(about))
    _totals(rows, pooled, settings)


if __name__ == "__main__":
    main(alignment, damage=damage)
