"""Segments of films: a few frames that follow one another, and never a cut among them.

A segment is called by its film and the number of its first frame, from 1: chroma_00091.
"""

from itertools import pairwise

from pipeline.runtime.errors import InputError
from pipeline.teaching.sources import Source
from pipeline.viewing.media.film import Film, Reader
from pipeline.viewing.shots import WIDTH, Cuts

LENGTH = 12
"""Frames of a segment."""
SPACING = 1.5
"""Seconds from the start of a segment to the start of the next one in a shot."""
MOST = 48
"""Segments of a film, at most: of two minutes in one room, a few show what there is."""
_BLOCK = 32


def clip_of(stem: str, first: int) -> str:
    """Return the name of the segment that begins with a frame, from 0, of a film."""
    return f"{stem}_{first + 1:05d}"


def place_of(clip: str, sources: dict[str, Source]) -> tuple[Source, int]:
    """Return the source of a clip, and its first frame, from 0.

    Raises:
        InputError: There is no such source, or the name is not one of `clip_of`.
    """
    if clip in sources and sources[clip].kind == "picture":
        return sources[clip], 0
    stem, _, number = clip.rpartition("_")
    film = sources.get(stem)
    if film is None or film.kind != "film" or not number.isdecimal() or not int(number):
        raise InputError(
            f"clip {clip}: neither a picture among the sources, nor a film with the number of a "
            "frame, as chroma_00091"
        )
    return film, int(number) - 1


def segments(film: Film, start: float) -> list[int]:
    """Return the first frames, from 0, of a film's segments from a second on.

    Raises:
        InputError: No frame of the film can be decoded.
    """
    rate = film.timing.mean_rate
    step = max(LENGTH, round(SPACING * rate))
    begins = [
        first
        for begin, end in pairwise([*_shots(film)])
        for first in range(max(begin, round(start * rate)), end - LENGTH + 1, step)
    ]
    count = min(MOST, len(begins))
    return [begins[k * len(begins) // count] for k in range(count)]


def _shots(film: Film) -> list[int]:
    """The first frame of each shot of a film, and the number of its frames."""
    cuts, begins, count = Cuts(), [0], 0
    width = min(WIDTH, film.width)
    size = (max(1, round(film.height * width / film.width)), width)
    with Reader(film, size) as reader:
        while block := reader.take(_BLOCK):
            added = [cuts.add(frame) for frame in block]
            begins += [cut for cut in added if cut is not None]
            count += len(block)
    return [*begins, *cuts.end(), count]
