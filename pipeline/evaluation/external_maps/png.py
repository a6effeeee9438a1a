"""PNG files reduced to what a map needs, because libpng unpacks everything that a file holds."""

from collections.abc import Iterator
from typing import Final

from pipeline.evaluation.external_maps.findings import MapError
from pipeline.evaluation.external_maps.unpacking import unpacked

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_NEEDED: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_DENSEST: Final = 1032
"""Bytes that deflate packs into one, at most."""
_UNTRIED: Final = 256 * 2**20
"""Bytes that are unpacked in a second."""


def bare(content: bytes, most: int) -> bytes:
    """Return a PNG file without texts, profiles and further pictures.

    Raises:
        MapError: Its values are more than `most` bytes, whatever its header says.
    """
    chunks = list(_chunks(content))
    packed = [chunk for kind, chunk in chunks if kind == b"IDAT"]
    possible = _DENSEST * sum(map(len, packed))
    if possible > max(most, _UNTRIED) and unpacked((chunk[8:-4] for chunk in packed), most) > most:
        raise MapError("too_large", f"values that unpack to more than the {most} bytes announced")
    needed = [chunk for kind, chunk in chunks if kind in _NEEDED]
    return content if len(needed) == len(chunks) else b"".join((SIGNATURE, *needed))


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the kind of each chunk, and the whole of it: length, kind, content and checksum."""
    view, place = memoryview(content), len(SIGNATURE)
    while place < len(view):
        end = place + 12 + int.from_bytes(view[place : place + 4], "big")
        yield content[place + 4 : place + 8], view[place:end]
        place = end
