"""Caffe's .caffemodel: a NetParameter of protocol buffers, with blobs of its layers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from pipeline.importing import wire
from pipeline.importing.stored import Stored, distinct, sized, tensor


class _Layer(NamedTuple):
    """Numbers of the fields of a layer's message."""

    name: int
    blobs: int


_LAYERS = {100: _Layer(name=1, blobs=7), 2: _Layer(name=4, blobs=6)}
"""Field of NetParameter -> fields of its layers: LayerParameter, and V1LayerParameter before it."""
_OLD_SHAPE = (1, 2, 3, 4)
"""Fields num, channels, height and width of a blob, before there was a shape of any length."""
_DATA, _SHAPE = 5, 7
_FLOAT = np.dtype("<f4")


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the blobs of a caffemodel by the names of their layers and numbers, as in conv1/0."""
    net: Any = np.memmap(path, mode="r")
    yield distinct(_blobs(memoryview(net)))


def _blobs(net: memoryview) -> Iterator[tuple[str, Stored]]:
    for field in wire.fields(net):
        if field.wire == wire.BYTES and field.number in _LAYERS:
            where, name, blobs = _LAYERS[field.number], "", list[memoryview]()
            for inner in wire.fields(field.content):
                if inner.wire == wire.BYTES and inner.number == where.name:
                    name = str(inner.content, "utf-8")
                elif inner.wire == wire.BYTES and inner.number == where.blobs:
                    blobs.append(inner.content)
            for number, blob in enumerate(blobs):
                yield f"{name}/{number}", _blob(blob, f"{name}/{number}")


def _blob(message: memoryview, name: str) -> Stored:
    old, shape, runs = dict[int, int](), list[int](), list[memoryview]()
    has_shape = False
    for field in wire.fields(message):
        if field.number == _DATA and field.wire in (wire.BYTES, wire.FIXED32):
            runs.append(field.content)
        elif field.number == _SHAPE and field.wire == wire.BYTES:
            has_shape, shape = True, [*shape, *_dimensions(field.content)]
        elif field.number in _OLD_SHAPE and field.wire == wire.VARINT:
            old[field.number] = wire.signed(field.value)
    if not has_shape:
        shape = [old.get(number, 0) for number in _OLD_SHAPE]
    size, there = sized(tuple(shape), _FLOAT, name), sum(map(len, runs))
    if there != size:
        raise ValueError(f"{name!r:.80} has {there} bytes, its shape {size}")

    def read() -> Tensor:
        values = [np.frombuffer(run, _FLOAT) for run in runs]
        flat = values[0] if len(values) == 1 else np.concatenate([np.empty(0, _FLOAT), *values])
        return tensor(flat.reshape(shape))

    return Stored(tuple(shape), read, padded=not has_shape)


def _dimensions(shape: memoryview) -> Iterator[int]:
    """Dimensions of a BlobShape, packed or one by one."""
    for field in wire.fields(shape):
        if field.number == 1 and field.wire == wire.BYTES:
            yield from wire.varints(field.content)
        elif field.number == 1 and field.wire == wire.VARINT:
            yield wire.signed(field.value)
