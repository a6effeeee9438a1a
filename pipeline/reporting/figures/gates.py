"""Stage gates: which stream the gate listens to, and when (Sec. III-C, Fig. 4 and 6).

For every test frame it writes the mean of G_T, the weight of the motion stream, over the pixels
that move and over those that rest; for some frames it draws the maps that make the prediction. Of
one clip it follows the gate within fixed regions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model.outputs import Maps
from pipeline.config.figures import GateRegions
from pipeline.preprocessing.tensors import batches_of
from pipeline.reporting.figures.drawing import (
    LABELLED,
    MOVES,
    RESTS,
    Margins,
    draw,
    flow_picture,
    grid,
    label,
    save,
)
from pipeline.reporting.figures.regions import (
    Course,
    draw_regions,
    found_boxes,
    window,
    write_regions,
)
from pipeline.runtime.cli import main
from pipeline.runtime.devices import device
from pipeline.runtime.errors import InputError
from pipeline.runtime.sheets import heading, write_rows
from pipeline.stores.kinds import FLOW, FRAMES
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import open_parts, refuse_nothing
from pipeline.stores.verify import damage
from pipeline.training.networks import load_network

COLUMNS = ("clip", "frame", "moving_share", "G_T_moving", "G_T_resting")
MOVING = 1.0
"""Speed, in pixels per frame, from which on a pixel counts as moving."""
PANELS = 4
"""Frames whose maps are shown, and clips whose curves are."""
BATCH = 8
"""Frames that go through the network together."""


class FrameGate(NamedTuple):
    """The gate of one frame."""

    moving_share: float
    moving: float
    """Mean of G_T over the pixels that move; NaN if none does."""
    resting: float
    """Mean of G_T over the other pixels; NaN if there are none."""


def frame_gate(gate_motion: NDArray[Any], flow: NDArray[Any]) -> FrameGate:
    """Means of G_T [y, x] where flow [2, y, x], in pixels per frame, moves and where it rests."""
    moves = np.hypot(flow[0], flow[1]) >= MOVING
    values = [
        float(gate_motion[mask].mean()) if mask.any() else float("nan") for mask in (moves, ~moves)
    ]
    return FrameGate(float(moves.mean()), *values)


@torch.inference_mode()
def gate_maps(
    network: nn.Module, frames: Any, flow: Any
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """G_T [y, x] of each frame of a clip, and its flow [2, y, x] on the frame grid.

    Raises:
        InputError: The network has no gate.
    """
    for pictures, motion in batches_of(frames, flow, range(frames.shape[0]), BATCH):
        maps: Maps = network(pictures.to(device()), motion.to(device()))
        if maps.gate_motion is None:
            raise InputError("this network has no gate; name one with fusion: gated")
        for gate, moved in zip(maps.gate_motion[:, 0].float().cpu(), motion, strict=True):
            yield gate.numpy(), moved.numpy()


def courses_of(
    network: nn.Module, frames: Any, flow: Any, regions: GateRegions | None
) -> dict[str, Course]:
    """The gate within regions of a clip; those that nobody named are found by the flow.

    Raises:
        InputError: A region covers no pixel.
    """
    boxes = (regions.boxes if regions else None) or found_boxes(flow)
    courses = {name: Course(box, [], []) for name, box in boxes.items()}
    for gate, moved in gate_maps(network, frames, flow):
        speed = np.hypot(moved[0], moved[1])
        for name, course in courses.items():
            course.gate.append(float(gate[window(course.box, gate.shape, name)].mean()))
            course.speed.append(float(speed[window(course.box, speed.shape, name)].mean()))
    return courses


@torch.inference_mode()
def _panel(
    network: nn.Module, frames: Any, flow: Any, time: int
) -> list[tuple[str, Any, float | None]]:
    """Title, picture and brightest value of what Fig. 4 shows of a frame."""
    ((picture, motion),) = batches_of(frames, flow, [time], 1)
    maps = network(picture.to(device()), motion.to(device()))._asdict()
    shot = np.asarray(frames[time])
    colours = flow_picture(flow[time], (shot.shape[0], shot.shape[1]))
    shown: list[tuple[str, Any, float | None]] = [("frame", shot, None), ("flow", colours, None)]
    names = {"S_A": "appearance", "G_A": "gate_appearance", "S_T": "motion", "G_T": "gate_motion"}
    for title, name in {**names, "S": "saliency"}.items():
        values = maps[name][0, 0].float().cpu().numpy()
        # Gates are weights in 0..1 and compare across frames; features have a scale of their own.
        shown.append((title, values, 1.0 if title.startswith("G") else None))
    return shown


def _draw_panels(
    network: nn.Module,
    clips: list[tuple[str, Any, Any]],
    times: list[tuple[int, int]],
    picture: Path,
) -> None:
    # frame, flow, S_A, G_A, S_T, G_T, S
    figure, axes = grid(len(clips), 7, (1.4, 1.05), LABELLED)
    for row, ((clip, frames, flow), (time, number)) in enumerate(zip(clips, times, strict=True)):
        panel = _panel(network, frames, flow, time)
        for axis, (title, content, top) in zip(axes[row], panel, strict=True):
            draw(axis, content, None if row else title, top)
        label(axes[row, 0], clip, f"frame {number}")
    save(figure, picture)


def _draw_curves(
    found: dict[str, list[FrameGate]], numbers: dict[str, list[int]], picture: Path
) -> None:
    margins = Margins(left=0.6, top=0.25, bottom=0.35, right=0.1)
    figure, axes = grid(len(found), 1, (7, 1.2), margins, (0, 0.35))
    for axis, (clip, gates) in zip(axes[:, 0], found.items(), strict=True):
        for look, name in ((MOVES, "moving"), (RESTS, "resting")):
            values = [getattr(gate, name) for gate in gates]
            # A mark for frames between two in which nothing moves, of which no line is seen.
            axis.plot(numbers[clip], values, label=name, **look._asdict() | {"marker": "."}, ms=3)
        axis.set_ylabel("mean G_T", fontsize=7)
        axis.set_title(clip, fontsize=8, pad=3)
        axis.tick_params(labelsize=7)
        axis.margins(x=0.01)
    axes[0, 0].legend(fontsize=7, handlelength=3.5)
    axes[-1, 0].set_xlabel("frame", fontsize=7)
    save(figure, picture)


def gates(
    *,
    network: dict[str, Any],
    weights: Path,
    frames: list[Path],
    flow: list[Path],
    regions: GateRegions | None,
    threads: int,
    about: dict[str, str],
    sheet: Path,
    curves: Path,
    panels: Path,
    regions_sheet: Path,
    regions_picture: Path,
) -> None:
    """Write what a gated network's gate does in FRAMES and FLOW of a test split.

    The sheet has a row per frame: `COLUMNS`. The PNG `curves` shows the gate over time, `panels`
    the maps of some frames. `regions_sheet` and `regions_picture` follow it within regions of one
    clip: those of `regions`, or the liveliest and the stillest part of the liveliest clip, also
    where the named clip is not in the split.

    Raises:
        InputError: The network has no gate, there is no clip, or a region covers no pixel.
    """
    torch.set_num_threads(threads)
    gated = load_network(network, [weights])
    pictures, motions = open_parts(FRAMES, frames), open_parts(FLOW, flow)
    refuse_nothing(pictures, frames)
    found = dict[str, list[FrameGate]]()
    for clip in pictures:
        maps = gate_maps(gated, pictures[clip][clip], motions[clip][clip])
        found[clip] = [frame_gate(gate, moved) for gate, moved in maps]
        print(f"{clip}: {len(found[clip])} frames")
    numbers = {clip: frame_numbers(pictures[clip].clips[clip]) for clip in found}
    _write(sheet, numbers, found, about)
    # Evenly spaced over the split, which often lists clips of one action or film together.
    some = list(found)[:: max(1, len(found) // PANELS)][:PANELS]
    _draw_curves({clip: found[clip] for clip in some}, numbers, curves)
    liveliest = [int(np.argmax([gate.moving_share for gate in found[clip]])) for clip in some]
    times = [(time, numbers[clip][time]) for clip, time in zip(some, liveliest, strict=True)]
    _draw_panels(gated, [(c, pictures[c][c], motions[c][c]) for c in some], times, panels)
    if regions and regions.clip not in found:
        print(f"{regions.clip}: not in this split, so the regions are those of another clip")
        regions = None
    clip = regions.clip if regions else max(found, key=lambda clip: _liveliness(found[clip]))
    courses = courses_of(gated, pictures[clip][clip], motions[clip][clip], regions)
    write_regions(clip, numbers[clip], courses, about, regions_sheet)
    draw_regions(clip, pictures[clip][clip], numbers[clip], courses, regions_picture)


def _liveliness(gates: list[FrameGate]) -> float:
    """Mean share of a clip's pixels that move."""
    return float(np.mean([gate.moving_share for gate in gates]))


def _write(
    sheet: Path,
    numbers: dict[str, Any],
    found: dict[str, list[FrameGate]],
    about: dict[str, str],
) -> None:
    lines = (
        [clip, number, *("" if np.isnan(value) else f"{value:.5f}" for value in gate)]
        for clip, gates in found.items()
        for number, gate in zip(numbers[clip], gates, strict=True)
    )
    write_rows(sheet, COLUMNS, lines, heading(about))


if __name__ == "__main__":
    main(gates, damage=damage)
