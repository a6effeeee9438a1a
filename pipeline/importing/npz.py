"""NumPy's archive .npz: a zip of .npy files, read without unpickling."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch import Tensor

from pipeline.importing.stored import Stored, distinct, plain, sized, tensor

_HEADER = 10_240
"""Bytes that hold a header: NumPy reads none of more than 10,000 letters."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What NumPy writes; the others unpack whole pieces of any size at once."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the arrays of a .npz by their names, without the suffix .npy."""
    with zipfile.ZipFile(path) as archive:
        yield distinct(_array(archive, entry) for entry in archive.infolist())


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[str, Stored]:
    name = entry.filename.removesuffix(".npy")
    if name == entry.filename:
        raise ValueError(f"{name!r:.80} is no .npy")
    if entry.compress_type not in _METHODS:
        raise ValueError(f"{name!r:.80} is packed in a way that NumPy does not use")
    with archive.open(entry) as file:
        head = io.BytesIO(file.read(_HEADER))
    version = np.lib.format.read_magic(head)
    if version not in _HEADERS:
        raise ValueError(f"{name!r:.80} is a .npy of version {version}")
    shape, fortran, dtype = _HEADERS[version](head)
    size, start = sized(shape, plain(dtype, name), name), head.tell()
    if start + size != entry.file_size:
        raise ValueError(f"{name!r:.80} has {entry.file_size - start} bytes, its shape {size}")

    def read() -> Tensor:
        with archive.open(entry) as file:
            file.read(start)  # not seek, with which some versions compare no checksum
            values = file.read(size)
            # At the very end, and not before, zipfile compares the checksum.
            if len(values) != size or file.read(1):
                raise ValueError(f"{name!r:.80} does not have {size} bytes")
        flat = np.frombuffer(values, dtype)
        return tensor(flat.reshape(shape, order="F" if fortran else "C"))

    return name, Stored(shape, read)
