"""Matlab files of any version, opened with errors that name the file.

Version 7.3 is HDF5, the older ones are formats of their own; pymatreader gives the same values for
both: a struct is a dict by field, the field of a struct array a list, a sparse matrix one of SciPy,
and dimensions of length 1 are squeezed out of numeric arrays, so that a single row has to be made
one again.
"""

import math
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pymatreader
from numpy.typing import NDArray
from scipy.io import whosmat
from scipy.sparse import issparse

from pipeline.datasets.records import ReaderError

LARGEST = 50_000_000
"""Numbers that a file may announce; the largest real one has some millions."""
_INFLATION = 1032
"""Bytes that deflate can make of one."""
_COMPRESSED = 15
"""Type of a compressed element in Matlab's version 5."""
_AGAIN = "copy the file again from the original archive"


def _announced(path: Path, variable: str) -> int:
    """Numbers that the headers announce: of an HDF5 file all of them, otherwise the variable's.

    Sparse matrices count as what they are when they are not sparse.
    """
    if h5py.is_hdf5(path):
        return _announced_by_hdf5(path)
    shapes = {name: shape for name, shape, _ in whosmat(path, appendmat=False)}
    shape = shapes.get(variable, ())
    if min(shape, default=0) < 0:
        raise ValueError(f"dimensions {shape}")
    if path.stat().st_size * _INFLATION <= 8 * LARGEST:
        return math.prod(shape)
    return max(math.prod(shape), _unpacked(path) // 8)


def _announced_by_hdf5(path: Path) -> int:
    announced = 0

    def count(name: str, item: h5py.Group | h5py.Dataset) -> str | None:
        """Add an item's numbers, or say what is wrong with it, which ends the walk."""
        nonlocal announced
        if isinstance(item, h5py.Dataset):
            # The size of an empty data set is None.
            announced += (item.size or 0) * max(1, item.dtype.itemsize // 8)
            return f"{name} lies in other files" if item.is_virtual or item.external else None
        if "MATLAB_sparse" not in item.attrs:
            return None
        rows, columns = int(item.attrs["MATLAB_sparse"]), len(item["jc"]) - 1
        announced += rows * columns
        return f"{name} has dimensions {rows, columns}" if min(rows, columns) < 0 else None

    with h5py.File(path, "r") as file:
        # Links lead to other files, or round in a circle; Matlab makes none.
        link = file.visititems_links(
            lambda name, link: None if isinstance(link, h5py.HardLink) else f"{name} is a link"
        )
        if wrong := link or file.visititems(count):
            raise ValueError(wrong)
    return announced


def _unpacked(path: Path) -> int:
    """Bytes of all elements of a file of version 5, or a few more than are allowed."""
    total = 0
    with path.open("rb") as file:
        order = "<" if file.read(128).endswith(b"IM") else ">"
        while len(tag := file.read(8)) == 8 and total <= 8 * LARGEST:
            kind, size = struct.unpack(f"{order}II", tag)
            end = file.tell() + size
            if kind != _COMPRESSED:
                total += size
            else:
                stream = zlib.decompressobj()
                packed = file.read(size)
                while packed and total <= 8 * LARGEST:
                    total += len(stream.decompress(packed, 2**24))
                    packed = stream.unconsumed_tail
            file.seek(end)
    return total


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


def as_numbers(path: Path, name: str, value: Any) -> NDArray[Any]:
    """A value of a .mat file as an array of real numbers; a sparse matrix with all its zeros.

    Raises:
        ReaderError: It is none, or a sparse matrix that is absurdly large or damaged.
    """
    if issparse(value):
        return _dense(path, name, value)
    try:
        array = np.asarray(value)
    except ValueError:  # a cell of arrays of several lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "buif":
        kinds = (("a struct", dict), ("text", str), ("a cell", list))
        named = (word for word, kind in kinds if isinstance(value, kind))
        found = next(named, f"values of type {array.dtype}")
        raise ReaderError(f"{path}: expected {name} to be numbers, found {found}; {_AGAIN}")
    return array


def _dense(path: Path, name: str, matrix: Any) -> NDArray[Any]:
    numbers = math.prod(matrix.shape)
    if not 0 <= numbers <= LARGEST:
        raise ReaderError(
            f"{path}: expected at most {LARGEST} numbers, the sparse {name} has "
            f"{' x '.join(map(str, matrix.shape))}; {_AGAIN}"
        )
    try:
        # Otherwise an index outside the matrix would be written to.
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ReaderError(f"{path}: the sparse {name} is damaged ({error}); {_AGAIN}") from error
    if matrix.dtype.kind not in "buif":
        raise ReaderError(
            f"{path}: expected {name} to be numbers, found values of type {matrix.dtype}; {_AGAIN}"
        )
    return np.asarray(matrix.toarray())
