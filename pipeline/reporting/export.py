"""Pictures of a store, for eyes and for other people's tools: PNG files, or a film per clip.

FRAMES are written in colour and FLOW in the colour wheel of the networks, which is white where
nothing moves. Maps (DENSITY, SALIENCY) become 8-bit grey: zero is black and the largest value of
the frame, or of the clip, 255. Where all values are the same there is nothing to see: black.

A PNG bears the number of its frame, from 1; of a meta dataset only the listed frames are there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import zarr
from numpy.typing import NDArray
from PIL import Image

from model.flow.encoding import colorwheel
from pipeline.raw.ffmpeg import write_frames
from pipeline.reporting.figures.grey_levels import (
    Extent,
    Picture,
    extent_of,
    finite,
    grey,
    safe_name,
)
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.stores.kinds import DENSITY, FLOW, FRAMES, SALIENCY, Kind
from pipeline.stores.manifests import frame_numbers, read_manifest
from pipeline.stores.reading import Store, open_store
from pipeline.stores.verify import damage

Form = Literal["png", "mp4"]
Scale = Literal["frame", "clip"]
RATE = 30.0
"""Frames per second of a film whose store names no rate."""
_FILM: dict[str, Any] = {
    # Players want 4:2:0, which wants even sides.
    "filters": [("pad", "ceil(iw/2)*2", "ceil(ih/2)*2")],
    "format": "mp4",
    "vcodec": "libx264",
    "crf": 18,  # libx264's scale from 0 to 51; 18 looks lossless
}
_KINDS = {kind.name: kind for kind in (FRAMES, FLOW, DENSITY, SALIENCY)}


def wheel(flow: NDArray[np.float32], extent: Extent) -> Picture:
    """Flow [component, y, x] in colours [y, x, channel], saturated at the largest speed."""
    # A little more than the largest speed, which rounding must not take for a faster, dark one.
    scale = extent.high * (1 + 1e-5) or 1.0
    colours = colorwheel(torch.from_numpy(flow)[None], scale=scale)[0]
    return np.asarray(np.rint(colours.permute(1, 2, 0).numpy() * 255).clip(0, 255), np.uint8)


def _whole_clip(kind: Kind, array: zarr.Array[Any]) -> Extent:
    extents = [extent_of(kind, finite(array, index)) for index in range(array.shape[0])]
    return Extent(min(one.low for one in extents), max(one.high for one in extents))


def _pictures(
    kind: Kind, array: zarr.Array[Any], scale: Scale, negative: list[int]
) -> Iterator[Picture]:
    """Pictures of a clip; appends to `negative` how many values of each map are below zero."""
    if kind is FRAMES:
        yield from (np.asarray(array[index], np.uint8) for index in range(array.shape[0]))
        return
    fixed = _whole_clip(kind, array) if scale == "clip" else None
    for index in range(array.shape[0]):
        values = finite(array, index)
        extent = fixed or extent_of(kind, values)
        if kind is FLOW:
            yield wheel(values, extent)
        else:
            negative.append(int(np.count_nonzero(values < 0)))
            yield grey(values, extent)


def _write_folder(folder: Path, pictures: Iterator[Picture], facts: dict[str, Any]) -> None:
    with atomic(folder) as partial:
        partial.mkdir()
        for number, picture in zip(frame_numbers(facts), pictures, strict=True):
            Image.fromarray(picture).save(partial / f"{number:04d}.png")


def _write_film(film: Path, pictures: Iterator[Picture], facts: dict[str, Any]) -> None:
    first = next(pictures)
    rate = facts.get("rate") or RATE
    with atomic(film) as partial, write_frames(partial, first.shape, rate, **_FILM) as write:
        write(first)
        for picture in pictures:
            write(picture)


def _open(manifest: Path) -> Store:
    name = read_manifest(manifest).get("kind")
    if name not in _KINDS:
        raise InputError(f"{manifest}: {name} has no pictures; give one of {', '.join(_KINDS)}")
    return open_store(_KINDS[name], manifest)


def _free_target(out: Path, clip: str, form: Form) -> Path:
    """Path that a clip is written to; refuse one where something is already."""
    safe_name(clip, "clip")
    target = out / clip if form == "png" else out / f"{clip}.mp4"
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise InputError(f"{target}: is there already; remove it, or choose another --out")
    return target


def export(*, manifest: Path, out: Path, form: Form, scale: Scale) -> None:
    """Write FRAMES, FLOW, DENSITY or SALIENCY as `out`/clip/0001.png or `out`/clip.mp4."""
    store = _open(manifest)
    targets = {clip: _free_target(out, clip, form) for clip in store.clips}
    write = _write_folder if form == "png" else _write_film
    for clip, target in targets.items():
        array, negative = store[clip], list[int]()
        write(target, _pictures(store.kind, array, scale, negative), store.clips[clip])
        note = f", {sum(negative)} negative values clipped to 0" if any(negative) else ""
        print(f"{target}: {array.shape[0]} pictures{note}")


if __name__ == "__main__":
    main(export, damage=damage)
