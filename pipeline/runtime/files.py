"""Errors of a disk as one line with the remedy, and files that are either whole or not there."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.filesize import decimal

from pipeline.runtime.errors import InputError

_MOVE = "move pathvars in config.yaml"
_moves = [_MOVE]
"""What the messages name as the way to write elsewhere."""
_OTHER_DISK = f"free space there, or {_MOVE} to another disk"
_FULL = {
    errno.ENOSPC: ("no space left on its disk", _OTHER_DISK),
    errno.EDQUOT: ("the quota of its disk is used up", _OTHER_DISK),
}
_REFUSED = {
    errno.EROFS: ("its disk is read-only", f"make it writable, or {_MOVE} to another disk"),
    errno.EACCES: ("no permission", f"change its permissions, or {_MOVE}"),
    errno.EPERM: ("no permission", f"change its permissions, or {_MOVE}"),
    errno.ENOTDIR: ("a file is where a folder should be", f"move the file away, or {_MOVE}"),
    errno.EEXIST: ("something of that name is in the way", f"move it away, or {_MOVE}"),
    errno.EISDIR: ("a folder is where a file should be", "move the folder away"),
    errno.ENOENT: ("no such file or folder", "check the path, or rerun what makes it"),
    errno.ENAMETOOLONG: ("the name is too long for its disk", _MOVE),
    errno.EFBIG: ("larger than its disk or `ulimit -f` allows", f"raise it, or {_MOVE}"),
    errno.ELOOP: ("links lead in a circle", "remove one of them"),
    errno.E2BIG: ("a command line is too long", "shorten the paths that pathvars give"),
    errno.EIO: ("its disk fails to read or write", "check the disk, then rerun"),
    errno.ESTALE: ("its network disk lost it", "rerun"),
    errno.EMFILE: ("too many open files", "raise `ulimit -n`, then rerun"),
    errno.EAGAIN: ("no further process", "raise `ulimit -u`, or give the job fewer threads"),
    errno.ENOMEM: ("not enough memory", "give the job more (mem_mb) or fewer threads"),
    errno.ENFILE: ("too many open files on this machine", "close some, then rerun"),
}


def write_elsewhere_by(remedy: str) -> None:
    """Let messages name another way to write elsewhere than `pathvars`, in all of this process."""
    _moves[:] = [remedy]


def of_the_disk(error: OSError) -> bool:
    """Whether an error is the disk's or the machine's, not the code's."""
    return error.errno in _FULL or error.errno in _REFUSED


def explain(error: OSError, path: Path, needed: int | None = None) -> str:
    """Return one line about an error that is `of_the_disk`: path, what happened, remedy.

    `path` was being read or written; at most `needed` bytes were about to be written.
    """
    where = _culprit(error, path)
    if error.errno not in _FULL:
        what, remedy = _REFUSED[error.errno or 0]
        return f"{where}: {what} ({error.strerror}); {_remedy(remedy)}"
    what, remedy = _FULL[error.errno]
    facts = _room(where) + ([f"up to {decimal(needed)} needed next"] if needed else [])
    return f"{where}: {what} ({', '.join(facts) or error.strerror}); {_remedy(remedy)}"


def _remedy(usual: str) -> str:
    return usual.replace(_MOVE, _moves[0])


def _culprit(error: OSError, path: Path) -> Path:
    """The path to blame: `path` itself for anything in it, or else the one that the error names.

    Where a file stands in the place of a folder, it is that file.
    """
    named = Path(os.fsdecode(error.filename)) if error.filename else path
    where = path if named.is_relative_to(path) else named
    if error.errno == errno.ENOTDIR:
        return next((parent for parent in where.parents if parent.is_file()), where)
    return where


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk of `path` within the block into an `InputError`.

    Errors that name a path elsewhere, such as a missing input, are raised as they are.
    """
    try:
        yield
    except OSError as error:
        if of_the_disk(error) and concerns(error, path):
            raise InputError(explain(error, path)) from error
        raise


def concerns(error: OSError, path: Path) -> bool:
    """Whether an error is about `path`, what lies in or beside it, or a folder that holds it."""
    if not error.filename or not isinstance(error.filename, (str, bytes)):
        return True
    named = Path(os.fsdecode(error.filename)).absolute()
    home = path.absolute().parent
    return named.is_relative_to(home) or home.is_relative_to(named)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` when the block ends and is removed if it fails.

    Raises:
        InputError: The disk refuses it.
    """
    partial = path.with_name(path.name + ".partial")
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove(partial)
            yield partial
            partial.replace(path)
        except BaseException:
            remove(partial)
            raise


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as that is possible."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def blamed(error: OSError, paths: list[Path]) -> Path:
    """The path of a stage that an error `of_the_disk` is about; errors of writing rarely name it.

    It is written to: one that is not there yet, and on a full disk the one with the least free
    space, or else the folder of temporary files.
    """
    if error.filename and isinstance(error.filename, (str, bytes)):
        named = Path(os.fsdecode(error.filename))
        return next((path for path in paths if named.is_relative_to(path)), named)
    # Path.exists raises for a name that no disk can hold.
    outputs = [path for path in paths if not os.path.exists(path)]  # noqa: PTH110
    if error.errno not in _FULL:
        return next(iter([*outputs, *paths]), Path.cwd())
    candidates = [*outputs, Path(tempfile.gettempdir())]
    # Each disk is asked once: others write to it, and of equal paths the first is meant.
    disks = {path: _disk(path) for path in candidates}
    free = {disk: _free(path) for path, disk in reversed(disks.items())}
    known = {path: left for path, disk in disks.items() if (left := free[disk]) is not None}
    return min(known, key=known.__getitem__, default=Path.cwd())


def _room(path: Path) -> list[str]:
    """Free inodes and bytes on the disk of a path, in words."""
    free = _free(path)
    state = os.statvfs(_existing(path))
    inodes = ["no inode free"] if state.f_files and not state.f_favail else []
    return inodes + ([] if free is None else [f"{decimal(free)} free"])


def _free(path: Path) -> int | None:
    """Free bytes on the disk of a path, which need not exist yet; None if it cannot be asked."""
    with suppress(OSError):
        return shutil.disk_usage(_existing(path)).free
    return None


def _disk(path: Path) -> int | None:
    """Number of the disk that a path is on, or will be; None if it cannot be asked."""
    with suppress(OSError):
        return _existing(path).stat().st_dev
    return None


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    above = (path.absolute(), *path.absolute().parents)
    return next((folder for folder in above if os.access(folder, os.F_OK)), Path("/"))
