"""Stage gather: somebody else's maps, in whatever form, to a SALIENCY store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.external_maps.findings import UnreadableMap
from pipeline.evaluation.external_maps.given import expected_maps
from pipeline.evaluation.external_maps.reader import Maps, open_maps
from pipeline.evaluation.metrics.resizing import resized
from pipeline.runtime.cli import main
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.manifests import frame_numbers
from pipeline.stores.reading import open_parts
from pipeline.stores.settings import maps_settings
from pipeline.stores.verify import damage
from pipeline.stores.writing import write_store


def readable(maps: Maps, clip: str, read: list[int]) -> Iterator[NDArray[np.float16]]:
    """Maps [1, y, x] of a clip, each divided by its largest value: no metric minds a scale.

    Those of another size than the first get its size. Notes in `read` which frames they are of.
    """
    shape: tuple[int, ...] | None = None
    for frame in maps.frames(clip):
        try:
            saliency = maps.read(clip, frame)
        except UnreadableMap:
            continue
        if shape is not None and saliency.shape != shape:
            ends = saliency.min(), saliency.max()
            saliency = resized(saliency.astype(np.float64), (shape[0], shape[1])).clip(*ends)
        shape = saliency.shape
        read.append(frame)
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
    """A folder, zip, films or Zarr group of maps to a SALIENCY store, and what was wrong with them.

    `density` are the stores of the scored split; `frame_list` is the list of a meta dataset, or
    none for every frame.
    """
    truth = open_parts(DENSITY, density)
    opened = open_maps(maps, expected_maps(truth, frame_list))
    try:
        with write_store(SALIENCY, store, manifest, maps_settings(maps)) as writer:
            for clip in (clip for clip in opened.clips if opened.frames(clip)):
                numbers, read = frame_numbers(truth[clip].clips[clip]), list[int]()
                # The list fills while the maps are written, and is kept afterwards.
                blocks = readable(opened, clip, read)
                if (first := next(blocks, None)) is None:
                    continue
                count = writer.add(clip, chain([first], blocks), frames=read)
                writer.clips[clip]["numbers"] = [numbers[frame] for frame in read]
                print(f"{clip}: {count} maps")
    finally:
        opened.report(findings)
        for finding in opened.findings:
            print(f"{finding.kind}: {finding.clip or finding.file}: {finding.text}")


if __name__ == "__main__":
    main(gather, damage=damage)
