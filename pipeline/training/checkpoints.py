"""The state of a training on disk: complete or absent, and never taken for another training's."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from pipeline.runtime.files import remove
from pipeline.stores.states import STATES, read_state, write_state


class Checkpoint:
    """The state of one training, in a folder named after the digest of all that decides it."""

    def __init__(self, folder: Path, mark: str) -> None:
        """Takes the folder of all trainings of one target, and the digest of this one."""
        self.folder = folder
        # 16 hex digits: the rule's few trainings need no more to differ.
        self.path = folder / mark[:16] / STATES[0]

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the state and keeps the one before; a kill on the way leaves that one.

        Raises:
            InputError: The disk refuses it.
        """
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_state(self.path, buffer.getbuffer())

    def load(self) -> dict[str, Any] | None:
        """The last state that is whole, or None if there is none; prints what it leaves aside."""
        others = sorted({entry.name for entry in self._entries()} - {self.path.parent.name})
        if others:
            where = f"{self.folder} ({', '.join(others)})"
            print(f"{where}: of trainings with other data, settings or code; not resumed")
        for path in (self.path.with_name(name) for name in STATES):
            if path.is_file() and (state := _whole(path)) is not None:
                return state
        return None

    def remove(self) -> None:
        """Removes the state; those of other trainings stay."""
        remove(self.path.parent)
        if not self._entries():
            remove(self.folder)

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []


def _whole(path: Path) -> dict[str, Any] | None:
    """The state in a file, or None if that is damaged, which is said and the file set aside."""
    content = read_state(path)
    if content is not None:
        state: dict[str, Any] = torch.load(
            io.BytesIO(content), map_location="cpu", weights_only=True
        )
        return state
    broken = path.with_suffix(".broken")
    print(f"{path}: damaged, and kept as {broken.name}; starts from an earlier state or over")
    with suppress(FileNotFoundError):  # another process of this training was faster
        path.replace(broken)
    return None
