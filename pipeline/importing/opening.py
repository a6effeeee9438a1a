"""Opens a released file by its format."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from torch import Tensor

from model.released import Format
from pipeline.importing.caffe import opened as caffe
from pipeline.importing.hdf5 import opened as hdf5
from pipeline.importing.mat import opened as mat
from pipeline.importing.npz import opened as npz
from pipeline.importing.stored import Opened, Stored, explained
from pipeline.importing.tensorflow import opened as tensorflow
from pipeline.importing.torch import opened as torch

READERS: dict[Format, tuple[str, Callable[[Path], Opened]]] = {
    "npz": ("NumPy's .npz", npz),
    "hdf5": ("Keras's HDF5", hdf5),
    "tensorflow": ("TensorFlow's checkpoint", tensorflow),
    "caffe": ("a caffemodel", caffe),
    "torch": ("PyTorch's state dict", torch),
    "mat": ("MATLAB's version 5", mat),
}
"""Format -> its name in words, and its reader."""


@contextmanager
def opened(path: Path, form: Format) -> Iterator[dict[str, Stored]]:
    """Give the tensors of a file by name, in its order; each is read when it is asked for.

    Raises:
        InputError: The file is damaged, or of another format; also when a tensor is read.
    """
    what, reader = READERS[form]
    with ExitStack() as stack:
        with explained(path, what):
            found = stack.enter_context(reader(path))
        yield {
            name: stored._replace(read=partial(_read, path, what, stored))
            for name, stored in found.items()
        }


def _read(path: Path, what: str, stored: Stored) -> Tensor:
    with explained(path, what):
        return stored.read()
