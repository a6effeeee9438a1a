"""Folders, zips and Zarr groups: the names in them, and the content of each."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Final, Protocol

import zarr

from pipeline.evaluation.external_maps.films_and_arrays import (
    ArrayStack,
    Stack,
    film,
    mapped_array,
    packed_array,
)
from pipeline.evaluation.external_maps.findings import MapError, in_short
from pipeline.runtime.errors import InputError
from pipeline.stores.kinds import DENSITY, SALIENCY
from pipeline.stores.manifests import frame_numbers, read_manifest
from pipeline.stores.reading import Store, open_store

FILMS: Final = frozenset((".mp4", ".avi"))
_SINGLE: Final = frozenset((".npy", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
DEEPEST: Final = 8
"""Folders below each other, at most: a link may lead back up."""
_HIDDEN: Final = (".", "__MACOSX")


class Container(Protocol):
    """A folder, zip or Zarr group."""

    root: Path
    suffixes: frozenset[str] = _SINGLE | FILMS
    """Of the files that can be maps; none where every name is an array's."""

    def files(self) -> Iterator[str]:
        """Yield the names of all files, or arrays, with / between folders."""

    def label(self, name: str) -> str:
        """Return what a finding calls a file."""
        return str(self.root / name)

    def content(self, name: str) -> bytes:
        """Return all bytes of a file."""
        return (self.root / name).read_bytes()

    def stack(self, name: str) -> Stack:
        """Open a film or array."""


@dataclass
class _Folder(Container):
    root: Path
    only: str | None = None
    """The one file that is meant."""

    def files(self) -> Iterator[str]:
        return iter([self.only]) if self.only else self._below("", DEEPEST)

    def _below(self, folder: str, depth: int) -> Iterator[str]:
        # No stat per file: scandir knows what is a folder.
        with os.scandir(self.root / folder) as entries:
            for entry in entries:
                if entry.name.startswith(_HIDDEN):
                    continue
                name = f"{folder}{entry.name}"
                if not entry.is_dir() or name.endswith(".zarr"):
                    yield name
                elif depth:
                    yield from self._below(f"{name}/", depth - 1)

    def stack(self, name: str) -> Stack:
        path = self.root / name
        return film(path) if path.suffix.lower() in FILMS else mapped_array(path)


@dataclass
class _Zip(Container):
    root: Path
    _names: dict[str, str] = field(default_factory=dict)
    """Names with / between folders -> as the zip has them, where that differs."""
    suffixes = _SINGLE

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.root)
        except zipfile.BadZipFile as error:
            raise InputError(f"{self.root}: not a whole zip ({error}); make it again") from None

    def files(self) -> Iterator[str]:
        for given in self._archive.namelist():
            name = given.replace("\\", "/")
            if name != given:
                self._names[name] = given
            hidden = any(part.startswith(_HIDDEN) for part in name.split("/"))
            if not (hidden or name.endswith("/")):
                yield name

    def label(self, name: str) -> str:
        return f"{self.root}!{name}" if name else str(self.root)

    def _open(self, name: str) -> IO[bytes]:
        return self._archive.open(self._names.get(name, name))

    def content(self, name: str) -> bytes:
        with self._open(name) as file:
            return file.read()

    def stack(self, name: str) -> Stack:
        return packed_array(partial(self._open, name))


@dataclass
class _Zarr(Container):
    root: Path
    store: Store | None
    """Ours, with a manifest."""
    suffixes = frozenset()

    def files(self) -> Iterator[str]:
        if self.store:
            return iter(sorted(self.store.clips))
        return iter(sorted(zarr.open_group(self.root, mode="r").array_keys()))

    def stack(self, name: str) -> Stack:
        array = self.store[name] if self.store else zarr.open_array(self.root / name, mode="r")
        if array.ndim not in (3, 4):
            raise MapError("not_a_map", f"an array of shape {array.shape}")
        return ArrayStack(array, frame_numbers(self.store.clips[name]) if self.store else None)


def open_container(path: Path) -> Container:
    """Open what lies at a path; a single file is a folder with nothing else in it.

    Raises:
        InputError: Nothing does, or a Zarr array, or a store of ours that is not whole.
    """
    if path.suffix == ".json" and path.with_suffix(".zarr").is_dir():
        return _zarr(path.with_suffix(".zarr"))
    if path.is_dir():
        marks = ("zarr.json", ".zgroup", ".zarray")
        return _zarr(path) if any((path / mark).is_file() for mark in marks) else _Folder(path)
    if not path.exists():
        raise InputError(f"{path}: no such folder or file; name the folder, zip or store of maps")
    if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
        return _Zip(path)
    return _Folder(path.parent, path.name)


def _zarr(path: Path) -> Container:
    manifest = path.with_suffix(".json")
    if manifest.is_file():
        kinds = {kind.name: kind for kind in (SALIENCY, DENSITY)}
        kind = kinds.get(read_manifest(manifest).get("kind", ""), SALIENCY)
        return _Zarr(path, open_store(kind, manifest))
    try:
        zarr.open_group(path, mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not a Zarr group with an array [time, y, x] per clip ({in_short(error)}); "
            "save one, or name the group that holds the arrays"
        ) from None
    return _Zarr(path, None)
