"""MATLAB's files of version 5 (MAT-File Format, The MathWorks): numeric arrays, read in bounds.

scipy reads them too, but inflates a variable before anybody can compare its shape.
"""

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from pipeline.importing.stored import Stored, distinct, sized, tensor

_HEADER = 128
"""Bytes of text, version and order of bytes."""
_HEAD = 4096
"""Bytes that hold flags, dimensions and name of a variable, and more."""
_MATRIX, _PACKED = 14, 15
"""Kinds of elements: a variable, and one that is compressed."""
_NUMERIC = range(6, 16)
"""Classes of arrays of numbers; below are cells, structs, objects, text and sparse ones."""
_FLOATS: dict[int, np.dtype[Any]] = {6: np.dtype("f8"), 7: np.dtype("f4")}
_COMPLEX = 0x0800
_KINDS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
"""Kind of an element -> its numbers, which MATLAB stores as small as they go."""


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the numeric arrays of a .mat of version 5 by their names."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(head[124:])
        if order is None:
            raise ValueError("its header is none of MATLAB's version 5")
        yield distinct(_variables(file, order, path.stat().st_size))


def _variables(file: BinaryIO, order: str, end: int) -> Iterator[tuple[str, Stored]]:
    at = _HEADER
    while at < end:
        kind, size = _tag(_read(file, at, 8), order)
        at += 8
        if at + size > end:
            raise ValueError(f"it ends within the variable that begins at byte {at - 8}")
        if kind not in (_MATRIX, _PACKED):
            raise ValueError(f"an element of the kind {kind} where a variable belongs")
        if kind == _PACKED:
            inner = partial(_inflated, file, at, size, order)
        else:
            inner = partial(_read, file, at, size)
        if found := _variable(inner, order, packed=kind == _PACKED):
            yield found
        at += size


def _variable(
    content: Callable[..., bytes], order: str, *, packed: bool
) -> tuple[str, Stored] | None:
    """Return a variable's name and values; None if it is no array of numbers."""
    head, at = content(most=_HEAD), 0
    if packed:
        kind, _ = _tag(head, order)
        if kind != _MATRIX:
            raise ValueError(f"a compressed element of the kind {kind}")
        at = 8
    parts = []
    for _ in range(3):
        _, start, size, at = _part(head, at, order)
        if start + size > len(head):
            raise ValueError("a variable whose head does not end")
        parts.append(head[start : start + size])
    flags = struct.unpack(f"{order}I", parts[0][:4])[0]
    shape = struct.unpack(f"{order}{len(parts[1]) // 4}i", parts[1])
    if len(shape) == 2 and shape[0] == 1:
        shape = shape[1:]
    name = parts[2].decode("ascii")
    if flags & 0xFF not in _NUMERIC:
        return None
    kind, start, size, _ = _part(head, at, order)
    if flags & _COMPLEX or kind not in _KINDS:
        raise ValueError(f"{name!r:.80} holds no plain numbers")
    dtype: np.dtype[Any] = np.dtype(f"{order}{_KINDS[kind]}")
    if size != sized(shape, dtype, name):
        raise ValueError(f"{name!r:.80} has {size} bytes, its shape {math.prod(shape)} numbers")

    # Whole numbers of a float are stored as integers.
    wide: np.dtype[Any] = _FLOATS.get(flags & 0xFF, dtype)

    def read() -> Tensor:
        values = content(most=None)[start : start + size]
        if len(values) != size:
            raise ValueError(f"{name!r:.80} does not have {size} bytes")
        return tensor(np.frombuffer(values, dtype).reshape(shape, order="F").astype(wide))

    return name, Stored(shape, read, padded=True)


def _part(data: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Return the kind of an element within a variable, its start, its bytes, and the next's start.

    One of up to four bytes lies within its tag.
    """
    kind, size = _tag(data[at : at + 8], order)
    if kind >> 16:
        return kind & 0xFFFF, at + 4, kind >> 16, at + 8
    return kind, at + 8, size, at + 8 + (size + 7) // 8 * 8


def _tag(data: bytes, order: str) -> tuple[int, int]:
    kind, size = struct.unpack(f"{order}II", data[:8])
    return int(kind), int(size)


def _read(file: BinaryIO, at: int, size: int, most: int | None = None) -> bytes:
    file.seek(at)
    return file.read(size if most is None else min(size, most))


def _inflated(file: BinaryIO, at: int, size: int, order: str, most: int | None = None) -> bytes:
    """Return a compressed variable, or its beginning; all of it has a checksum, which is compared.

    It inflates to no more than its own tag announces.
    """
    packed, stream = _read(file, at, size), zlib.decompressobj()
    head = stream.decompress(packed, _HEAD if most is None else most)
    if most is not None:
        return head
    length = 8 + _tag(head, order)[1]
    # One byte more, so that the checksum behind the last one is reached.
    rest = stream.decompress(stream.unconsumed_tail, max(1, length - len(head) + 1))
    if len(head) + len(rest) != length or not stream.eof:
        raise ValueError("a compressed variable has another length than it announces")
    return head + rest
