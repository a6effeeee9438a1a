"""Files as the programs of networks' authors write them, written by hand."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import google_crc32c
import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import savemat

Arrays = Mapping[str, NDArray[Any]]
MAGIC = 0xDB4775248B80FB57
TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9}


def npz(path: Path, arrays: Arrays) -> Path:
    with path.open("wb") as file:  # savez adds a suffix to a name
        np.savez(file, **arrays)
    return path


def hdf5(
    path: Path,
    arrays: Arrays,
    *,
    below: str = "model_weights",
    text: Callable[[str], Any] = str.encode,
    pieces: int = 0,
) -> Path:
    """Keras's layers; each list of names in one attribute, or in so many numbered `pieces`."""
    with h5py.File(path, "w") as file:
        root = file.create_group(below) if below else file
        layers = dict.fromkeys(name.split("/")[0] for name in arrays)
        _names(root, "layer_names", ["input_1", *layers], text, pieces)
        _names(root.create_group("input_1"), "weight_names", [], text, 0)
        for layer in layers:
            own = [name.partition("/")[2] for name in arrays if name.startswith(f"{layer}/")]
            group = root.create_group(layer)
            _names(group, "weight_names", own, text, pieces)
            for name in own:
                group[name] = arrays[f"{layer}/{name}"]
        if below:
            file.create_group("optimizer_weights")["iterations:0"] = np.int64(7)
    return path


def _names(
    group: h5py.Group, attribute: str, names: list[str], text: Callable[[str], Any], pieces: int
) -> None:
    values = [text(name) for name in names]
    if not pieces:
        group.attrs[attribute] = values
    for number, part in enumerate(np.array_split(np.arange(len(values)), pieces or 1)):
        if pieces:
            group.attrs[f"{attribute}{number}"] = [values[place] for place in part]


def varint(value: int) -> bytes:
    found = bytearray()
    value &= 2**64 - 1
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def content(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def masked(data: bytes) -> int:
    found = google_crc32c.value(data)
    return ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF


def entry(array: NDArray[Any], offset: int, **changes: int) -> bytes:
    """A BundleEntryProto; zeros are left out, as protocol buffers do."""
    facts = {"dtype": TYPES[str(array.dtype)], "shard": 0, "offset": offset, "size": array.nbytes}
    facts |= {"checksum": masked(array.tobytes())} | changes
    sizes = b"".join(content(2, number(1, size)) for size in array.shape)
    found = number(1, facts["dtype"]) + content(2, sizes)
    found += number(3, facts["shard"]) if facts["shard"] else b""
    found += number(4, facts["offset"]) if facts["offset"] else b""
    return found + number(5, facts["size"]) + b"\x35" + struct.pack("<I", facts["checksum"])


HEADER = number(1, 1) + content(3, number(1, 1))


def table(entries: Iterable[tuple[bytes, bytes]], *, compressed: int = 0, block: int = 3) -> bytes:
    """A LevelDB table: some blocks of so many entries, no metadata, a list of the blocks."""
    whole, handles, pairs = b"", [], list(entries)
    for start in range(0, len(pairs), block):
        part = pairs[start : start + block]
        packed = _block(part)
        handles.append((part[-1][0], varint(len(whole)) + varint(len(packed))))
        whole += _trailed(packed, compressed)
    footer = b""
    for packed in (_block([]), _block(handles)):
        footer += varint(len(whole)) + varint(len(packed))
        whole += _trailed(packed, 0)
    return whole + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def _trailed(packed: bytes, compressed: int) -> bytes:
    whole = packed + bytes([compressed])
    return whole + struct.pack("<I", masked(whole))


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    whole, before = b"", b""
    for key, value in entries:
        same = zip(key, before, strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], same))
        whole += varint(shared) + varint(len(key) - shared) + varint(len(value))
        whole += key[shared:] + value
        before = key
    return whole + struct.pack("<II", 0, 1)


def tensorflow(path: Path, arrays: Arrays) -> Path:
    """An index and its data; the names in alphabetical order, as TensorFlow has them."""
    path, entries, offset = path.with_suffix(".index"), [(b"", HEADER)], 0
    with path.with_suffix(".data-00000-of-00001").open("wb") as data:
        for name in sorted(arrays):
            entries.append((name.encode(), entry(arrays[name], offset)))
            offset += data.write(arrays[name].tobytes())
    path.write_bytes(table(entries))
    return path


def blob(array: NDArray[Any], *, packed: bool = True, old: bool = False) -> bytes:
    """A BlobProto; `old` ones have four dimensions."""
    shape = content(7, content(1, b"".join(map(varint, array.shape))))
    if old:
        four = (1,) * (4 - array.ndim) + array.shape
        shape = b"".join(number(field, size) for field, size in enumerate(four, 1))
    if packed:
        return shape + content(5, array.tobytes())
    values = array.ravel()
    return shape + b"".join(b"\x2d" + value.tobytes() for value in values)


def caffe(path: Path, arrays: Arrays, *, v1: bool = False, **of_blobs: bool) -> Path:
    """A net with a name, layers of data and loss without blobs, and the blobs of the others."""
    layers = dict.fromkeys(name.rpartition("/")[0] for name in arrays)
    net = content(1, b"net")
    for layer in ["data", *layers, "loss"]:
        blobs = [blob(arrays[n], **of_blobs) for n in arrays if n.rpartition("/")[0] == layer]
        name = content(4 if v1 else 1, layer.encode())
        kind = number(5, 4) if v1 else content(2, b"Convolution")
        whole = name + kind + b"".join(content(6 if v1 else 7, one) for one in blobs)
        net += content(2 if v1 else 100, whole)
    path.write_bytes(net)
    return path


def pytorch(
    path: Path, arrays: Arrays, *, prefix: str = "", below: bool = False, zipped: bool = True
) -> Path:
    state: dict[str, Any] = {
        f"{prefix}{name}": torch.from_numpy(np.array(array)) for name, array in arrays.items()
    }
    if below:
        state = {"epoch": 30, "state_dict": state, "optimizer": {"state": {}, "lr": 1e-7}}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


def mat(path: Path, arrays: Arrays, *, packed: bool = True) -> Path:
    savemat(path, dict(arrays), appendmat=False, do_compression=packed, oned_as="row")
    return path


WRITERS: dict[str, Callable[..., Path]] = {
    "npz": npz,
    "hdf5": hdf5,
    "tensorflow": tensorflow,
    "caffe": caffe,
    "torch": pytorch,
    "mat": mat,
}
