"""Files whose headers lie, and small files that unpack to large ones."""

from __future__ import annotations

import bz2
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

DEFLATED, BZIP2 = 8, 12
MEGABYTE = 2**20


def zeros(size: int) -> bytes:
    """A deflate stream of so many megabytes of zeros, made at once of equal pieces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece + again * (size - 1) + packer.flush()


def zlib_zeros(size: int) -> bytes:
    """The same in zlib's wrapping; its checksum is wrong."""
    return b"\x78\xda" + zeros(size) + bytes(4)


class Entry(NamedTuple):
    """An entry of a zip, as it is written."""

    name: bytes
    packed: bytes = b""
    size: int | None = None
    """Bytes that it announces; None: as many as `packed` has."""
    method: int = 0
    crc: int | None = None
    flags: int = 0
    mode: int = 0o100644
    inner: bytes | None = None
    """Name in front of the entry; None: the same."""


def write_zip(path: Path, *entries: Entry, directory: int | None = None) -> Path:
    """Write entries as they are, with a directory that announces its own size or another."""
    with path.open("wb") as file:
        central = bytearray()
        for name, packed, announced, method, crc, flags, mode, inner in entries:
            size = len(packed) if announced is None else announced
            check = zlib.crc32(packed) if crc is None else crc
            own = name if inner is None else inner
            facts = (20, flags, method, 0, 33, check, len(packed), size)
            local = struct.pack("<4s5H3L2H", b"PK\3\4", *facts, len(own), 0) + own
            central += struct.pack(
                *("<4s6H3L5H2L", b"PK\1\2", 20 | 3 << 8, *facts, len(name)),
                *(0, 0, 0, 0, mode << 16, file.tell()),
            )
            central += name
            file.write(local + packed)
        at = file.tell()
        size = len(central) if directory is None else directory
        count = min(len(entries), 0xFFFF)
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, at, 0)
        file.write(central + end)
    return path


def bzip2(size: int) -> bytes:
    return bz2.compress(bytes(size * MEGABYTE))


def npy(
    shape: str, dtype: str = "'<f4'", *, fortran: bool = False, values: bytes = b"", length: int = 0
) -> bytes:
    """A .npy file with this header, which may announce another length of itself."""
    header = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\2\0" + struct.pack("<I", length or len(header)) + header + values


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, bits: int, colour: int, *more: bytes, packed: bytes) -> bytes:
    """A PNG with further chunks in front of its packed values."""
    header = struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *more, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_zeros(width: int, height: int, bits: int = 8, colour: int = 0) -> bytes:
    """A whole PNG of zeros; colour 0 is grey, 2 RGB, 6 RGBA."""
    row = 1 + width * bits // 8 * {0: 1, 2: 3, 6: 4}[colour]
    packer, rest = zlib.compressobj(1), row * height
    packed = b""
    while rest > 0:
        packed += packer.compress(bytes(min(rest, 16 * MEGABYTE)))
        rest -= 16 * MEGABYTE
    return png(width, height, bits, colour, packed=packed + packer.flush())


def text_chunk(size: int) -> bytes:
    """A compressed text of so many megabytes of zeros in a PNG."""
    return _chunk(b"zTXt", b"Comment\0\0" + zlib_zeros(size))


def tiff(tags: dict[int, int], values: bytes = bytes(64)) -> bytes:
    """A TIFF with these tags, all of them long, and its values behind."""
    entries = b"".join(
        struct.pack("<2H2L", tag, 4, 1, value) for tag, value in sorted(tags.items())
    )
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + entries + bytes(4) + values


def bmp(width: int, height: int, bits: int = 24) -> bytes:
    header = struct.pack("<L2l2H6L", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<L2HL", 154, 0, 0, 54) + header + bytes(100)


def jpeg(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header announces another size."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">2H", height, width) + content[place + 4 :]


def avi(fourcc: bytes, width: int, height: int, pictures: list[bytes]) -> bytes:
    """An AVI of pictures, 25 a second."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)

    count = len(pictures)
    main = struct.pack("<14I", 40_000, 0, 0, 0, count, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vids" + fourcc
    stream += struct.pack("<IHHIIIIIIiIhhhh", 0, 0, 0, 0, 1, 25, 0, count, 0, -1, 0, 0, 0, 0, 0)
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, fourcc, 0, 0, 0, 0, 0)
    lists = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    movie = b"movi" + b"".join(chunk(b"00dc", picture) for picture in pictures)
    body = chunk(b"LIST", b"hdrl" + chunk(b"avih", main) + lists) + chunk(b"LIST", movie)
    return chunk(b"RIFF", b"AVI " + body)
