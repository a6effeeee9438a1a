"""What lies at a path: a folder, a zip, a Zarr store, or one file."""

import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.evaluation.external_maps.containers import Container, Folder, regular
from pipeline.evaluation.external_maps.films_and_arrays import ArrayStack, Stack
from pipeline.evaluation.external_maps.findings import in_short, printable
from pipeline.evaluation.external_maps.zarr_arrays import (
    DESCRIPTION,
    MARKS,
    described,
    packed_by,
    refuse_sizes,
)
from pipeline.evaluation.external_maps.zips import Zip
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.manifests import frame_numbers, read_manifest
from pipeline.stores.reading import Store, open_store


@dataclass
class _Ours(Container):
    """A store with a manifest, which may still come from others."""

    suffixes = frozenset()

    def __init__(self, root: Path, store: Store) -> None:
        super().__init__(root)
        self._store = store

    def files(self) -> Iterator[str]:
        """Yield the names of the clips."""
        return iter(sorted(self._store.clips))

    def content(self, name: str) -> bytes:
        """Return all bytes of a file."""
        return Folder(self.root).content(name)

    def stack(self, name: str) -> Stack:
        """Open the array of a clip."""
        _, description = described(lambda key: self.content(f"{name}/{key}"))
        packed_by(description)
        array = self._store[name]
        refuse_sizes(array)
        return ArrayStack(array, frame_numbers(self._store.clips[name]))


def open_container(path: Path) -> Container:
    """Open what lies at a path; a single file or array is a folder with nothing else in it.

    Raises:
        InputError: Nothing does, or what is neither folder nor file, or a store of ours that is not
            whole.
    """
    if path.name in ("", ".."):
        path = path.resolve()
    if path.suffix == ".json" and path.with_suffix(".zarr").is_dir():
        return _ours(path.with_suffix(".zarr"))
    try:
        mode = path.stat().st_mode
        marks = [mark for mark in MARKS if stat.S_ISDIR(mode) and (path / mark).is_file()]
        zipped = stat.S_ISREG(mode) and zipfile.is_zipfile(path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{printable(str(path))}: no such folder or file; name the folder, zip or store of maps"
        ) from None
    except OSError as error:
        raise InputError(
            f"{printable(str(path))}: cannot be read ({in_short(error)}); name a folder, zip or "
            "store of maps that can"
        ) from None
    if marks and path.with_suffix(".json").is_file():
        return _ours(path)
    if marks:
        folder = Folder(path.parent, only=path.name)
        if marks[0] in MARKS[:2]:
            with regular(path / marks[0]) as file:
                folder.describe(path.name, file.read(DESCRIPTION + 1))
        return folder if folder.arrays else Folder(path)
    if stat.S_ISDIR(mode):
        return Folder(path)
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{printable(str(path))}: neither a folder nor a regular file, so it is not opened; "
            "name a folder, zip or store of maps"
        )
    if zipped or path.suffix.lower() == ".zip":
        return Zip(path)
    return Folder(path.parent, only=path.name)


_KINDS: Final = {kind.name: kind for kind in (SALIENCY, DENSITY)}


def _ours(path: Path) -> Container:
    manifest = path.with_suffix(".json")
    kind = _KINDS.get(read_manifest(manifest).get("kind", ""), SALIENCY)
    return _Ours(path, open_store(kind, manifest))
