"""Stores: the only thing that passes between stages.

A part's store is a Zarr group with one array per clip; its manifest, a JSON file written last and
by rename, lists every file with size and digest. A missing shard would read as zeros without a
word, so `open_store` checks that the listed files are there, and
`python -m pipeline.stores --manifest PATH` recomputes the digests.

FRAMES   uint8   [time, y, x, channel]      RGB on the frame grid; lossless or JPEG, which the
                                            manifest says and reading need not know
FLOW     float16 [time, component, y, x]    on a quarter of the frame grid, pixels of the frame grid
                                            per frame, right and down; flow[t] goes from frame t to
                                            t+1; the last frame, and the last before a cut,
                                            repeats the one before it, or has zero flow if it is
                                            the first; estimator `image` gives every frame, and so
                                            a still image, a flow of its own
GAZE     float32 [point, column]            columns frame (0-based), x, y, observer; pixels of the
                                            frame grid, origin at the centre of the top-left pixel
DENSITY  float16 [time, y, x]               maximum 1, or 0 everywhere without gaze
SALIENCY float16 [time, y, x]               a network's map, not normalised
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from pipeline.codecs import Jpeg
from pipeline.disk import concerns, explain, of_the_disk, remove, whole
from pipeline.errors import InputError
from pipeline.stage import main

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


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _listing(store: Path) -> dict[str, list[Any]]:
    files = sorted(path for path in store.rglob("*") if path.is_file())
    return {
        path.relative_to(store).as_posix(): [path.stat().st_size, _file_digest(path)]
        for path in files
    }


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
    files = _listing(store)
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()
    content = {"kind": writer.kind.name, "codec": writer.codec, "digest": digest}
    write_json(manifest, {**content, "clips": writer.clips, "files": files})


def _told(error: BaseException, store: Path, writer: Writer | None) -> InputError | None:
    """What the store's disk refuses, as a message; said before room is made by cleaning up."""
    if isinstance(error, OSError) and of_the_disk(error) and concerns(error, store):
        return InputError(explain(error, store, writer.needed if writer else None))
    return None


def read_manifest(manifest: Path) -> dict[str, Any]:
    """A manifest as written.

    Raises:
        InputError: It is missing or not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(manifest.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{manifest}: not a manifest ({error}); rerun this target") from error
    if not isinstance(content, dict):
        raise InputError(f"{manifest}: not a manifest, which has keys; rerun this target")
    return content


def frame_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Which frames of a video a clip has, and their rate: what every manifest passes on."""
    return {key: facts[key] for key in ("first", "numbers", "rate") if key in facts}


def frame_numbers(facts: Mapping[str, Any]) -> list[int]:
    """Number of each frame of a clip in its whole video, from 1, by the facts of its manifest."""
    numbers: list[int] = list(facts.get("numbers") or [])
    first = facts.get("first") or 1
    return numbers or list(range(first, first + int(facts["shape"][0])))


@dataclass(frozen=True)
class Store:
    """A store whose manifest was checked against the files that are there."""

    kind: Kind
    path: Path
    clips: dict[str, dict[str, Any]]
    """Clip -> facts of the manifest."""
    digest: str

    def __getitem__(self, clip: str) -> zarr.Array[Any]:
        """The array of a clip, lazily; read it frame by frame or in slices."""
        if clip not in self.clips:
            raise InputError(f"{self.path}: no clip {clip}; rerun {self.path.with_suffix('.json')}")
        array = zarr.open_array(self.path / clip, mode="r")
        dimensions = getattr(array.metadata, "dimension_names", None)
        found = (str(array.dtype), dimensions, array.attrs.get("unit"))
        expected = (self.kind.dtype, self.kind.dimensions, self.kind.unit)
        if found != expected:
            raise InputError(
                f"{self.path / clip}: expected {expected}, found {found}; "
                f"rerun {self.path.with_suffix('.json')}"
            )
        return array


def open_store(kind: Kind, manifest: Path) -> Store:
    """Opens the store beside a manifest.

    Raises:
        InputError: It is of another kind, or a listed file is missing or of another size.
    """
    content = read_manifest(manifest)
    path = manifest.with_suffix(".zarr")
    if content.get("kind") != kind.name:
        raise InputError(
            f"{manifest}: expected kind {kind.name}, found {content.get('kind')!r}; "
            "name a manifest of that stage"
        )
    for name, (size, _) in content["files"].items():
        file = path / name
        found = file.stat().st_size if file.is_file() else None
        if found != size:
            state = "missing" if found is None else f"{found} bytes"
            raise InputError(f"{file}: expected {size} bytes, found {state}; rerun {manifest}")
    return Store(kind, path, content["clips"], content["digest"])


def open_parts(kind: Kind, manifests: Sequence[Path]) -> dict[str, Store]:
    """Clip -> the store of the part that holds it.

    Raises:
        InputError: Two parts hold a clip of the same name.
    """
    clips: dict[str, Store] = {}
    for manifest in manifests:
        store = open_store(kind, manifest)
        for clip in store.clips:
            if clip in clips:
                raise InputError(f"{manifest}: clip {clip} is also in {clips[clip].path}")
            clips[clip] = store
    return clips


def read_in_rust() -> None:
    """From now on this process opens arrays that are read by zarrs, in half the time.

    Only for a process that will fork no more: zarrs's threads do not outlive a fork. Frames kept as
    JPEG are read as before.
    """
    warnings.filterwarnings("ignore", "Array is unsupported by ZarrsCodecPipeline")
    path = "zarrs.ZarrsCodecPipeline"
    zarr.config.set({"codec_pipeline.path": path, "threading.max_workers": 1})


def stores(*, manifest: list[Path]) -> None:
    """Recomputes the digest of every file that the manifests list."""
    for path in manifest:
        content = read_manifest(path)
        found = _listing(path.with_suffix(".zarr"))
        wrong = sorted(
            name
            for name in content["files"].keys() | found.keys()
            if content["files"].get(name) != found.get(name)
        )
        if wrong:
            raise InputError(f"{path}: {', '.join(wrong[:5])} differ from it; rerun this target")
        print(f"{path}: {len(found)} files as written")


if __name__ == "__main__":
    main(stores)
