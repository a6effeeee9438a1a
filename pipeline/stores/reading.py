"""Opening stores, the only thing that passes between two stages.

A part's store is a Zarr group with one array per clip. A missing shard would read as zeros without
a word, so `open_store` checks that every file which the manifest lists is there with its size, and
small ones, such as Zarr's own metadata, by their digests; `python -m pipeline.stores.verify`
computes all digests.
"""

import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.runtime.errors import InputError
from pipeline.runtime.files import of_the_disk
from pipeline.stores.kinds import Kind
from pipeline.stores.manifests import left_out, read_manifest
from pipeline.stores.seals import file_digest, name_of, rerun

_SMALL = 65_536
"""Bytes up to which a file's digest costs little more than its size: some 0.05 ms."""
_AHEAD = 8 << 20
"""Bytes of frames that are read at once: a dozen maps of 640x480."""


@dataclass(frozen=True)
class Store:
    """A store whose files were checked against its manifest."""

    kind: Kind
    path: Path
    clips: dict[str, dict[str, Any]]
    """Clip -> its facts in the manifest."""
    digest: str
    left_out: dict[str, str]
    """Clip of the part that a job left out -> why."""

    @property
    def manifest(self) -> Path:
        """The manifest beside the store."""
        return self.path.with_suffix(".json")

    def __getitem__(self, clip: str) -> zarr.Array[Any]:
        """The array of a clip, not yet read; read it frame by frame or in slices.

        Raises:
            InputError: There is no such clip, or its array cannot be opened or is not of the
                store's kind.
        """
        if clip not in self.clips:
            raise InputError(f"{self.path}: no clip {clip}; {rerun(self.manifest)}")
        try:
            array = zarr.open_array(self.path / clip, mode="r")
        except Exception as error:  # Zarr and its codecs raise anything on damaged metadata
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise InputError(
                f"{self.path / clip}: no array that can be read ({reason}); {rerun(self.manifest)}"
            ) from error
        dimensions = getattr(array.metadata, "dimension_names", None)
        found = (str(array.dtype), dimensions, array.attrs.get("unit"))
        expected = (self.kind.dtype, self.kind.dimensions, self.kind.unit)
        if found != expected or list(array.shape) != self.clips[clip].get("shape"):
            raise InputError(
                f"{self.path / clip}: expected {expected}, found {found} of {list(array.shape)}; "
                f"{rerun(self.manifest)}"
            )
        return array

    def frames_at(self, clip: str, indices: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Yield some frames of a clip.

        Neighbours are read together: a call of Zarr takes as long as decoding a frame or two.

        Raises:
            InputError: The array cannot be opened, or a frame is damaged.
        """
        array = self[clip]
        most = max(1, _AHEAD // max(1, array.nbytes // max(1, array.shape[0])))
        for start, stop in _runs(indices, most):
            try:
                block = np.asarray(array[start:stop])
            except (OSError, RuntimeError, ValueError) as error:  # what damaged chunks raise
                if isinstance(error, OSError) and of_the_disk(error):
                    raise
                raise InputError(
                    f"{self.path / clip}: frames {start + 1} to {stop} cannot be read ({error}); "
                    f"{rerun(self.manifest)}"
                ) from error
            yield from block


def _runs(indices: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Cut indices into runs of at most `most` neighbours, each as its first and the one behind."""
    first = 0
    for end in range(1, len(indices) + 1):
        apart = end == len(indices) or indices[end] != indices[end - 1] + 1
        if apart or end - first == most:
            yield indices[first], indices[end - 1] + 1
            first = end


def open_store(kind: Kind, manifest: Path) -> Store:
    """Open the store beside a manifest.

    Raises:
        InputError: It is of another kind, or a listed file is missing, of another size or, if it is
            small, of another content.
    """
    content = read_manifest(manifest)
    path = manifest.with_suffix(".zarr")
    if content["kind"] != kind.name:
        raise InputError(
            f"{manifest}: expected kind {kind.name}, found {content['kind']!r}; "
            "name a manifest of that stage"
        )
    for name, (size, digest) in content["files"].items():
        file = path / name
        found = file.stat().st_size if file.is_file() else None
        if found != size:
            state = "missing" if found is None else f"{found} bytes"
            raise InputError(f"{file}: expected {size} bytes, found {state}; {rerun(manifest)}")
        if size <= _SMALL and file_digest(file) != digest:
            raise InputError(f"{file}: changed since it was written; {rerun(manifest)}")
    return Store(kind, path, content["clips"], content["digest"], content["left_out"])


def named(stores: Iterable[Store]) -> dict[str, str]:
    """Names and digests of stores, as the manifest of what is made from them records its inputs."""
    return {name_of(store.manifest): store.digest for store in stores}


def open_parts(kind: Kind, manifests: Sequence[Path]) -> dict[str, Store]:
    """Open the parts of a dataset; return clip -> the store that holds it.

    Raises:
        InputError: Two parts hold a clip of the same name.
    """
    clips: dict[str, Store] = {}
    for manifest in manifests:
        store = open_store(kind, manifest)
        for clip in store.clips:
            if clip in clips:
                other = clips[clip].manifest
                raise InputError(
                    f"{manifest}: clip {clip} is also in {other}; {rerun(other, manifest)}"
                )
            clips[clip] = store
    return clips


def refuse_nothing(clips: Collection[str], manifests: Sequence[Path]) -> None:
    """Refuse the parts of a split that hold no clip.

    Raises:
        InputError: There is none; the message says why clips were left out.
    """
    if clips:
        return
    if not (gone := left_out(manifests)):
        where = manifests[0] if manifests else "no manifest given"
        raise InputError(f"{where}: no clip to work on; give stores of a split that has clips")
    clip, reason = next(iter(gone.items()))
    raise InputError(
        f"{manifests[0].parent}: no clip is left of {len(gone)}; {clip} was left out: "
        f"{reason}; mend their raw files"
    )


def read_in_rust() -> None:
    """Make this process read the arrays that it opens from now on with zarrs, in half the time.

    So do the processes that it starts. Only for a process that will not fork again: the threads of
    zarrs do not outlive a fork. Frames kept as JPEG are read as before.
    """
    # zarrs knows no JPEG and falls back to Zarr's own reader, once for each array.
    warnings.filterwarnings("ignore", "Array is unsupported by ZarrsCodecPipeline")
    path = "zarrs.ZarrsCodecPipeline"
    # The readers of a training are processes already: one thread each.
    zarr.config.set({"codec_pipeline.path": path, "threading.max_workers": 1})
    os.environ |= {"ZARR_CODEC_PIPELINE__PATH": path, "ZARR_THREADING__MAX_WORKERS": "1"}
