"""Stage gather: somebody else's maps, in whatever form, to a SALIENCY store."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.reader import ExternalMaps, expected_maps, open_maps
from pipeline.evaluation.metrics.resizing import resized
from pipeline.evaluation.metrics.scaling import Map
from pipeline.runtime.cli import main
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.manifests import frame_numbers, left_out
from pipeline.stores.reading import named, open_parts, refuse_nothing
from pipeline.stores.settings import maps_settings
from pipeline.stores.verify import damage
from pipeline.stores.writing import write_store


def readable(maps: ExternalMaps, clip: str, frames: list[int]) -> Iterator[NDArray[np.float16]]:
    """Yield a clip's readable maps [1, y, x], each divided by its largest value.

    No metric minds a scale. A store's array has one size, so maps of another size than the first
    are resized to it. `frames` receives the frame of each map that is yielded.
    """
    shape: tuple[int, ...] | None = None
    present = maps.frames(clip)
    for frame, values in zip(present, maps.read(clip, present), strict=True):
        if values is None:
            continue
        saliency: Map = values
        if shape is not None and saliency.shape != shape:
            ends = saliency.min(), saliency.max()
            saliency = resized(saliency.astype(np.float64), (shape[0], shape[1])).clip(*ends)
        shape = saliency.shape
        frames.append(frame)
        yield (saliency / (np.abs(saliency).max() or 1.0)).astype(np.float16)[None]


def gather(
    *,
    maps: Path,
    density: list[Path],
    frame_list: list[Path],
    store: Path,
    manifest: Path,
    findings: Path,
) -> None:
    """Turn a folder, zip, films or Zarr group of maps into a SALIENCY store and its findings.

    `density` are the stores of the scored split; `frame_list` is the list of a meta dataset, or
    none for every frame.

    Raises:
        InputError: The maps cannot be opened, or are of no expected clip.
    """
    truth = open_parts(DENSITY, density)
    refuse_nothing(truth, density)
    opened = open_maps(maps, expected_maps(truth, frame_list))
    try:
        with write_store(SALIENCY, store, manifest, maps_settings(maps)) as writer:
            writer.inputs |= named(truth.values())
            writer.left_out |= left_out(density)
            for clip in (clip for clip in opened.clips if opened.frames(clip)):
                numbers, frames = frame_numbers(truth[clip].clips[clip]), list[int]()
                # The list fills while the maps are written, and is kept afterwards.
                blocks = readable(opened, clip, frames)
                if (first := next(blocks, None)) is None:
                    continue
                count = writer.add(clip, chain([first], blocks), frames=frames)
                writer.clips[clip]["numbers"] = [numbers[frame] for frame in frames]
                print(f"{clip}: {count} maps")
    finally:
        opened.report(findings)
        for finding in opened.findings:
            print(finding)


if __name__ == "__main__":
    main(gather, damage=damage)
