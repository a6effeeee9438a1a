"""Stage films: segments of films, and pictures, with a teacher's density of where people look.

The teacher is UNISAL (Droste, Jiao and Noble, ECCV 2020), whose authors' weights are under
Apache-2.0: a network that learns from its densities learns what it knows of films and pictures of
any licence that allows it, without a recording of gaze.
"""

from collections.abc import Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path

from pipeline.preprocessing.density_recipes import released_map
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import atomic
from pipeline.teaching.layout import generator, write_clip
from pipeline.teaching.segments import LENGTH, place_of
from pipeline.teaching.sources import Source, fetched, read_sources
from pipeline.teaching.teacher import Teacher, densities
from pipeline.viewing.media.film import Film, Reader, open_film
from pipeline.viewing.network.load import load

LONGER = 384
"""Pixels of the longer side of a frame, at most."""
_QUALITY = 95
"""Of the JPEG files, of 100."""


def frame_size(film: Film) -> tuple[int, int]:
    """Return the height and width of the frames that are written, in square pixels, both even."""
    width = film.width * float(film.aspect)
    scale = min(1.0, LONGER / max(film.height, width))
    return 2 * max(1, round(scale * film.height / 2)), 2 * max(1, round(scale * width / 2))


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
            maps = [released_map(density, frames[0].shape[:2]) for _, density in seen]
            with atomic(folder) as partial:
                pairs = zip(frames, maps, strict=True)
                write_clip(partial, pairs, generator(seed, folder.name), _QUALITY)


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


def films(
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
    main(films)
