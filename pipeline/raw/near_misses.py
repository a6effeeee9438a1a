"""What lies in a raw folder under almost the name of a file that is missing.

Archives are unpacked one folder too deep, disks and programs change capitals, accents and endings,
and people number without zeros. Nothing is renamed and nothing is read under another name: a
message says what was found, and the user decides.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from mimetypes import guess_type
from pathlib import Path

from pipeline.raw.patterns import entries, expression

_ANY = "{any}"
"""A folder of any name."""
_MOST = 200
"""Names of a folder that are looked into, at most, where any may hold the file."""


def near_miss(root: Path, pattern: str) -> str | None:
    """A clause about the file that was probably meant; None if nothing like it is there.

    `pattern` is the path of the missing file below `root`, or stands for some by {observer} or
    {frame}.
    """
    file = root / pattern
    if os.path.lexists(file):
        return f"{file} is there, but {_why_not(file)}"
    found = next(_alike(root, pattern.split("/")), None)
    if found is None:
        return None
    return f"{found} is there; rename it, or correct the dataset's paths in config.yaml"


def near_folder(above: Path, name: str) -> str | None:
    """A clause about the folder that was probably meant; None if nothing like it is there."""
    found = next((one for one in _like(name, entries(above)) if (above / one).is_dir()), None)
    return found and f"{above / found} is there; rename it, or make {name} a link to it"


def _why_not(file: Path) -> str:
    if not file.exists():
        return f"is a link to {file.readlink()}, which is not there"
    if not file.is_file():
        return "is no regular file"
    return "may not be read; change its permissions"


def _alike(root: Path, pieces: Sequence[str]) -> Iterator[Path]:
    """Files of almost that name, the most probable first."""
    yield from _walk(root, pieces)
    for i in range(len(pieces)):  # a folder too deep, as an archive of that name unpacks
        yield from _walk(root, [*pieces[:i], _ANY, *pieces[i:]])
    for i in range(len(pieces) - 1):  # a folder too high
        yield from _walk(root, [*pieces[:i], *pieces[i + 1 :]])
    yield from _walk(root.parent, pieces)


def _walk(folder: Path, pieces: Sequence[str]) -> Iterator[Path]:
    piece, *rest = pieces
    names = islice(entries(folder), _MOST) if piece == _ANY else _like(piece, entries(folder))
    for name in names:
        path = folder / name
        if rest and path.is_dir():
            yield from _walk(path, rest)
        elif not rest and path.is_file():
            yield path


def _like(piece: str, names: Sequence[str]) -> Iterator[str]:
    """Names that are the piece, or else differ from it least."""
    for form in (str, _folded, _stem):
        wanted = expression(form(piece))
        yield from (
            name
            for name in names
            if wanted.fullmatch(form(name)) and (form is not _stem or _kind(name) == _kind(piece))
        )


@lru_cache(maxsize=1 << 16)  # the names of a folder are compared again for each missing file
def _folded(name: str) -> str:
    """A name without capitals, blanks, zeros in front of numbers, and in one form of accents."""
    plain = unicodedata.normalize("NFC", name).casefold()
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_-]+", "", plain))


@lru_cache(maxsize=1 << 16)
def _stem(name: str) -> str:
    """The same without its endings, to which some programs add one."""
    return re.sub(r"(\.[a-z]\w{1,4})+$", "", _folded(name))


def _kind(name: str) -> str:
    """`video`, `image`, `text` and so on by the name's ending."""
    return str(guess_type(name)[0]).partition("/")[0]
