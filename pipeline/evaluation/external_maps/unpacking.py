"""Unpacking no more at once than there is room for, whatever the packed bytes hold."""

import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import IO, Final

_PIECE: Final = 4096
"""Bytes that are read at once."""
_AT_ONCE: Final = 2**20
"""Bytes that are unpacked at once."""


def read_up_to(file: IO[bytes], size: int) -> bytes:
    """Read so many bytes, or all that follow if they are fewer.

    A piece at a time: asked for more, zipfile unpacks all that a piece of bzip2 or LZMA holds.
    """
    content = BytesIO()
    while (left := size - content.tell()) and (piece := file.read(min(left, _PIECE))):
        content.write(piece)
    return content.getvalue()


def unpacked(pieces: Iterable[bytes | memoryview], most: int) -> int:
    """Count the bytes that the pieces of a zlib or gzip stream unpack to, up to more than `most`.

    It ends where the stream does, or where it is damaged.
    """
    unpacker, size = zlib.decompressobj(zlib.MAX_WBITS | 32), 0  # 32: either of the two
    try:
        for piece in pieces:
            for start in range(0, len(piece), _PIECE):
                rest = bytes(piece[start : start + _PIECE])
                while rest and size <= most:
                    size += len(unpacker.decompress(rest, _AT_ONCE))
                    rest = unpacker.unconsumed_tail
    except zlib.error:
        pass
    return size
