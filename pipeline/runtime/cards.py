"""Which GPU a job takes on a machine with several: one that no other job of ours has.

A job locks (`flock`) a file per card, named by the card and a number: the first job of a card has
file 0, the second, where there are more jobs than cards, file 1. Locks end with their process,
however that ends. They are seen by one user's processes on one machine, in one container.
"""

import fcntl
import os
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import IO

_held: list[IO[str]] = []
"""Open, and so locked, until this process ends."""


def claim(cards: Sequence[str], wanted: int = 1, *, inherited: bool = False) -> list[int]:
    """Numbers of the cards with the fewest jobs of ours, ascending; they are this process's now.

    The programs that this process turns into keep them if they are `inherited`. Where the disk of
    temporary files cannot lock, they are the first cards.
    """
    folder = Path(tempfile.gettempdir(), f"gfsalnet-gpus-{os.getuid()}")
    found: list[int] = []
    wanted = min(wanted, len(cards))
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for job in count():
            for number, card in enumerate(cards):
                if len(found) == wanted:
                    return sorted(found)
                if number not in found and _lock(folder / f"{card}.{job}", inherited):
                    found.append(number)
    except OSError:
        pass
    return [*range(wanted)]


def _lock(path: Path, inherited: bool) -> bool:
    """Whether nobody had the lock of a file."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    os.set_inheritable(file.fileno(), inherited)
    _held.append(file)
    return True
