"""Keras's HDF5: groups of layers, whose attributes list the weights in the order of the network."""

import faulthandler
import itertools
import math
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from torch import Tensor

from pipeline.importing.stored import MOST, Stored, distinct, plain, sized, tensor

_LONGEST = 2**24
"""Bytes of a list of names, at most; Keras splits lists at 64 kB."""


_PATIENCE = 60.0
"""Seconds that the lists of a file may take; those of 680 tensors take less than one."""


@contextmanager
def opened(path: Path) -> Iterator[dict[str, Stored]]:
    """Give the weights of a Keras file by their layers' groups and own names.

    They lie below `model_weights` where the whole model was saved, else at the root.
    """
    if not h5py.is_hdf5(path):
        raise ValueError("it is no HDF5")
    _rehearse(path)
    with h5py.File(path, "r") as file:
        yield _listed(file)


def _listed(file: h5py.File) -> dict[str, Stored]:
    whole = "model_weights" in file
    return distinct(_weights(_group(file, "model_weights") if whole else file))


def _rehearse(path: Path) -> None:
    """Open the file in a process of its own: damaged ones make libhdf5 crash, or never return.

    Raises:
        ValueError: This one does. What else is wrong is found again when it is opened here.
    """
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    process = context.Process(target=_rehearsed, args=(path,), daemon=True)
    process.start()
    process.join(_PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
    if process.exitcode:
        raise ValueError("it is damaged so that libhdf5 cannot open it")


def _rehearsed(path: Path) -> None:
    faulthandler.disable()  # a crash is expected, and its trace would be taken for this program's
    with suppress(Exception), h5py.File(path, "r") as file:
        _listed(file)


def _weights(root: h5py.Group) -> Iterator[tuple[str, Stored]]:
    for layer in _names(root, "layer_names"):
        group = _group(root, layer)
        for name in _names(group, "weight_names"):
            yield f"{layer}/{name}", _weight(_member(group, name), name)


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """An attribute's names; a long list lies in attributes that are numbered from 0."""
    if attribute in group.attrs:
        return _list(group, attribute)
    numbered = (f"{attribute}{number}" for number in itertools.count())
    parts = itertools.takewhile(lambda part: part in group.attrs, numbered)
    if not (found := [_list(group, part) for part in parts]):
        raise ValueError(f"{group.name} has no attribute {attribute}: not written by Keras")
    return [*itertools.chain.from_iterable(found)]


def _list(group: h5py.Group, attribute: str) -> list[str]:
    stored = group.attrs.get_id(attribute)
    count = math.prod(stored.shape)
    if count > MOST or count * stored.dtype.itemsize > _LONGEST or len(stored.shape) != 1:
        raise ValueError(f"{group.name}: {attribute} is no list of names")
    values = group.attrs[attribute] if count else ()  # an empty list has the type of a number
    return [_text(value, attribute) for value in values]


def _text(value: Any, attribute: str) -> str:
    """Python 2's bytes or Python 3's text."""
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise ValueError(f"{attribute} has {value!r:.40} for a name")
    return value


def _group(above: h5py.Group, name: str) -> h5py.Group:
    found = _member(above, name)
    if not isinstance(found, h5py.Group):
        raise ValueError(f"{name!r:.80} is no group")
    return found


def _member(group: h5py.Group, name: str) -> Any:
    """What a path within the file names; no link is followed, since it may lead elsewhere."""
    found: Any = group
    for step in name.split("/"):
        here = isinstance(found, h5py.Group) and step not in ("", ".", "..") and step in found
        if not here or not isinstance(found.get(step, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.name} has no {name!r:.80} of its own")
        found = found[step]
    return found


def _weight(dataset: Any, name: str) -> Stored:
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise ValueError(f"{name!r:.80} is no array")
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{name!r:.80} lies in other files")
    if dataset.chunks is not None:
        raise ValueError(f"{name!r:.80} is packed in pieces, which Keras does not do")
    shape, dtype = tuple(map(int, dataset.shape)), plain(dataset.dtype, name)
    size, there = sized(shape, dtype, name), dataset.id.get_storage_size()
    if there != size:  # what was never written would be read as zeros
        raise ValueError(f"{name!r:.80} has {there} bytes, its shape {size}")

    def read() -> Tensor:
        values = np.empty(shape, dtype)
        dataset.read_direct(values) if size else None
        return tensor(values)

    return Stored(shape, read)
