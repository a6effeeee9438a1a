"""Zips and Zarr stores made to harm, for `hostile_maps`."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.crafted import (
    BZIP2,
    DEFLATED,
    Entry,
    bzip2,
    npy,
    write_zip,
    zeros,
)
from tests.faults.hostile_maps import GOOD, Hostile, Payload, T, beside, put, sparse

GOOD_ENTRIES = [Entry(f"b/{frame:04d}.png".encode(), GOOD) for frame in range(1, T + 1)]
MAPS_3 = npy("(3, 24, 32)", values=np.ones(2304, "f4").tobytes())


def zipped(
    *entries: Entry | Callable[[], Entry], refused: bool = False, read: int | None = 0, **more: int
) -> Hostile:
    """A zip of entries and the good ones of b, which is opened."""

    def make(maps: Path) -> Path:
        made = [entry() if callable(entry) else entry for entry in entries]
        return write_zip(maps / "maps.zip", *GOOD_ENTRIES, *made, **more)

    return Hostile(make, refused=refused, read=read)


def cut(maps: Path) -> Path:
    path = write_zip(maps / "maps.zip", *GOOD_ENTRIES)
    os.truncate(path, path.stat().st_size - 30)
    return path


def empty(maps: Path) -> Path:
    (maps / "maps.zip").write_bytes(bytes(9))
    return maps / "maps.zip"


def many(maps: Path) -> Path:
    entries = (Entry(f"{i:06d}/x.png".encode()) for i in range(20_000))
    return write_zip(maps / "maps.zip", *GOOD_ENTRIES, *entries)


def array(shape: str, size: int) -> Callable[[], Entry]:
    header = npy(shape)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    return lambda: Entry(b"a.npy", packed + zeros(size), len(header) + size * 2**20, DEFLATED)


UTF_8 = 0x800
ZIPS = {
    "a picture of 3 GB": zipped(lambda: Entry(b"a/0001.png", zeros(3072), 3 << 30, DEFLATED)),
    "a map of 600 MB": zipped(
        lambda: Entry(b"a/0001.npy", zeros(600), 600 << 20, DEFLATED)
    ),
    "maps of 600 MB": zipped(array("(1, 12000, 13000)", 600)),
    "100 bytes that unpack to 3 GB": zipped(
        lambda: Entry(b"a/0001.png", zeros(3072), 100, DEFLATED)
    ),
    "maps that unpack to 3 GB": zipped(array("(3, 24, 32)", 3000), read=None),
    "100 bytes that unpack to 40 MB by bzip2": zipped(
        lambda: Entry(b"a/0001.png", bzip2(40), 100, BZIP2)
    ),
    "a thousand million maps": zipped(array("(1000000000, 24, 32)", 40)),
    "10^19 values": zipped(Entry(b"a.npy", npy("(10000000000, 1000000000)"))),
    "4 GB announced": zipped(Entry(b"a.npy", npy("(1000000, 24, 32)"), 2**32 - 2)),
    "a negative dimension": zipped(Entry(b"a.npy", npy("(3, -24, 32)"))),
    "a pickle": zipped(Entry(b"a/0001.npy", npy("(1,)", "'|O'", values=pickle.dumps([Payload()])))),
    "Fortran's order, 600 MB": zipped(
        lambda: Entry(
            b"a.npy", npy("(3, 24, 2184533)", "'|u1'", fortran=True), 600 << 20, DEFLATED
        )
    ),
    "a header of a gigabyte": zipped(Entry(b"a.npy", npy("(3, 24, 32)", length=2**30), 2**30 + 99)),
    "zips within": zipped(Entry(b"a/0001.zip", b"PK\5\6" + bytes(18))),
    "a zip as a picture": zipped(Entry(b"a/0001.png", b"PK\5\6" + bytes(18))),
    "an absolute name": zipped(Entry(b"/a/0001.png", GOOD)),
    "a name that leads up": zipped(Entry(b"../a/0001.png", GOOD)),
    "a name that leads down and up": zipped(Entry(b"a/../../../a/0001.png", GOOD)),
    "a name that leads up in Windows": zipped(Entry(b"..\\a\\0001.png", GOOD)),
    "a link": zipped(Entry(b"a/0001.png", b"/etc/passwd", mode=0o120777)),
    "a pipe": zipped(Entry(b"a/0001.png", b"", mode=0o010644)),
    "encrypted": zipped(Entry(b"a/0001.png", GOOD, flags=1)),
    "a wrong checksum": zipped(Entry(b"a/0001.png", GOOD, crc=7)),
    "a name that is given twice": zipped(Entry(b"a/0001.png", GOOD), Entry(b"a/0001.png", b"x")),
    "maps that are given twice": zipped(Entry(b"a.npy", MAPS_3), Entry(b"a.npy", MAPS_3)),
    "another name within": zipped(Entry(b"a/0001.png", GOOD, inner=b"b/0001.png")),
    "a method that there is not": zipped(Entry(b"a/0001.png", GOOD, method=99)),
    "a name of 60,000 letters": zipped(Entry(b"a/" + b"1a" * 30000 + b"1.png", GOOD)),
    "a number of 5,000 digits": zipped(Entry(b"a/" + b"1" * 5000 + b".png", GOOD)),
    "30,000 folders deep": zipped(Entry(b"a/" * 30000 + b"1.png", GOOD), read=1),
    "a name that is no UTF-8": zipped(Entry(b"a/\xff.png", GOOD, flags=UTF_8), refused=True),
    "a name that acts on a terminal": zipped(Entry(b"\x1b[2J/0001.png", GOOD)),
    "20,000 entries": Hostile(many),
    "a directory of 3 GB": zipped(refused=True, directory=3 << 30),
    "cut off": Hostile(cut, refused=True),
    "no zip": Hostile(empty, refused=True),
}  # fmt: skip

V2 = {
    "zarr_format": 2, "shape": [3, 24, 32], "chunks": [1, 24, 32], "dtype": "<f4", "order": "C",
    "compressor": None, "filters": None, "fill_value": 0,
}  # fmt: skip
V3: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [3, 24, 32], "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 24, 32]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "fill_value": 0,
    "attributes": {},
}  # fmt: skip
PICKLE = {"id": "pickle", "protocol": 4}
ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": False}}
GZIP = {"name": "gzip", "configuration": {"level": 5}}
MANY = {"name": "regular", "configuration": {"chunk_shape": [1, 1, 1]}}
BLOSC = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}


def _chunks(**more: Any) -> dict[str, Any]:
    return {
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": more["shape"]}},
        **more,
    }


def v2(chunk: bytes | None = None, **changed: Any) -> Hostile:
    """An array of Zarr 2 as clip a; without a chunk, all its values are those of the filling."""

    def make(maps: Path) -> None:
        put("a/.zarray", json.dumps(V2 | changed).encode()).make(maps)
        if chunk is not None:
            put("a/0.0.0", chunk).make(maps)

    return Hostile(make)


def v3(chunk: bytes | Callable[[], bytes] | None = None, **changed: Any) -> Hostile:
    """An array of Zarr 3 as clip a."""

    def make(maps: Path) -> None:
        put("a/zarr.json", json.dumps(V3 | changed).encode()).make(maps)
        if chunk is not None:
            for frame in range(T):
                put(f"a/c/{frame}/0/0", chunk).make(maps)

    return Hostile(make)


def coded(codec: dict[str, Any]) -> list[Any]:
    return [*V3["codecs"], codec]


def _zstd(size: int) -> bytes:
    """A frame that announces so many bytes."""
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + b"\1\0\0"


def _with_pipe(maps: Path, name: str) -> None:
    v3().make(maps)
    file = maps / "a" / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def _linked_chunk(maps: Path) -> None:
    v3().make(maps)
    (maps / "a/c/0/0").mkdir(parents=True)
    (maps / "a/c/0/0/0").symlink_to("/dev/zero")


def _huge_description(maps: Path) -> None:
    (maps / "a").mkdir()
    sparse(maps / "a/zarr.json", b"{", 1 << 30)


STORES = {
    "10^18 maps": v3(shape=[10**18, 24, 32]),
    "maps of 10^18 pixels": v3(shape=[3, 10**9, 10**9]),
    "chunks of 10^12 bytes": v3(**_chunks(shape=[3, 10**6, 10**6])),
    "a map of 16 million chunks": v3(shape=[3, 4000, 4000], chunk_grid=MANY),
    "a shape below zero": v3(shape=[3, -24, 32]),
    "no values": v3(shape=[0, 24, 32]),
    "thirty dimensions": v3(shape=[1] * 30),
    "a pickle that Zarr 2 would execute": v2(pickle.dumps(Payload()), filters=[PICKLE]),
    "a pickle of objects": v2(pickle.dumps(Payload()), dtype="|O", filters=[PICKLE]),
    "a pickle as the packer": v2(pickle.dumps(Payload()), compressor=PICKLE),
    "words": v2(dtype="<U8"),
    "a codec that there is not": v3(codecs=coded({"name": "unpack_everything"})),
    "a chunk of zstd that announces 10^18 bytes": v3(_zstd(10**18), codecs=coded(ZSTD)),
    "a chunk of gzip that unpacks to 2 GB": v3(
        lambda: b"\x1f\x8b\x08" + bytes(7) + zeros(2000) + bytes(8), codecs=coded(GZIP)
    ),
    "a chunk of blosc that announces 2 GB": v2(
        struct.pack("<4B3I", 2, 1, 1, 4, 2**31 - 1, 2**20, 99) + bytes(83), compressor=BLOSC
    ),
    "packed twice": v3(codecs=[*coded(ZSTD), GZIP]),
    "a description of a gigabyte": beside(_huge_description),
    "a description of brackets": put("a/zarr.json", b"[" * 16000),
    "a description that is no text": put("a/zarr.json", bytes(range(256))),
    "a pipe as a description": beside(lambda maps: _with_pipe(maps, "zarr.json")),
    "a pipe as a chunk": beside(lambda maps: _with_pipe(maps, "c/0/0/0")),
    "a chunk that is an endless device": beside(_linked_chunk),
    "a chunk of 3 GB": beside(
        lambda maps: (v3(b"x").make(maps), sparse(maps / "a/c/0/0/0", b"x", 3 << 30))
    ),
    "a group that holds itself": beside(
        lambda maps: (put("zarr.json", b'{"zarr_format": 3, "node_type": "group"}').make(maps),
                      (maps / "a").symlink_to("."))
    ),
    "a store in a zip": zipped(
        Entry(b"a/zarr.json", json.dumps(V3 | {"shape": [3, 10**9, 10**9]}).encode()),
    ),
    "an encrypted description in a zip": zipped(
        Entry(b"a/zarr.json", json.dumps(V3).encode(), flags=1)
    ),
    "a chunk of 3 GB in a zip": zipped(
        Entry(b"a/zarr.json", json.dumps(V3).encode()),
        lambda: Entry(b"a/c/0/0/0", zeros(3072), 3 << 30, DEFLATED),
        read=2,
    ),
}  # fmt: skip
PARTLY = (
    *("a pipe as a chunk", "a chunk that is an endless device"),
    "a chunk of blosc that announces 2 GB",
)
for name in PARTLY:
    STORES[name].read = 2
