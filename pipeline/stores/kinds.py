"""Kinds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from zarr.codecs import Crc32cCodec, ZstdCodec

from pipeline.stores.jpeg import Jpeg

SHARD = 32
"""Frames in a shard file; the chunk is one frame. Whole shards are written, in order."""

Codec = Literal["lossless", "jpeg95"]
"""How chunks are compressed. Each has a checksum, so that a flipped bit raises."""
ENCODINGS: dict[Codec, dict[str, Any]] = {
    "lossless": {"compressors": [ZstdCodec(level=3, checksum=True)]},
    "jpeg95": {"serializer": Jpeg(quality=95), "compressors": [Crc32cCodec()]},
}


class Kind(NamedTuple):
    """What an array of a store must be."""

    name: str
    dtype: str
    dimensions: tuple[str, ...]
    unit: str


FRAMES = Kind("frames", "uint8", ("time", "y", "x", "channel"), "RGB level")
FLOW = Kind("flow", "float16", ("time", "component", "y", "x"), "frame-grid pixel / frame")
POINTS = 65536
"""Gaze points in a chunk, at most."""
GAZE = Kind("gaze", "float32", ("point", "column"), "frame, frame-grid pixel, observer")
DENSITY = Kind("density", "float16", ("time", "y", "x"), "1")
SALIENCY = Kind("saliency", "float16", ("time", "y", "x"), "1")


def file_digest(path: Path) -> str:
    """First 32 hex digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def files_of(store: Path) -> dict[str, list[Any]]:
    """Size in bytes and digest of every file of a store, by its path below the store."""
    files = sorted(path for path in store.rglob("*") if path.is_file())
    return {
        path.relative_to(store).as_posix(): [path.stat().st_size, file_digest(path)]
        for path in files
    }


def frame_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Which frames of a video a clip has, and their rate: what every manifest passes on."""
    return {key: facts[key] for key in ("first", "numbers", "rate") if key in facts}


def frame_numbers(facts: Mapping[str, Any]) -> list[int]:
    """Number of each frame of a clip in its whole video, from 1, by the facts of its manifest."""
    numbers: list[int] = list(facts.get("numbers") or [])
    first = facts.get("first") or 1
    return numbers or list(range(first, first + int(facts["shape"][0])))
