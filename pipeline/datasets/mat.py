"""Matlab files, opened with errors that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from pipeline.datasets.records import ReaderError


def read_mat(path: Path, variable: str) -> np.ndarray:
    """A variable of a .mat file (up to version 7), as SciPy gives it without squeezing.

    Raises:
        ReaderError: The file is missing, empty or unreadable, or has no such variable.
    """
    if not path.is_file():
        raise ReaderError(f"{path}: no such file; docs/datasets.md describes the layout")
    try:
        contents = loadmat(path, variable_names=[variable])
    except NotImplementedError as error:
        raise ReaderError(
            f"{path}: a Matlab 7.3 file; save it in Matlab with save(..., '-v7')"
        ) from error
    except (MatReadError, OSError, ValueError, TypeError) as error:
        raise ReaderError(
            f"{path}: not a readable Matlab file ({error}); copy it again from the original archive"
        ) from error
    if variable not in contents:
        raise ReaderError(
            f"{path}: no variable {variable!r}; copy the file again from the original archive"
        )
    return np.asarray(contents[variable])
