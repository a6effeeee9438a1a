"""Where files of a run lie in its crate, whatever folders the run itself has."""

import os
from pathlib import Path
from typing import Final

from pipeline.config.config import Config
from pipeline.planning.provenance import CODE, ROOT

CODE_FOLDER: Final = "code"
"""Folder of the crate that holds the workflow."""
_OURS: Final = ("pipeline", "model", "gfsalnet", "workflow", "profiles", "envs")
"""Folders of the workflow, in a checkout and in an installed copy."""


class Places:
    """The crate's paths of a run's files, relative to the crate."""

    def __init__(self, cfg: Config) -> None:
        self._folders = {
            Path(folder): Path(folder) if _inside(folder) else Path(name, cfg.run)
            for name, folder in cfg.pathvars.items()
        }

    def __call__(self, path: str | Path) -> Path:
        """Path in the crate of a file or folder of the working folder, or of the workflow.

        What lies below the run's folders keeps its path unless that leads out of the working
        folder; the workflow's own files are in `code`, and a user's sheets in `inputs`.
        """
        found = Path(path)
        for folder, place in self._folders.items():
            if found.is_relative_to(folder):
                return place / found.relative_to(folder)
        for root in (ROOT, CODE):
            full = Path(os.path.normpath(Path.cwd() / found))
            if full.is_relative_to(root) and full.relative_to(root).parts[0] in _OURS:
                return Path(CODE_FOLDER) / full.relative_to(root)
        if found.parts[:1] == ("results",) and _inside(found):
            return found
        return Path("inputs") / found.name


def _inside(path: str | Path) -> bool:
    """Whether a path stays in the working folder."""
    normal = Path(os.path.normpath(path))
    return not normal.is_absolute() and normal.parts[:1] != ("..",)
