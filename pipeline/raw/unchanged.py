"""Raw files that must not change while they are read, and a digest of what was read."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pipeline.runtime.errors import InputError
from pipeline.stores.seals import digest_of, file_digest


class _State(NamedTuple):
    """What changes when a file is written or replaced."""

    size: int
    modified: int
    inode: int


class Unchanged:
    """A block in which files are read, and after which they must be what they were before.

    `digest` is then that of their contents, in the order given.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = list(files)
        self.digest = ""

    def __enter__(self) -> Self:
        self._before = [_state(file) for file in self._files]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Compare the files.

        Raises:
            InputError: One was replaced, written or removed, whatever error that led to.
        """
        if kind is None:
            # Files that several clips share are hashed once.
            with suppress(OSError):  # then it is another file than before
                self.digest = contents(self._files)
        elif not issubclass(kind, Exception):
            return
        for file, state in zip(self._files, self._before, strict=True):
            if _state(file) != state:
                raise InputError(
                    f"{file}: changed while it was read; rerun, once nothing writes to it any more"
                ) from error


def contents(files: Iterable[Path]) -> str:
    """Return the digest of files' contents, in the order given; each is read once as it is.

    Raises:
        OSError: One cannot be read.
    """
    return digest_of("\n".join(_digest(file, _state(file)) for file in files).encode())


def _state(file: Path) -> _State | None:
    """None if there is no such file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return _State(found.st_size, found.st_mtime_ns, found.st_ino)


@cache
def _digest(file: Path, _state: _State | None) -> str:
    return file_digest(file)
