"""Stage deal: the split sheet of the segments that films have, or of the pictures.

`python -m pipeline.teaching.deal --sources workflow/teaching/sources.csv --files FOLDER --kind film
--sheet workflow/splits/light/films.csv`

A tenth is for validation. A film of many segments gives its last ones; films of few are dealt
whole, and pictures too, in an order that follows from their bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pipeline.runtime.cli import main
from pipeline.runtime.sheets import write_rows
from pipeline.teaching.segments import clip_of, segments
from pipeline.teaching.sources import fetched, read_sources
from pipeline.viewing.media.film import open_film

MANY = 10
"""Segments from which on the last ones of a film are for validation."""
_EVERY = 10
"""One of so many is for validation."""


def dealt(clips: Mapping[str, Sequence[str]], order: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return clip and split of each clip, in their order.

    Args:
        clips: The clips of each source.
        order: By which sources of few clips are dealt.
    """
    few = sorted((name for name in clips if len(clips[name]) < MANY), key=order.__getitem__)
    left = sum(len(clips[name]) for name in few) // _EVERY
    held = dict.fromkeys(clips, 0)
    for name in few:
        if len(clips[name]) <= left:
            held[name] = len(clips[name])
            left -= held[name]
    held |= {name: len(each) // _EVERY for name, each in clips.items() if len(each) >= MANY}
    return [
        (clip, "train" if k < len(each) - held[name] else "val")
        for name, each in clips.items()
        for k, clip in enumerate(each)
    ]


def deal(*, sources: Path, files: Path, kind: Literal["film", "picture"], sheet: Path) -> None:
    """Write the split sheet of all segments of the films in a folder, or of all pictures.

    Raises:
        InputError: A source is missing, has other bytes than its row states, or is no film.
    """
    chosen = {stem: row for stem, row in read_sources(sources).items() if row.kind == kind}
    clips = {}
    for stem, row in chosen.items():
        file = fetched(files, row)
        firsts = segments(open_film(file), row.start) if kind == "film" else []
        clips[stem] = [clip_of(stem, first) for first in firsts] if kind == "film" else [stem]
    comments = [
        f"Made by `python -m pipeline.teaching.deal` from {sources.name}: "
        + (
            "segments of films, called by their first frame, from 1."
            if kind == "film"
            else "pictures of one frame."
        ),
        "A tenth is for validation: the last segments of long films, and short films as a whole."
        if kind == "film"
        else "A tenth is for validation, in an order that follows from their bytes.",
    ]
    rows = dealt(clips, {stem: row.sha256 for stem, row in chosen.items()})
    count = write_rows(sheet, ("clip", "split"), rows, comments)
    print(f"{sheet}: {count} clips of {len(clips)} sources")


if __name__ == "__main__":
    main(deal)
