"""The lock that a killed Snakemake leaves on its folder: how it differs from a living one's.

Snakemake lists what a call makes in `.snakemake/locks` and removes the list at its end. A call that
is killed cannot, and the next one is refused until somebody unlocks the folder. Therefore every
call also holds an advisory lock of the operating system (`flock`), which ends with its process, and
notes where it runs.
"""

import fcntl
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from pipeline.runtime.files import remove

RUNNING = "GFSALNET_RUNNING_IN"
"""Environment variable by which a call's jobs are known: the folder that it was made in."""
PATIENCE = 10.0
"""Seconds that jobs of a killed call are given: what reads for a training looks every five seconds
whether the training lives."""
_held: list[IO[str]] = []
"""Open, and so locked, until this process ends."""


def hold(folder: Path) -> None:
    """Note that this process works in `folder`, Snakemake's own, until it ends.

    Locks of a call that was killed are removed if it ran on this machine under the same user,
    nothing else holds the folder, and none of its jobs still runs; otherwise one line on standard
    error says what to do. The folder is left as it is where the disk is read-only or cannot lock.

    Raises:
        SystemExit: The folder is not locked, but a job of an earlier call still writes there: its
            shell was killed, and Snakemake took it for ended.
    """
    os.environ[RUNNING] = str(folder.absolute())
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        file = (folder / "running").open("a+")
        _held.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody works here: Snakemake compares what both would make
            fcntl.flock(file, fcntl.LOCK_SH)
            return
        file.seek(0)
        locks, last = folder / "locks", file.read()
        if not _is_locked(locks) and (jobs := _jobs(folder)):
            numbers = " ".join(map(str, jobs))
            _held.pop().close()
            sys.exit(f"{folder}: jobs of an earlier call still run: wait, or kill {numbers}")
        if not _is_locked(locks) or _unlocked(folder, locks, last):
            file.truncate(0)
            file.write(_here())
            file.flush()
        fcntl.flock(file, fcntl.LOCK_SH)


def _is_locked(locks: Path) -> bool:
    return locks.is_dir() and any(locks.iterdir())


def _unlocked(folder: Path, locks: Path, last: str) -> bool:
    remedy = "if nothing works here any more: snakemake --unlock, then call again"
    if last != _here() or locks.stat().st_uid != os.getuid():
        found = f"locked by another machine, user or container ({last or 'unknown'}); {remedy}"
    elif _submitted(folder):
        found = f"locked by a call that was killed; a scheduler may still run its jobs; {remedy}"
    elif jobs := _jobs(folder):
        numbers = " ".join(map(str, jobs))
        found = f"locked by a call that was killed; its jobs still run: wait, or kill {numbers}"
    else:
        found = "unlocked: the call that had locked it was killed"
        remove(locks)
    print(f"{folder}: {found}", file=sys.stderr, flush=True)
    return not _is_locked(locks)


def _here() -> str:
    """This machine, and which of its processes can be seen: a container sees only its own."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux: jobs cannot be looked for
        return f"{socket.gethostname()} {os.getpid()}"


def _submitted(folder: Path) -> bool:
    """Whether a job that did not end was given to a scheduler, which numbered it."""
    notes = [path for path in folder.glob("incomplete/*") if path.is_file()]
    return any('"external_jobid": "' in note.read_text(errors="replace") for note in notes)


def _jobs(folder: Path) -> list[int]:
    """Processes that a call in the folder started, as far as they outlive our patience."""
    mark, patience = f"{RUNNING}={folder.absolute()}\0".encode(), time.monotonic() + PATIENCE
    while jobs := [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/environ")
        if mark in _content(path)
    ]:
        if time.monotonic() > patience:
            break
        time.sleep(0.2)
    return jobs


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # ended, or another user's
        return b""
