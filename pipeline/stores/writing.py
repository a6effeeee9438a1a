"""Writing a store: clip by clip in whole shards, and its manifest last."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import concerns, explain, of_the_disk, remove
from pipeline.stores.kinds import DENSITY, ENCODINGS, FRAMES, POINTS, SHARD, SMOOTH, Codec, Kind
from pipeline.stores.manifests import list_files, write_manifest


class Writer:
    """Writes the arrays of a store, clip by clip."""

    def __init__(self, kind: Kind, store: Path, codec: Codec) -> None:
        if codec != "lossless" and kind is not FRAMES:
            raise ValueError(f"{kind.name}: {codec} is for frames")
        self.kind = kind
        self.codec = codec
        self.pending = 0
        """Bytes of the block that is being written, before compression."""
        self.left_out: dict[str, str] = {}
        """Clip that is left out -> why; those of the stage before this one belong to them."""
        self.clips: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, str] = {}
        """Name of what the store is made from -> its digest, for the manifest."""
        self._framed = kind.dimensions[0] == "time"
        self._group = zarr.create_group(store, overwrite=True)

    def _create(self, clip: str, shape: tuple[int, ...], chunk: int) -> zarr.Array[Any]:
        return self._group.create_array(
            clip,
            shape=(0, *shape),
            dtype=self.kind.dtype,
            chunks=(1 if self._framed else chunk, *shape),
            shards=(SHARD, *shape) if self._framed else None,
            dimension_names=self.kind.dimensions,
            attributes={"unit": self.kind.unit},
            # Otherwise a chunk of zeros has no file, which looks the same as a lost one.
            config={"write_empty_chunks": True},
            **(SMOOTH if self.kind is DENSITY else ENCODINGS[self.codec]),
        )

    def add(self, clip: str, blocks: Iterable[NDArray[Any]], **facts: Any) -> int:
        """Write one clip from blocks of frames (or gaze points); return the number of these.

        Blocks may have any length: those of a long video are gathered into whole shards as they
        come. Facts are JSON values for the manifest: what the clip is made of, what was dropped.

        Raises:
            InputError: There is no block, or the clip has the name of a store's own file.
        """
        if clip == "zarr.json":
            raise InputError(
                f"{self.kind.name}: no clip can be called {clip}, which is a file of every store; "
                "rename its raw files and its row of the split sheet"
            )
        array: zarr.Array[Any] | None = None
        # Before they are gathered, when float64 would take four times the memory.
        blocks = (_converted(block, self.kind.dtype) for block in blocks)
        for block in _whole_shards(blocks) if self._framed else [np.concatenate(list(blocks))]:
            if array is None:
                array = self._create(clip, block.shape[1:], min(max(1, len(block)), POINTS))
            start = array.shape[0]
            array.resize((start + len(block), *block.shape[1:]))
            self.pending = block.nbytes
            array[start:] = block
        if array is None:
            raise InputError(f"{self.kind.name}: clip {clip} has nothing to write")
        self.clips[clip] = {"shape": list(array.shape), **facts}
        return int(array.shape[0])

    def leave_out(self, clip: str, reason: str) -> None:
        """Take back what was written of a clip that turned out to be damaged, and say why."""
        if clip in self._group:
            del self._group[clip]
        self.left_out[clip] = " ".join(reason.split())
        print(f"{clip}: left out: {reason}")


def _converted(block: NDArray[Any], dtype: str) -> NDArray[Any]:
    """`block.astype(dtype)`, to float16 in a tenth of the time where many values are tiny.

    NumPy raises the flag of an underflow, a call, for each value that float16 holds only as a
    denormal number and not exactly. Here they become multiples of the least of these before.
    """
    if dtype != "float16" or block.dtype not in ("float32", "float64"):
        return block.astype(dtype)
    # Adding a number of this exponent rounds half to even, to multiples of 2^-24, as float16 does.
    shift = block.dtype.type(1.5 * 2.0 ** (np.finfo(block.dtype).nmant - 24))
    rounded: NDArray[Any] = block + shift
    rounded -= shift
    np.copysign(rounded, block, out=rounded)
    # From 2^-14 on float16 has exponents.
    np.copyto(rounded, block, where=~(np.abs(block) < 2.0**-14))
    return rounded.astype(dtype)


def _whole_shards(blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Join the blocks and cut them into SHARD frames each; the last may be shorter."""
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
    # Blocks without a frame make an array of length 0, but no empty shard behind whole ones.
    if held and (count or first):
        yield np.concatenate(held)


@contextmanager
def write_store(
    kind: Kind,
    store: Path,
    manifest: Path,
    settings: Mapping[str, Any],
    codec: Codec = "lossless",
) -> Iterator[Writer]:
    """Write a store and, when all of it is there, its manifest; after an error neither is left.

    The settings are the sections of config.yaml that the stage was given, as a function of
    `pipeline.stores.settings` returns them. The stage adds what it reads to the writer's `inputs`.

    Raises:
        InputError: The disk is full or read-only, or a file is in the way.
    """
    writer: Writer | None = None
    try:
        manifest.unlink(missing_ok=True)
        if store.exists():
            shutil.rmtree(store)
        writer = Writer(kind, store, codec)
        yield writer
        files = list_files(store)
        if lost := [clip for clip in writer.clips if f"{clip}/zarr.json" not in files]:
            raise InputError(f"{store}: {lost[0]} was removed while others were written; rerun it")
        write_manifest(
            manifest,
            kind=kind.name,
            codec=codec,
            clips=writer.clips,
            left_out=writer.left_out,
            files=files,
            settings=dict(settings),
            inputs=writer.inputs,
        )
    except BaseException as error:
        message = _disk_message(error, store, writer)
        remove(manifest)
        shutil.rmtree(store, ignore_errors=True)
        if message is not None:
            raise InputError(message) from error
        raise


def _disk_message(error: BaseException, store: Path, writer: Writer | None) -> str | None:
    """Message for an error of the store's disk; None for any other error.

    It is built before the partial store is removed, so that the free space it reports is true.
    """
    if isinstance(error, OSError) and of_the_disk(error) and concerns(error, store):
        return explain(error, store, writer.pending if writer else None)
    return None
