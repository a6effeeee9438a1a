"""Tries something in a fork of a process that imported it, and measures what it takes."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 10
"""After which a trial hangs."""
NOBODY = 65534


class Trial(NamedTuple):
    """What became of a trial."""

    name: str
    result: Any
    """What was returned; `{"raised": ...}` with a traceback; None if it was killed."""
    seconds: float
    megabytes: float
    """Most memory, beyond what the process had before; or that of a child, if that is more."""


def tried(name: str, do: Callable[[], Any], *, as_nobody: bool = False) -> Trial:
    """Run a function in a fork; it is killed after `SECONDS`."""
    reader, writer = os.pipe()
    start, before = time.monotonic(), _resident()
    if not (child := os.fork()):
        os.close(reader)
        signal.alarm(SECONDS)
        _report(do, writer, as_nobody=as_nobody)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    _, _, used = os.wait4(child, 0)
    result = json.loads(text) if text else None
    # A process that it started, such as ffmpeg, begins with nothing.
    megabytes = max(used.ru_maxrss / 1024 - before, result.pop("started") if result else 0)
    return Trial(name, result, time.monotonic() - start, megabytes)


def _report(do: Callable[[], Any], writer: int, *, as_nobody: bool) -> None:
    """Never returns."""
    try:
        if as_nobody and not os.getuid():
            os.setuid(NOBODY)
        result = do()
    except BaseException:
        result = {"raised": traceback.format_exc()}
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with os.fdopen(writer, "w") as file:
        json.dump(result | {"started": started}, file)
    os._exit(0)


def _resident() -> float:
    """Megabytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main(trials: Callable[[Path, str], list[Trial]]) -> None:
    """Print the trials of a group in a folder, both of which the command line names."""
    folder, group = sys.argv[1:]
    print(json.dumps(trials(Path(folder), group)))
