"""Matlab files of any version, opened with errors that name the file.

Version 7.3 is HDF5, the older ones are formats of their own; pymatreader gives the same values for
both: a struct is a dict by field, the field of a struct array a list, and dimensions of length 1
are squeezed out of numeric arrays, so that a single row has to be made one again.
"""

import math
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pymatreader
from numpy.typing import NDArray
from scipy.io import whosmat

from pipeline.datasets.records import ReaderError

LARGEST = 100_000_000
"""Elements that a file may announce; the largest real one has some millions."""
_AGAIN = "copy the file again from the original archive"


def _announced(path: Path, variable: str) -> int:
    """Elements that the headers announce: of an HDF5 file all of them, otherwise the variable's."""
    if not h5py.is_hdf5(path):
        shapes = {name: shape for name, shape, _ in whosmat(path, appendmat=False)}
        return math.prod(shapes.get(variable, ()))
    sizes: list[int] = []
    with h5py.File(path, "r") as file:
        # A group has no size, and that of an empty data set is None.
        file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0) or 0))
    return int(sum(sizes))


def _contents(path: Path, variable: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            announced = _announced(path, variable)
            if announced <= LARGEST:
                return pymatreader.read_mat(path, variable_names=[variable])
    # What is damaged raises whatever the decoder stumbles over, from IndexError to zlib.error.
    except Exception as error:
        raise ReaderError(
            f"{path}: not a readable Matlab file ({error!r:.200}); {_AGAIN}"
        ) from error
    raise ReaderError(
        f"{path}: expected at most {LARGEST} numbers, its headers announce {announced}; {_AGAIN}"
    )


def read_mat(path: Path, variable: str) -> Any:
    """A variable of a .mat file: a dict if it is a struct, otherwise see `as_numbers`.

    Raises:
        ReaderError: The file is missing, empty, unreadable or absurdly large, or has no such
            variable.
    """
    if not path.is_file():
        raise ReaderError(f"{path}: no such file; docs/datasets.md describes the layout")
    contents = _contents(path, variable)
    if variable not in contents:
        raise ReaderError(f"{path}: no variable {variable!r}; {_AGAIN}")
    return contents[variable]


def read_struct(path: Path, variable: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a struct, or of an array of structs: then a list for each.

    Raises:
        ReaderError: As `read_mat`, or it is no struct with these fields.
    """
    struct = read_mat(path, variable)
    absent = [name for name in fields if not isinstance(struct, dict) or name not in struct]
    if absent:
        raise ReaderError(
            f"{path}: expected {variable} to be a struct with the field {absent[0]}; {_AGAIN}"
        )
    return {name: struct[name] for name in fields}


def as_numbers(path: Path, name: str, value: object) -> NDArray[Any]:
    """A value of a .mat file as an array of real numbers.

    Raises:
        ReaderError: It is none.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # a cell of arrays of several lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "buif":
        raise ReaderError(f"{path}: expected {name} to be numbers, found {array.dtype}; {_AGAIN}")
    return array
