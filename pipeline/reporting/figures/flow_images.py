"""Stage flow_images: optical flow as a network is given it (the predecessor's Fig. 3).

Frames of the liveliest clip of a dataset, or some of its still images, and below each the picture
that the motion stream sees: its encoding and scale are those of the network.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model.flow.encoding import ENCODINGS
from pipeline.preprocessing.tensors import flow_tensor
from pipeline.reporting.figures.drawing import LABELLED, draw, grid, label, save
from pipeline.reporting.figures.seen import flows, speed
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import FRAMES
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import Store, open_parts, refuse_nothing
from pipeline.stores.verify import damage

SHOWN = 5
"""Frames that are shown."""
_LOOKED_AT = 6
"""Frames of a clip by which its liveliness is judged."""


def flow_images(
    *, network: dict[str, Any], frames: list[Path], flow: list[Path], picture: Path
) -> None:
    """Write frames of a clip and the flow pictures that NETWORK sees of them as PNG.

    Raises:
        InputError: The network sees no flow pictures, or there is no clip.
    """
    encoding, scale = network.get("flow_encoding"), network.get("flow_scale")
    if encoding not in ENCODINGS or not isinstance(scale, int | float):
        raise InputError(
            f"{network.get('network')}: it is given no flow pictures; name a model whose network "
            "has flow_encoding and flow_scale"
        )
    pictures, motions = open_parts(FRAMES, frames), flows(flow)
    refuse_nothing(pictures, frames)
    shown = _shown(pictures, motions)
    figure, axes = grid(2, len(shown), (1.7, 1.28), LABELLED)
    for column, (clip, time) in enumerate(shown):
        shot = np.asarray(pictures[clip][clip][time])
        tensor = flow_tensor(motions[clip][clip][time], (shot.shape[0], shot.shape[1]))[None]
        seen = ENCODINGS[encoding](tensor, scale=float(scale))[0].permute(1, 2, 0).numpy()
        number = frame_numbers(pictures[clip].clips[clip])[time]
        # 26 letters of 7 points fit over a cell.
        draw(axes[0, column], shot, clip[-26:] if _still(pictures) else f"frame {number}")
        draw(axes[1, column], seen)
    label(axes[0, 0], "image" if _still(pictures) else shown[0][0])
    label(axes[1, 0], f"flow as {encoding}, full scale {scale:g} pixels / frame")
    save(figure, picture)


def _still(pictures: Mapping[str, Store]) -> bool:
    """Whether all clips are single images."""
    return all(store.clips[clip]["shape"][0] == 1 for clip, store in pictures.items())


def _shown(pictures: Mapping[str, Store], motions: Mapping[str, Store]) -> list[tuple[str, int]]:
    """Frames of the liveliest clip, or images, at even distances: clip and frame, from 0."""
    if _still(pictures):
        clips = [*pictures]
        return [(clips[index], 0) for index in _within(len(clips))]
    clip = max(pictures, key=lambda name: _liveliness(motions[name][name]))
    return [(clip, time) for time in _within(pictures[clip].clips[clip]["shape"][0])]


def _within(count: int) -> list[int]:
    """At most `SHOWN` indices at even distances, without the ends: clips often begin at rest."""
    ends = np.linspace(0, count - 1, min(SHOWN, count) + 2)[1:-1]
    return sorted({*ends.round().astype(int).tolist()})


def _liveliness(flow: Any) -> float:
    """Mean speed of some frames of a clip's flow [time, 2, y, x]."""
    count = flow.shape[0]
    some = range(0, count, max(1, count // _LOOKED_AT))
    return float(np.mean([speed(flow[time]) for time in some]))


if __name__ == "__main__":
    main(flow_images, damage=damage)
