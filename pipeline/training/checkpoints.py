"""Where a training stands, on disk: written whole or not at all, and never another training's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from pipeline.runtime.files import remove, whole


class Checkpoint:
    """The state of one training, in a folder named after the digest of all that decides it."""

    def __init__(self, folder: Path, mark: str) -> None:
        """Takes the folder for all trainings of one target, and this one's digest."""
        self.folder = folder
        self.path = folder / mark[:16] / "state.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the state; a kill or a power cut leaves the one before.

        Raises:
            InputError: The disk refuses it.
        """
        with whole(self.path) as partial, partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> dict[str, Any] | None:
        """The state, or None if there is none; says what it found."""
        strangers = sorted({entry.name for entry in self._entries()} - {self.path.parent.name})
        if strangers:
            where = f"{self.folder} ({', '.join(strangers)})"
            print(f"{where}: of trainings with other data, settings or code; not resumed")
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, MemoryError):  # nothing is wrong with the file itself
            raise
        except Exception as error:
            reason, broken = " ".join(str(error).split())[:100], self.path.with_suffix(".broken")
            print(f"{self.path}: cannot be read ({reason}): starting anew; it is {broken} now")
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
