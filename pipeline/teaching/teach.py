"""Stage teach: segments of films, and pictures, with a teacher's density of where people look.

The teacher is UNISAL (Droste, Jiao and Noble, ECCV 2020), whose authors' weights are under
Apache-2.0: a network that learns from its densities learns what it knows of films and pictures of
any licence that allows it, without a recording of gaze. The layout is that of released maps
(`pipeline.datasets.released`): in `<split>/<clip>/`, `images/0001.jpg` is a frame,
`density/0001.png` the density over its peak, and `fixation/0001.png` points drawn from it.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.preprocessing.density_recipes import released_map
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.teaching.segments import LENGTH, place_of
from pipeline.teaching.sources import Source, fetched, read_sources
from pipeline.teaching.teacher import Teacher, densities
from pipeline.viewing.media.film import Film, Reader, open_film
from pipeline.viewing.network.load import load

LONGER = 384
"""Pixels of the longer side of a frame, at most."""
FIXATIONS = 40
"""Points drawn from each frame's density."""
_QUALITY = 95
"""Of the JPEG files, of 100."""


def frame_size(film: Film) -> tuple[int, int]:
    """Return the height and width of the frames that are written, in square pixels, both even."""
    width = film.width * float(film.aspect)
    scale = min(1.0, LONGER / max(film.height, width))
    return 2 * max(1, round(scale * film.height / 2)), 2 * max(1, round(scale * width / 2))


def draw_fixations(rng: np.random.Generator, density: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return points drawn from a density [y, x] of any sum: 255 on 0."""
    shares = np.cumsum(density.ravel())
    chosen = np.searchsorted(shares, rng.random(FIXATIONS) * shares[-1], side="right")
    points = np.zeros(density.shape, np.uint8)
    points.ravel()[np.minimum(chosen, density.size - 1)] = 255
    return points


def write_clip(
    folder: Path,
    frames: Sequence[NDArray[np.uint8]],
    maps: Sequence[NDArray[np.float32]],
    rng: np.random.Generator,
) -> None:
    """Write frames [y, x, 3], RGB, and a density [y, x] of each, on any grid, into a folder."""
    for name in ("images", "density", "fixation"):
        (folder / name).mkdir(parents=True)
    for number, (frame, found) in enumerate(zip(frames, maps, strict=True), start=1):
        density = released_map(found, frame.shape[:2])
        grey = np.round(255 * density).astype(np.uint8)
        options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        _write(folder / f"images/{number:04d}.jpg", frame[..., ::-1], options)
        _write(folder / f"density/{number:04d}.png", grey, [])
        _write(folder / f"fixation/{number:04d}.png", draw_fixations(rng, density), [])


def _write(path: Path, picture: NDArray[np.uint8], options: Sequence[int]) -> None:
    """Encode a picture, BGR or grey."""
    _, data = cv2.imencode(path.suffix, picture, options)
    path.write_bytes(data.tobytes())


def teach_film(file: Path, clips: Sequence[tuple[int, Path]], teacher: Teacher, seed: int) -> None:
    """Write clips of a film or picture.

    Args:
        file: The film or picture.
        clips: First frame, from 0, and folder of each, in the order of the film.
        teacher: What finds the densities; it sees the film from its first frame on.
        seed: Of the points, together with a clip's name.

    Raises:
        InputError: The film cannot be read, ends within a clip, or has a cut there.
    """
    film = open_film(file)
    length = LENGTH if film.kind == "film" else 1
    position = 0
    with Reader(film, frame_size(film)) as reader, closing(densities(film, teacher)) as found:
        for first, folder in clips:
            reader.skip_to(first)
            frames = reader.take(length)
            seen = [*islice(found, first - position, first - position + length)]
            position = first + length
            if len(seen) < length or len(frames) < length:
                raise InputError(f"{file}: ends within clip {folder.name}; {_AGAIN}")
            if len({shot for shot, _ in seen}) > 1:
                raise InputError(f"{file}: has a cut within clip {folder.name}; {_AGAIN}")
            digest = hashlib.sha256(folder.name.encode()).digest()[:8]
            rng = np.random.default_rng([seed, int.from_bytes(digest)])
            with atomic(folder) as partial:
                write_clip(partial, frames, [density for _, density in seen], rng)


_AGAIN = "remake the split sheet with `python -m pipeline.teaching.deal`"


def _placed(
    sheet: Path, clips: Sequence[SheetClip], sources: dict[str, Source], folder: Path
) -> list[tuple[str, int, Path]]:
    """Stem of the source, first frame and folder of each clip, in the order of the films."""
    placed = []
    for clip in clips:
        try:
            source, first = place_of(clip.name, sources)
        except InputError as error:
            raise InputError(f"{sheet}: {error}; {_AGAIN}") from error
        placed.append((Path(source.file).stem, first, folder / clip.split / clip.name))
    return sorted(placed)


def teach(
    *, sources: Path, files: Path, sheet: Path, weights: Path, folder: Path, seed: int
) -> None:
    """Write the clips of a split sheet into `folder`, with the densities that UNISAL finds.

    `files` is the folder of the sources, and `weights` the file of UNISAL's authors. Clips that are
    there are kept, so that an interrupted run goes on.

    Raises:
        InputError: A sheet does not fit, a source is missing or has other bytes, or the weights are
            missing or others.
    """
    rows = read_sources(sources)
    placed = _placed(sheet, read_sheet(sheet), rows, folder)
    wanted = [one for one in placed if not one[2].is_dir()]
    names = {stem for stem, _, _ in wanted}
    paths = {stem: fetched(files, rows[stem]) for stem in sorted(names)}
    teacher = Teacher(load("unisal", weights=weights))
    for stem, each in groupby(wanted, key=lambda one: one[0]):
        clips = [(first, target) for _, first, target in each]
        print(f"{stem}: {len(clips)} clips", flush=True)
        teach_film(paths[stem], clips, teacher, seed)
    print(f"{folder}: {len(placed)} clips, {len(wanted)} of them new")


if __name__ == "__main__":
    main(teach)
