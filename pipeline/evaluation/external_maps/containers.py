"""What holds maps: the names in it, and the content of each; folders here, zips in `zips`."""

import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, ClassVar, Final

from pipeline.evaluation.external_maps.decoding import MOST
from pipeline.evaluation.external_maps.films_and_arrays import Stack, film, mapped_array
from pipeline.evaluation.external_maps.findings import MapError, in_short
from pipeline.evaluation.external_maps.zarr_arrays import DESCRIPTION, MARKS, axes, zarr_stack
from pipeline.runtime.errors import InputError

FILMS: Final = frozenset((".mp4", ".avi"))
SINGLE: Final = frozenset((".npy", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
DEEPEST: Final = 8
"""Folders below each other, at most."""
HIDDEN: Final = (".", "__MACOSX")
_ENTRIES: Final = 2_000_000
"""Files and folders that are looked at: four times the frames of the largest dataset."""
_SECONDS: Final = 300
"""Time within which they must be found, on the slowest disk."""
_ARRAYS: Final = 20_000
"""Zarr arrays, at most: each has a description to be read."""
_LINKS: Final = "links to folders; put the maps there themselves, or name the folder as MAPS"
_UNLISTED: Final = "folders that cannot be listed; change their permissions"
_SPECIAL: Final = "pipes, devices, or links to nothing; replace them by files"
_DEEPER: Final = f"folders below more than {DEEPEST} others; name the one that holds the maps"


@dataclass
class Container(ABC):
    """A folder, zip or store."""

    root: Path
    passed: dict[str, list[str]] = field(default_factory=dict)
    """What is not opened, and the remedy -> names; complete after `files`."""
    arrays: dict[str, int] = field(default_factory=dict)
    """Names among `files` that are Zarr arrays -> their axes."""
    suffixes: ClassVar[frozenset[str]] = SINGLE | FILMS
    """Of the files that can be maps; none where every name is an array's."""

    @abstractmethod
    def files(self) -> Iterator[str]:
        """Yield the names of all files and Zarr arrays, with / between folders.

        Raises:
            InputError: There are too many, or it cannot be opened.
        """

    def label(self, name: str) -> str:
        """Return what a finding calls a file."""
        return str(self.root / name)

    @abstractmethod
    def content(self, name: str) -> bytes:
        """Return all bytes of a file.

        Raises:
            MapError: It is no regular file, or too large for a map.
        """

    @abstractmethod
    def stack(self, name: str) -> Stack:
        """Open a film or array.

        Raises:
            MapError: It is none, or too large.
        """

    def pass_over(self, reason: str, name: str) -> None:
        """Note that something is not opened."""
        self.passed.setdefault(reason, []).append(name)

    def describe(self, folder: str, description: bytes) -> None:
        """Note a Zarr array, if that is what the folder is.

        Raises:
            InputError: There are too many.
        """
        if (number := axes(description)) is None:
            return
        self.arrays[folder] = number
        if len(self.arrays) > _ARRAYS:
            raise InputError(f"{self.root}: more than {_ARRAYS:,} Zarr arrays; save one per clip")


@dataclass
class Folder(Container):
    """A folder, or a single file or array in it."""

    only: str | None = None
    """The one file that is meant."""
    _looked: int = 0
    _until: float = 0.0

    def files(self) -> Iterator[str]:
        """Yield the names of all regular files and Zarr arrays; no link leads to a folder."""
        self._until = time.monotonic() + _SECONDS
        return iter([self.only]) if self.only else self._below("", DEEPEST)

    def _below(self, folder: str, depth: int) -> Iterator[str]:
        entries = self._entries(folder)
        names = {entry.name for entry in entries}
        for mark in names.intersection(MARKS[:2]):
            try:
                with regular(self.root / folder / mark) as file:
                    self.describe(folder[:-1], file.read(DESCRIPTION + 1))
            except (OSError, MapError):
                self.pass_over(_SPECIAL, folder + mark)
        if folder[:-1] in self.arrays:
            yield folder[:-1]
            return
        for entry in entries:
            if entry.name.startswith(HIDDEN) or entry.name in MARKS:
                continue
            name = f"{folder}{entry.name}"
            if reason := _unopened(entry):
                self.pass_over(reason, name)
            elif not entry.is_dir() or f"{entry.name.removesuffix('.zarr')}.json" in names:
                yield name  # beside a store of ours lies its manifest
            elif depth:
                yield from self._below(f"{name}/", depth - 1)
            else:
                self.pass_over(_DEEPER, name)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as scanned:
                entries = list(islice(scanned, _ENTRIES - self._looked + 1))
        except OSError as error:
            if not folder:
                raise InputError(f"{self.root}: cannot be listed ({in_short(error)})") from None
            self.pass_over(_UNLISTED, folder)
            return []
        self._looked += len(entries)
        if self._looked > _ENTRIES or time.monotonic() > self._until:
            raise InputError(
                f"{self.root}: more files and folders than are looked at ({_ENTRIES:,}, or those "
                f"of {_SECONDS} seconds); name the folder that holds the maps alone"
            )
        return entries

    def content(self, name: str) -> bytes:
        """Return all bytes of a file."""
        with regular(self.root / name) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST:
                raise MapError("too_large", f"a file of {size} bytes")
            return file.read(size)

    def stack(self, name: str) -> Stack:
        """Open a film or array."""
        path = self.root / name
        if name in self.arrays:
            return zarr_stack(lambda key: self.content(f"{name}/{key}"))
        with regular(path) as file:
            return film(path) if path.suffix.lower() in FILMS else mapped_array(file)


def regular(path: Path) -> IO[bytes]:
    """Open a regular file to be read, without waiting for what is none.

    Raises:
        MapError: It is a folder, pipe, socket or device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise MapError("truncated", "no regular file")


def _unopened(entry: os.DirEntry[str]) -> str:
    """Why an entry of a folder is not opened; empty if it is a folder or a regular file."""
    # No stat per file: scandir knows what is a folder and what a link.
    try:
        if entry.is_symlink() and entry.is_dir():
            return _LINKS
        return "" if entry.is_dir() or entry.is_file() else _SPECIAL
    except OSError:
        return _SPECIAL
