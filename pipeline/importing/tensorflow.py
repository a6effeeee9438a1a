"""TensorFlow's checkpoint of two files: an index, which is a LevelDB table, and the numbers."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import numpy as np
from torch import Tensor

from pipeline.importing import wire
from pipeline.importing.stored import Stored, distinct, sized, tensor

DATA = ".data-00000-of-00001"
"""Ending of the file beside the index, in the place of its own."""
_LARGEST_INDEX = 2**26
"""Bytes; the index of 173 tensors has 7 kB."""
_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
"""Bytes of a table's end: where its lists of blocks lie, padded, and the magic number."""
_TRAILER = 5
"""Bytes after a block: its compression, and a checksum of both."""
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 6: "|i1", 9: "<i8", 19: "<f2"}
"""Number of a type in DataType -> NumPy's."""


class _Entry(NamedTuple):
    """What the index says of a tensor: a BundleEntryProto."""

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    checksum: int = 0


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the variables of a checkpoint, of which `path` is the index, the file `.index`."""
    if path.suffix != ".index":
        raise ValueError("name the file that ends in .index")
    if path.stat().st_size > _LARGEST_INDEX:
        raise ValueError(f"an index of more than {_LARGEST_INDEX} bytes")
    data = path.with_suffix(DATA)
    if not data.is_file():
        raise ValueError(f"the file {data.name} with its numbers is not beside it")
    entries = _entries(memoryview(path.read_bytes()))
    name, header = next(entries, (b"x", memoryview(b"")))
    _check_header(name, header)
    yield distinct((key.decode(), _variable(data, key, value)) for key, value in entries)


def _checked(content: bytes | memoryview, masked: int, what: str) -> None:
    """Compare a checksum, CRC32C, which is stored rotated and with a constant added."""
    found: int = google_crc32c.value(bytes(content))
    rotated = found >> 15 | found << 17 & 0xFFFFFFFF
    if (rotated + 0xA282EAD8) & 0xFFFFFFFF != masked:
        raise ValueError(f"{what} has another checksum than it was written with")


def _block(table: memoryview, offset: int, size: int) -> memoryview:
    """A block of the table, without its trailer."""
    content = table[offset : offset + size + _TRAILER]
    if offset + size + _TRAILER > len(table):
        raise ValueError("the index ends within a block")
    if content[size]:
        raise ValueError("the index is compressed, which TensorFlow's own are not")
    _checked(content[: size + 1], struct.unpack("<I", content[size + 1 :])[0], "a block")
    return content[:size]


def _pairs(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block; each key leaves out what it shares with the one before."""
    (restarts,) = struct.unpack("<I", block[-4:])
    if (end := len(block) - 4 * (restarts + 1)) < 0:
        raise ValueError("a block of the index has no room for its entries")
    place, key = 0, b""
    while place < end:
        shared, place = wire.varint(block, place)
        own, place = wire.varint(block, place)
        size, place = wire.varint(block, place)
        if shared > len(key) or place + own + size > end:
            raise ValueError("an entry of the index is larger than its block")
        key = key[:shared] + bytes(block[place : place + own])
        yield key, block[place + own : place + own + size]
        place += own + size


def _handle(value: memoryview, place: int = 0) -> tuple[int, int, int]:
    """Where a block lies, its size, and the place after both numbers."""
    offset, place = wire.varint(value, place)
    size, place = wire.varint(value, place)
    return offset, size, place


def _entries(table: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of the table, in their order."""
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("it is no index of TensorFlow")
    *_, place = _handle(footer)
    offset, size, _ = _handle(footer, place)
    for _, handle in _pairs(_block(table, offset, size)):
        offset, size, _ = _handle(handle)
        yield from _pairs(_block(table, offset, size))


def _check_header(name: bytes, header: memoryview) -> None:
    """Compare what the first entry says of the whole."""
    found = {field.number: field.value for field in wire.fields(header)}
    if name or found.get(1, 0) != 1:
        raise ValueError("its numbers do not lie in one file")
    if found.get(2, 0):
        raise ValueError("its numbers have their bytes in reverse")


def _variable(data: Path, key: bytes, value: memoryview) -> Stored:
    name, entry = key.decode(), _entry(value)
    if entry.dtype not in _TYPES or entry.shard:
        raise ValueError(f"{name!r:.80} is no plain variable (type {entry.dtype})")
    dtype = np.dtype(_TYPES[entry.dtype])
    size, there = sized(entry.shape, dtype, name), data.stat().st_size
    if size != entry.size or entry.offset < 0 or entry.offset + size > there:
        raise ValueError(
            f"{name!r:.80} has {entry.size} bytes from {entry.offset} on in a file of {there}, "
            f"its shape {size}"
        )

    def read() -> Tensor:
        with data.open("rb") as file:
            file.seek(entry.offset)
            content = file.read(size)
        _checked(content, entry.checksum, f"{name!r:.80}")
        return tensor(np.frombuffer(content, dtype).reshape(entry.shape))

    return Stored(entry.shape, read)


def _entry(message: memoryview) -> _Entry:
    numbers: dict[str, Any] = {}
    for field in wire.fields(message):
        match field.number:
            case 1 | 3 | 4 | 5:
                name = {1: "dtype", 3: "shard", 4: "offset", 5: "size"}[field.number]
                numbers[name] = wire.signed(field.value)
            case 2:
                numbers["shape"] = tuple(_dimensions(field.content))
            case 6 if len(field.content) == 4:
                (numbers["checksum"],) = struct.unpack("<I", field.content)
            case 7:
                raise ValueError("a variable lies in several parts")
    return _Entry(**numbers)


def _dimensions(shape: memoryview) -> Iterator[int]:
    """Dimensions of a TensorShapeProto."""
    for field in wire.fields(shape):
        if field.number == 2:
            size = (inner.value for inner in wire.fields(field.content) if inner.number == 1)
            yield wire.signed(next(size, 0))
        elif field.number == 3 and field.value:
            raise ValueError("a variable's shape is not known")
