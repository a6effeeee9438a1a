"""States of trainings on disk: bytes behind their digest, which is bound to the training."""

import os
from pathlib import Path

from pipeline.runtime.files import atomic, remove
from pipeline.stores.seals import digest_of

STATES = ("state.pt", "previous.pt")
"""Files in the folder of a training: its state, and the one before."""


def write_state(path: Path, content: bytes | memoryview) -> None:
    """Write a state beside the one before; a kill or a power cut on the way leaves that one.

    Raises:
        InputError: The disk refuses it.
    """
    previous = path.with_name(STATES[1])
    with atomic(path) as partial:
        remove(previous)  # the disk need not have room for three
        with partial.open("wb") as file:
            file.write(_head(path, content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.is_file():
            path.replace(previous)


def read_state(path: Path) -> memoryview | None:
    """Return a state as it was written, or None if the file is damaged or another training's."""
    content = memoryview(path.read_bytes())
    start = len(_head(path, b""))
    found, rest = content[:start], content[start:]
    return rest if found == _head(path, rest) else None


def _head(path: Path, content: bytes | memoryview) -> bytes:
    # The folder is named after all that decides the training.
    return f"{digest_of(path.parent.name.encode(), b'/', content)}\n".encode()
