"""Stage density: gaze points, or distributed maps, to fixation densities (S of Eq. 4, Sec. IV-B).

Each frame's density has the maximum 1. It is zero everywhere in a frame without gaze or, where
distributed maps are used, without a map. The manifest counts both.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.data import Density, Frames, GaussianDensity, ReleasedDensity
from pipeline.datasets.released import pair
from pipeline.preprocessing.density_recipes import PointDensity, Shape, density_map, released_map
from pipeline.preprocessing.fixations import video_pixels
from pipeline.raw.patterns import numbered_files, stays_inside, video_file
from pipeline.raw.unchanged import Unchanged
from pipeline.raw.video import DAMAGED, opened
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.pace import Pace
from pipeline.stores.kinds import DENSITY, GAZE
from pipeline.stores.manifests import frame_facts
from pipeline.stores.reading import named, open_store
from pipeline.stores.settings import density_settings
from pipeline.stores.verify import damage
from pipeline.stores.writing import write_store

ASPECT = 0.01
"""Largest relative difference between the aspects of a distributed map and its video."""
_TINT = 2
"""Levels by which JPEG makes the channels of a grey picture differ."""


def _densities_of_points(
    points: NDArray[np.float32], facts: dict[str, Any], grid: Shape, settings: PointDensity
) -> Iterator[NDArray[np.float64]]:
    video = grid if isinstance(settings, GaussianDensity) else (facts["height"], facts["width"])
    for pixels in video_pixels(points, facts["frames"], grid, video):
        yield density_map(pixels, video, settings, grid)[None]


def read_map(file: Path) -> NDArray[np.generic]:
    """Read a grey picture [y, x] with the values of its file, without its opacity.

    Raises:
        InputError: The file is missing, damaged, in colour or of absurd dimensions.
    """
    plain = {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "LA": "L"}
    try:
        with opened(file) as image:
            picture = np.asarray(image.convert(plain.get(image.mode, image.mode)))
    except DAMAGED as error:
        raise InputError(
            f"{file}: expected a grey picture that can be read, found {error}; fetch it again"
        ) from error
    if picture.ndim == 3 and np.ptp(picture, axis=-1).max() > _TINT:
        raise InputError(
            f"{file}: expected a density in grey, found colours; correct density.files in "
            "config.yaml"
        )
    return picture if picture.ndim == 2 else picture[..., 0]


def maps_by_frame(
    raw: Path, settings: ReleasedDensity, clip: str, facts: dict[str, Any]
) -> tuple[list[Path | None], int]:
    """Return the map of each frame of a clip, or None, and the number of maps of no frame.

    Raises:
        InputError: No frame of the clip has a map.
    """
    files = numbered_files(raw, settings.files, clip, facts["split"])
    stays_inside(raw, files.values())
    where = video_file(raw, settings.files, clip, facts["split"])
    numbers = facts["numbers"] or range(1, facts["first"] + facts["frames"])
    if "{frame}" not in settings.files:
        numbers = [1]
    found = pair(files, numbers, clip, cut=facts.get("last") is not None)
    maps = [found.maps.get(index) for index in range(len(numbers))][facts["first"] - 1 :]
    for finding in found.findings:
        print(f"{clip}: {finding}")
    if len(maps) != facts["frames"]:
        raise InputError(
            f"{where}: expected a map for each frame, found one for "
            f"{facts['frames']} frames of {clip}; write {{frame}} into density.files of config.yaml"
        )
    if not any(maps):
        raise InputError(
            f"{where}: no map for frames {min(numbers)}-{max(numbers)} of clip {clip} "
            f"({facts['split']}); {len(files)} files have other numbers; "
            "docs/datasets.md shows the expected layout"
        )
    return maps, len(files) - sum(file is not None for file in maps)


def _released_densities(
    maps: list[Path | None], clip: str, video: Shape, grid: Shape
) -> Iterator[NDArray[np.float64]]:
    """Densities of distributed maps, which may be larger than their video, but not stretched."""
    for file in maps:
        if file is None:
            yield np.zeros((1, *grid))
            continue
        picture = read_map(file)
        height, width = picture.shape
        if abs(width * video[0] / (height * video[1]) - 1) > ASPECT:
            raise InputError(
                f"{file}: the map has {width} x {height} pixels, the frames of {clip} {video[1]} x "
                f"{video[0]}, which is another aspect; use frames and maps of one release"
            )
        yield released_map(picture, grid)[None]


def density(
    *, gaze: Path, raw: Path, settings: Density, grid: Frames, store: Path, manifest: Path
) -> None:
    """Turn a GAZE store, whose manifest is given, or maps of a raw folder into a DENSITY store.

    Raises:
        InputError: A map is missing, damaged or does not fit its clip.
    """
    source = open_store(GAZE, gaze)
    shape = (grid.height, grid.width)
    with write_store(DENSITY, store, manifest, density_settings(settings, grid)) as writer:
        writer.inputs |= named([source])
        writer.left_out |= source.left_out
        pace = Pace(sum(facts["frames"] for facts in source.clips.values()), "frames")
        for clip, facts in source.clips.items():
            points = np.asarray(source[clip][:])
            counts = {"frames_without_gaze": facts["frames"] - len(np.unique(points[:, 0]))}
            files: list[Path] = []
            if isinstance(settings, ReleasedDensity):
                maps, beyond = maps_by_frame(raw, settings, clip, facts)
                counts |= {"frames_without_map": maps.count(None), "maps_beyond_clip": beyond}
                files = [file for file in maps if file is not None]
                blocks = _released_densities(maps, clip, (facts["height"], facts["width"]), shape)
            else:
                blocks = _densities_of_points(points, facts, shape, settings)
            with Unchanged(files) as raw_maps:
                writer.add(clip, pace.along(blocks, len), **frame_facts(facts), **counts)
            if files:
                writer.inputs[f"raw/{clip}"] = raw_maps.digest
            print(f"{clip}: {facts['frames']} densities; {counts}")


if __name__ == "__main__":
    main(density, damage=damage)
