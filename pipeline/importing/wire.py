"""Protocol buffers on the wire: numbered fields of a message, without the classes of its types."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; two more, for groups, are out of use."""
_MOST = 200_000
"""Fields of a message, at most, where a run of numbers counts as one."""


class Field(NamedTuple):
    """A field of a message."""

    number: int
    wire: int
    value: int
    """Of a VARINT; 0 of others."""
    content: memoryview
    """Bytes of a BYTES or FIXED64; of a run of FIXED32 with the same number all its values."""


def varint(data: memoryview, place: int) -> tuple[int, int]:
    """Return a number at a place, and the place after it.

    Raises:
        ValueError: It does not end.
    """
    value = 0
    for step in range(10):  # 64 bits, seven in each byte
        if place + step >= len(data):
            raise ValueError("ends within a number")
        byte = data[place + step]
        value |= (byte & 127) << 7 * step
        if byte < 128:
            return value & (2**64 - 1), place + step + 1
    raise ValueError("a number does not end")


def varints(data: memoryview) -> Iterator[int]:
    """Yield packed numbers, those of int64 with their sign."""
    place = 0
    while place < len(data):
        value, place = varint(data, place)
        yield signed(value)


def signed(value: int) -> int:
    """Return what 64 bits mean as an int64."""
    return value - 2**64 if value >= 2**63 else value


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message in their order.

    Raises:
        ValueError: It is no message.
    """
    place, nothing = 0, message[:0]
    for _ in range(_MOST):
        if place == len(message):
            return
        tag, start = varint(message, place)
        number, wire = tag >> 3, tag & 7
        match wire:
            case _ if not number:
                raise ValueError("a field has no number")
            case 0:
                value, place = varint(message, start)
                yield Field(number, wire, value, nothing)
            case 1:
                yield Field(number, wire, 0, content := _cut(message, start, 8))
                place = start + len(content)
            case 2:
                size, start = varint(message, start)
                yield Field(number, wire, 0, content := _cut(message, start, size))
                place = start + len(content)
            case 5:
                content, place = _run(message, place, start - place)
                yield Field(number, wire, 0, content)
            case _:
                raise ValueError(f"a field of the unknown type {wire}")
    raise ValueError(f"more than {_MOST} fields in a message")


def _cut(message: memoryview, start: int, size: int) -> memoryview:
    if size > len(message) - start:
        raise ValueError("ends within a field")
    return message[start : start + size]


def _run(message: memoryview, place: int, tag: int) -> tuple[memoryview, int]:
    """The values of fields of four bytes that follow one another with the same tag.

    Caffe's files of before 2014 have each number of a tensor in a field of its own.
    """
    step = tag + 4
    _cut(message, place, step)
    rows = np.frombuffer(message[place:], np.uint8)
    rows = rows[: rows.size // step * step].reshape(-1, step)
    tags, count = rows[:, :tag], 1
    while count < len(rows):  # twice as many each time, so that the work is that of the run
        same = (tags[count : 2 * count] == tags[0]).all(axis=1)
        count += len(same) if same.all() else int(np.argmin(same))
        if not same.all():
            break
    return memoryview(rows[:count, tag:].tobytes()), place + count * step
