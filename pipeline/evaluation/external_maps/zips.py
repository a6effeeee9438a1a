"""Zips of maps, of which nothing is ever written to the disk."""

import io
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Final

from pipeline.evaluation.external_maps.containers import HIDDEN, SINGLE, Container
from pipeline.evaluation.external_maps.decoding import MOST
from pipeline.evaluation.external_maps.films_and_arrays import Stack, packed_array
from pipeline.evaluation.external_maps.findings import MapError, decodable, in_short
from pipeline.evaluation.external_maps.unpacking import read_up_to
from pipeline.evaluation.external_maps.zarr_arrays import DESCRIPTION, MARKS, zarr_stack
from pipeline.runtime.errors import InputError

_DIRECTORY: Final = 64 * 2**20
"""Bytes of a zip's list of entries, at most; one of a million names of usual length."""
_LONGEST: Final = 255
"""Letters of a name, at most: more than a disk takes."""
_OUTWARD: Final = "paths that lead out of the zip, or links; zip the maps again without them"
_LONG: Final = f"names of more than {_LONGEST} letters; shorten them"
_TWICE: Final = "names that several entries have; zip the maps again, each once"
_ENCRYPTED: Final = 0x1
_UTF_8: Final = 0x800
"""Flags of an entry that is encrypted, and of one whose name is UTF-8."""


class _File(io.BufferedReader):
    """A file that refuses to be read in pieces of more than a directory may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile(f"{size} bytes of names")
        return super().read(size)


@dataclass
class Zip(Container):
    """A zip of pictures, arrays and Zarr arrays."""

    suffixes = SINGLE
    _entries: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    """Names with / between folders -> entries."""

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_File(io.FileIO(self.root)))
        except PermissionError:
            raise
        # A list of entries that is not whole raises whatever zipfile stumbles over.
        except Exception as error:
            raise InputError(
                f"{self.root}: not a whole zip ({in_short(error)}); make it again"
            ) from None

    def files(self) -> Iterator[str]:
        """Yield the names of all entries, and of Zarr arrays instead of what lies in them."""
        entries = [info for info in self._archive.infolist() if not info.is_dir()]
        named = [(name, info) for info in entries if (name := _name(info))]
        counts = Counter(name for name, _ in named)
        for name, info in named:
            # Zarr writes a file again behind itself, and reads the last; nobody else does.
            twice = counts[name] > 1 and Path(name).suffix.lower() in SINGLE
            if reason := _outside(name, info) or (_TWICE if twice else ""):
                self.pass_over(reason, name)
            else:
                self._entries[name] = info
        for name, info in self._entries.items():
            folder, _, mark = name.rpartition("/")
            if folder and mark in MARKS[:2] and info.file_size <= DESCRIPTION:
                with suppress(MapError), decodable():
                    self.describe(folder, self.content(name))
        yield from self.arrays
        for name in self._entries:
            if not (name.rpartition("/")[2] in MARKS or (self.arrays and self._in_array(name))):
                yield name

    def _in_array(self, name: str) -> bool:
        above = (place for place, letter in enumerate(name) if letter == "/")
        return any(name[:place] in self.arrays for place in (0, *above))

    def label(self, name: str) -> str:
        """Return what a finding calls an entry."""
        return f"{self.root}!{name}" if name else str(self.root)

    def content(self, name: str) -> bytes:
        """Return all bytes of an entry; more than it announces are never unpacked."""
        size = self._entries[name].file_size
        if size > MOST:
            raise MapError("too_large", f"an entry of {size} bytes")
        with self._open(name) as file:
            return read_up_to(file, size)

    def _open(self, name: str) -> IO[bytes]:
        entry = self._entries[name]
        if entry.flag_bits & _ENCRYPTED:
            raise MapError("truncated", "an encrypted entry: zip it without a password")
        return self._archive.open(entry)

    def stack(self, name: str) -> Stack:
        """Open an array."""
        if name in self.arrays:
            return zarr_stack(partial(self._below, name))
        return packed_array(partial(self._open, name), self._entries[name].file_size)

    def _below(self, folder: str, key: str) -> bytes:
        name = f"{folder}/{key}" if folder else key
        if name not in self._entries:
            raise FileNotFoundError(name)
        return self.content(name)


def _name(info: zipfile.ZipInfo) -> str:
    """The name of an entry with / between folders; empty if it is hidden.

    Programs of macOS write UTF-8 without the flag that says so.
    """
    name = info.filename.replace("\\", "/")
    if not info.flag_bits & _UTF_8 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    parts = [part for part in name.split("/") if part != "."]
    hidden = any(part.startswith(HIDDEN) and part not in (*MARKS, "..") for part in parts)
    return "" if hidden else "/".join(parts)


def _outside(name: str, info: zipfile.ZipInfo) -> str:
    """Why an entry is not read, by its name and kind; empty if it is."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or stat.S_ISLNK(info.external_attr >> 16):
        return _OUTWARD
    return _LONG if max(map(len, parts)) > _LONGEST else ""
