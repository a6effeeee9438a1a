"""The state of a training on disk: complete or absent, and never taken for another training's."""

import os
from pathlib import Path
from typing import Any

import torch

from pipeline.runtime.files import atomic, remove


class Checkpoint:
    """The state of one training, in a folder named after the digest of all that decides it."""

    def __init__(self, folder: Path, mark: str) -> None:
        """Takes the folder of all trainings of one target, and the digest of this one."""
        self.folder = folder
        # 16 hex digits: the rule's few trainings need no more to differ.
        self.path = folder / mark[:16] / "state.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the state; a kill or a power cut on the way leaves the previous one.

        Raises:
            InputError: The disk refuses it.
        """
        with atomic(self.path) as partial, partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> dict[str, Any] | None:
        """The state, or None if there is none; prints what it leaves aside."""
        others = sorted({entry.name for entry in self._entries()} - {self.path.parent.name})
        if others:
            where = f"{self.folder} ({', '.join(others)})"
            print(f"{where}: of trainings with other data, settings or code; not resumed")
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, MemoryError):  # the file itself may be sound
            raise
        except Exception as error:
            reason, broken = " ".join(str(error).split())[:100], self.path.with_suffix(".broken")
            print(f"{self.path}: cannot be read ({reason}); starts over, and keeps it as {broken}")
            self.path.replace(broken)
            return None
        return state

    def remove(self) -> None:
        """Removes the state; those of other trainings stay."""
        remove(self.path.parent)
        if not self._entries():
            remove(self.folder)

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []
