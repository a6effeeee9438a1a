"""Zarr arrays of others: found by their descriptions, and opened only if these are harmless.

A description may announce any size, and name any codec that is installed; that of Zarr 2 called
`pickle` executes what it reads.
"""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import zarr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, cpu
from zarr.storage import MemoryStore

from pipeline.evaluation.external_maps.decoding import MOST
from pipeline.evaluation.external_maps.films_and_arrays import ArrayStack, stack_shape
from pipeline.evaluation.external_maps.findings import MapError, shortened
from pipeline.evaluation.external_maps.unpacking import unpacked

MARKS: Final = ("zarr.json", ".zarray", ".zgroup")
"""Files that describe an array or a group of Zarr 3, an array of Zarr 2 and a group of Zarr 2."""
DESCRIPTION: Final = 16_384
"""Bytes of an array's description, at most; that of a group may list all its arrays."""
_PACKERS: Final = frozenset(("blosc", "zstd", "gzip", "zlib"))
"""Codecs that tell how much they hold."""
_HARMLESS: Final = _PACKERS | {
    *("bytes", "transpose", "crc32c", "sharding_indexed"),
    *("shuffle", "delta", "quantize", "bitround"),
}
_DESCRIBING: Final = (*MARKS, ".zattrs", ".zmetadata")
_CHUNKS: Final = 4096
"""Chunks that a map consists of, at most."""
_INNER: Final = 65_536
"""Chunks that a shard consists of, at most."""
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
Read = Callable[[str], bytes]
"""Gives the content of a file in an array's folder.

Raises:
    FileNotFoundError: There is none.
"""


def axes(description: bytes) -> int | None:
    """How many axes a described array has, or None for a group; 3 if only reading can tell."""
    if len(description) > DESCRIPTION:
        return None
    try:
        described = json.loads(description)
        return None if described.get("node_type") == "group" else len(described["shape"])
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return 3


def zarr_stack(read: Read) -> ArrayStack:
    """Open an array of maps.

    Raises:
        MapError: It is no array of maps, is too large, or needs a codec that is not `_HARMLESS`.
    """
    mark, description = described(read)
    packer = packed_by(description)
    array = zarr.open_array(_Store(read, mark, packer), mode="r")
    refuse_sizes(array)
    return ArrayStack(array)


def packed_by(description: bytes) -> str | None:
    """Return the codec that packs a described array's chunks, if any does.

    Raises:
        MapError: There are several, or one that is not `_HARMLESS`.
    """
    described = json.loads(description)
    used = list(_named([described.get(key) for key in ("codecs", "filters", "compressor")]))
    packers = [name for name in used if name in _PACKERS]
    if len(packers) > 1 or not _HARMLESS.issuperset(used):
        found = f"a Zarr array coded by {', '.join(used)}; save it with blosc, zstd or gzip alone"
        raise MapError("not_a_map", shortened(found))
    return packers[0] if packers else None


def described(read: Read) -> tuple[str, bytes]:
    """Return an array's description, and the file that it is in.

    Raises:
        MapError: There is none, or an absurdly large one.
    """
    for mark in MARKS[:2]:
        try:
            description = read(mark)
        except FileNotFoundError:
            continue
        if len(description) <= DESCRIPTION:
            return mark, description
    raise MapError("truncated", "no description of a Zarr array")


def _named(codecs: Any) -> Iterator[str]:
    if isinstance(codecs, dict):
        yield from (str(codecs[key]) for key in ("name", "id") if key in codecs)
        yield from _named(list(codecs.values()))
    elif isinstance(codecs, list):
        for codec in codecs:
            yield from _named(codec)


def refuse_sizes(array: Any) -> None:
    """Refuse an array whose maps, chunks or shards are too large, or consist of too many parts.

    Raises:
        MapError: It is no array of maps, or too large.
    """
    shape = stack_shape(array.shape, array.dtype)
    chunk = array.chunks[-len(shape) + 1 :]
    parts = math.prod(
        math.ceil(all / max(one, 1)) for all, one in zip(shape[1:], chunk, strict=True)
    )
    size = math.prod(array.chunks) * array.dtype.itemsize
    inner = math.prod(array.shards or array.chunks) / max(math.prod(array.chunks), 1)
    if size > MOST or parts > _CHUNKS or inner > _INNER:
        raise MapError("too_large", shortened(f"chunks {array.chunks} of {size} bytes"))


class _Store(MemoryStore):
    """Files of an array that are read, and looked at, when Zarr asks for them."""

    def __init__(self, read: Read, mark: str, packer: str | None) -> None:
        super().__init__(read_only=True)
        self._read, self._mark, self._packer = read, mark, packer

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        if key in _DESCRIBING and key != self._mark:
            return None
        try:
            content = cpu.Buffer.from_bytes(self._read(key))
        except FileNotFoundError:
            return None
        found = await MemoryStore({key: content}).get(key, prototype, byte_range)
        if found is not None and key != self._mark and self._packer:
            announced = _announced(self._packer, found.to_bytes())
            if announced > MOST:
                raise MapError("too_large", f"a chunk that holds {announced} bytes")
        return found


def _announced(packer: str, packed: bytes) -> int:
    """Bytes that packed ones become, or at least more than `MOST` if they are too many."""
    if packer == "blosc":
        return int.from_bytes(packed[4:8], "little")
    if packer == "zstd":
        return _zstd_size(packed)
    return unpacked([packed], MOST)


def _zstd_size(packed: bytes) -> int:
    """The size in the header of a frame (RFC 8878, 3.1.1.1)."""
    if not packed.startswith(_ZSTD):
        return 0  # an index of a shard, or no zstd at all, as decoding will show
    flags = packed[4]
    single, field = bool(flags & 32), (0, 2, 4, 8)[flags >> 6]
    size = field or int(single)
    start = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    if not size:
        raise MapError("too_large", "a chunk of zstd that does not say what it holds")
    return int.from_bytes(packed[start : start + size], "little") + 256 * (field == 2)
