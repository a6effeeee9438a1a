"""Writing."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import concerns, explain, of_the_disk, remove, whole
from pipeline.stores.kinds import ENCODINGS, FRAMES, POINTS, SHARD, Codec, Kind, files_of


def write_json(path: Path, value: object) -> None:
    """Writes a JSON file that is either whole or not there."""
    with whole(path) as partial:
        partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


class Writer:
    """Writes the arrays of a store, clip by clip."""

    def __init__(self, kind: Kind, store: Path, codec: Codec) -> None:
        if codec != "lossless" and kind is not FRAMES:
            raise ValueError(f"{kind.name}: {codec} is for frames")
        self.kind = kind
        self.codec = codec
        self.needed = 0
        """Bytes that are being written, at most."""
        self.clips: dict[str, dict[str, Any]] = {}
        self._group = zarr.create_group(store, overwrite=True)

    def _create(self, clip: str, shape: tuple[int, ...], chunk: int) -> zarr.Array[Any]:
        framed = self.kind.dimensions[0] == "time"
        return self._group.create_array(
            clip,
            shape=(0, *shape),
            dtype=self.kind.dtype,
            chunks=(1 if framed else chunk, *shape),
            shards=(SHARD, *shape) if framed else None,
            dimension_names=self.kind.dimensions,
            attributes={"unit": self.kind.unit},
            config={"write_empty_chunks": True},
            **ENCODINGS[self.codec],
        )

    def add(self, clip: str, blocks: Iterable[NDArray[Any]], **facts: Any) -> int:
        """Writes one clip.

        Args:
            clip: Its name.
            blocks: Pieces along the first dimension, of any length: the pieces of a long video are
                gathered into whole shards as they come.
            facts: JSON values for the manifest: what the clip is made of, what was dropped.

        Returns:
            The number of frames (or gaze points) written.
        """
        array: zarr.Array[Any] | None = None
        framed = self.kind.dimensions[0] == "time"
        for block in _whole_shards(blocks) if framed else [np.concatenate(list(blocks))]:
            if array is None:
                array = self._create(clip, block.shape[1:], min(max(1, len(block)), POINTS))
            start = array.shape[0]
            array.resize((start + len(block), *block.shape[1:]))
            content = block.astype(self.kind.dtype)
            self.needed = content.nbytes
            array[start:] = content
        if array is None:
            raise InputError(f"{self.kind.name}: clip {clip} has nothing to write")
        self.clips[clip] = {"shape": list(array.shape), **facts}
        return int(array.shape[0])


def _whole_shards(blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    held: list[NDArray[Any]] = []
    count = 0
    first = True
    for block in blocks:
        held.append(block)
        count += len(block)
        while count >= SHARD:
            joined = np.concatenate(held)
            yield joined[:SHARD]
            first = False
            held, count = [joined[SHARD:]], count - SHARD
    if held and (count or first):
        yield np.concatenate(held)


@contextmanager
def write_store(
    kind: Kind, store: Path, manifest: Path, codec: Codec = "lossless"
) -> Iterator[Writer]:
    """Writes a store and, when all of it is there, its manifest; after an error neither is left.

    Raises:
        InputError: The disk is full, read-only, or laid out otherwise.
    """
    writer: Writer | None = None
    try:
        manifest.unlink(missing_ok=True)
        if store.exists():
            shutil.rmtree(store)
        writer = Writer(kind, store, codec)
        yield writer
        _finish(writer, store, manifest)
    except BaseException as error:
        told = _told(error, store, writer)
        remove(manifest)
        shutil.rmtree(store, ignore_errors=True)
        if told is not None:
            raise told from error
        raise


def _finish(writer: Writer, store: Path, manifest: Path) -> None:
    files = files_of(store)
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    content = {"kind": writer.kind.name, "codec": writer.codec, "digest": digest}
    write_json(manifest, {**content, "clips": writer.clips, "files": files})


def _told(error: BaseException, store: Path, writer: Writer | None) -> InputError | None:
    """What the store's disk refuses, as a message; said before room is made by cleaning up."""
    if isinstance(error, OSError) and of_the_disk(error) and concerns(error, store):
        return InputError(explain(error, store, writer.needed if writer else None))
    return None
