"""Stores: the only thing that passes between stages.

A part's store is a Zarr group with one array per clip; its manifest, a JSON file written last and
by rename, lists every file with size and digest. A missing shard would read as zeros without a
word, so `open_store` checks that the listed files are there, and
`python -m pipeline.stores.verify --manifest PATH` recomputes the digests.

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

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr

from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import Kind


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
