"""Released files that are damaged, lie about themselves, or were made to harm: one line each."""

from __future__ import annotations

import os
import pickle
import random
import resource
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.importing.opening import opened
from pipeline.runtime.errors import InputError
from tests.faults import crafted
from tests.pipeline.importing import formats
from tests.pipeline.importing.tiny import arrays, right
from tests.pipeline.importing.trying import read, refused

FORMATS = list(formats.WRITERS)
DATA = ".data-00000-of-00001"
HUGE = 10**12


def parts(file: Path) -> list[Path]:
    return [path for path in (file, file.with_suffix(DATA)) if path.is_file()]


def _same(file: Path, form: Any) -> bool:
    state = read(file, form)
    return all(state[key].equal(value) for key, value in right(form, arrays(form)).items())


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_ends_early(tmp_path: Path, form: str) -> None:
    file = formats.WRITERS[form](tmp_path / "a", arrays(form))
    for part in parts(file):
        whole = part.read_bytes()
        end = len(whole)
        for cut in {*range(0, end, max(1, end // 12)), end - 1} - {0 if part != file else -1}:
            part.write_bytes(whole[:cut])
            refused(file, form)
        part.write_bytes(whole)


@pytest.mark.parametrize("form", FORMATS)
def test_bits_that_flipped_are_noticed_where_the_format_has_checksums(
    tmp_path: Path, form: str
) -> None:
    """Caffe's and Keras's have none: the SHA-256 of the file is all that tells."""
    file = formats.WRITERS[form](tmp_path / "a", arrays(form))
    draw = random.Random(0)
    for part in parts(file):
        whole = part.read_bytes()
        for place in draw.sample(range(len(whole)), 20 if form == "hdf5" else 80):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << draw.randrange(8)
            part.write_bytes(spoilt)
            try:
                assert _same(file, form) or form in ("caffe", "hdf5")
            except InputError as error:
                assert "\n" not in str(error)
        part.write_bytes(whole)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_format(tmp_path: Path, form: Any) -> None:
    others = [formats.WRITERS[o](tmp_path / o, arrays(form)) for o in FORMATS if o != form]
    text = tmp_path / "text"
    text.write_text("<html>Sign in to continue</html>\n" * 9)
    for file in [*others, text]:
        refused(file, form)


def test_arrays_that_announce_more_than_they_hold(tmp_path: Path) -> None:
    for shape in (f"({HUGE},)", "(2, 3, 3, 3)", "(-1,)", f"({2**62}, {2**62})"):
        for dtype in ("'<f4'", "'|V1000000000'", "'<f8'"):
            packed = crafted.npy(shape, dtype, values=b"\0" * 4)
            file = crafted.write_zip(tmp_path / "a", crafted.Entry(b"arr_0.npy", packed))
            refused(file, "npz")
    packed = crafted.npy("()", length=2**32 - 1)
    file = crafted.write_zip(tmp_path / "b", crafted.Entry(b"arr_0.npy", packed))
    refused(file, "npz")


def test_an_array_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    """Its header says so, and no more than the header is unpacked."""
    size = 4095 * crafted.MEGABYTE
    head = crafted.npy(f"({size},)", "'|u1'")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH) + crafted.zeros(4095)
    for method, why in (
        (crafted.DEFLATED, f"1 misshapen (arr_0 [{size}] for"),
        (crafted.BZIP2, "packed in a way that NumPy does not use"),
    ):
        entry = crafted.Entry(b"arr_0.npy", packed, len(head) + size, method)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert why in refused(crafted.write_zip(tmp_path / "a", entry), "npz")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_arrays_of_pickled_objects(tmp_path: Path) -> None:
    found: Any = arrays("npz") | {"arr_1": np.array([{"a": 1}, None], dtype=object)}
    message = refused(formats.npz(tmp_path / "a", found), "npz")
    assert "'arr_1' holds object where plain numbers belong" in message


@pytest.mark.parametrize("name", ["../../arr_0.npy", "/etc/passwd.npy", "arr_0.npy"])
def test_names_lead_nowhere(tmp_path: Path, name: str) -> None:
    """They are names, and two must not be the same."""
    found = formats.npz(tmp_path / "a", arrays("npz"))
    with pytest.warns() if name == "arr_0.npy" else _nothing(), zipfile.ZipFile(found, "a") as file:
        file.writestr(name, crafted.npy("(1,)", values=bytes(4)))
    message = refused(found, "npz")
    assert "unexpected (" in message or "two tensors have the name" in message
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


class _nothing:  # noqa: N801  reads as contextlib's nullcontext, without its import
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def _indexed(path: Path, *entries: tuple[bytes, bytes], **options: int) -> Path:
    """A checkpoint whose data have a kilobyte."""
    path.with_suffix(DATA).write_bytes(bytes(1024))
    file = path.with_suffix(".index")
    file.write_bytes(formats.table([(b"", formats.HEADER), *entries], **options))
    return file


def test_an_index_that_lies(tmp_path: Path) -> None:
    two = np.zeros(2, np.float32)
    endless = formats.content(2, formats.content(2, formats.number(1, -1)))
    huge = b"".join(formats.content(2, formats.number(1, HUGE)) for _ in range(3))
    whole = formats.number(1, 1) + formats.content(2, huge) + formats.number(5, 8)
    for value, why in (
        (formats.entry(two, 1020), "has 8 bytes from 1020 on in a file of 1024"),
        (formats.entry(two, -4), "has 8 bytes from -4 on"),
        (formats.entry(two, 0, size=HUGE), f"has {HUGE} bytes from 0 on"),
        (formats.entry(two, 0, dtype=7), "is no plain variable (type 7)"),
        (formats.entry(two, 0, shard=3), "is no plain variable"),
        (formats.number(1, 1) + endless, "has the shape [-1]"),
        (whole, "has 8 bytes from 0 on"),
        (formats.entry(two, 0) + formats.content(7, b""), "lies in several parts"),
        (b"\xff" * 20, "a number does not end"),
        (b"\x0b", "a field of the unknown type 3"),
    ):
        assert why in refused(_indexed(tmp_path / "a", (b"a", value)), "tensorflow")


def test_a_table_that_lies(tmp_path: Path) -> None:
    entry = (b"a", formats.entry(np.zeros(2, np.float32), 0))
    assert "two tensors have" in refused(_indexed(tmp_path / "a", entry, entry), "tensorflow")
    message = refused(_indexed(tmp_path / "b", entry, compressed=1), "tensorflow")
    assert "the index is compressed, which TensorFlow's own are not" in message
    file = tmp_path / "c.index"
    file.with_suffix(DATA).write_bytes(b"")
    sharded = formats.table([(b"", formats.number(1, 2)), entry])
    reverse = formats.table([(b"", formats.HEADER + formats.number(2, 1)), entry])
    for content, why in (
        (sharded, "do not lie in one file"),
        (reverse, "have their bytes in reverse"),
        (formats.table([entry]), "do not lie in one file"),
        (formats.varint(2**60) * 4 + bytes(4) + struct.pack("<Q", formats.MAGIC), "within a block"),
        (bytes(39) + struct.pack("<Q", formats.MAGIC), "it is no index"),
        (bytes(48), "it is no index"),
    ):
        file.write_bytes(content)
        assert why in refused(file, "tensorflow")
    file.with_suffix(DATA).unlink()
    assert f"the file c{DATA} with its numbers is not beside it" in refused(file, "tensorflow")
    (tmp_path / "x.meta").write_bytes(b"")
    assert "name the file that ends in .index" in refused(tmp_path / "x.meta", "tensorflow")


def test_blobs_that_lie(tmp_path: Path) -> None:
    for blob, why in (
        (formats.content(7, formats.content(1, formats.varint(HUGE))), "has 0 bytes, its shape"),
        (formats.content(7, formats.number(1, -2) * 2) + b"", "has the shape [-2, -2]"),
        (formats.content(7, formats.number(1, 1) * 40), "has the shape [1, 1"),
        (formats.content(5, bytes(8)), "has 8 bytes, its shape 0"),
        (formats.content(8, bytes(8)) + formats.number(1, 1), "1 misshapen (conv/0 [1, 0, 0, 0]"),
        (b"\x2d\0", "ends within a field"),
        (formats.varint(5 << 3 | 2) + formats.varint(HUGE), "ends within a field"),
        (bytes(2), "a field has no number"),
    ):
        layer = formats.content(1, b"conv") + formats.content(7, blob)
        file = tmp_path / "a"
        file.write_bytes(formats.content(100, layer))
        assert why in refused(file, "caffe")


def test_too_many_fields(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x08\1" * 200_001)
    assert "more than 200000 fields in a message" in refused(tmp_path / "a", "caffe")


def test_runs_of_numbers_of_any_length(tmp_path: Path) -> None:
    """Fields of a number each, interrupted by other fields."""
    values = np.arange(13, dtype=np.float32) * 45  # 45 is the byte of the field's own tag
    for cut in range(14):
        parts = [formats.blob(part, packed=False) for part in np.split(values, [cut])]
        bare = [part.removeprefix(_shape(size)) for part, size in zip(parts, (cut, 13 - cut))]  # noqa: B905
        whole = _shape(13) + bare[0] + formats.number(99, 1) + bare[1]
        layer = formats.content(1, b"conv") + formats.content(7, whole)
        (tmp_path / "a").write_bytes(formats.content(100, layer))
        with opened(tmp_path / "a", "caffe") as stored:
            assert stored["conv/0"].read().numpy().tolist() == values.tolist()


def _shape(size: int) -> bytes:
    return formats.content(7, formats.content(1, formats.varint(size)))


class _Harm:
    def __reduce__(self) -> Any:
        return os.system, ("touch harmed",)


def test_state_dicts_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, content in enumerate((_Harm(), {"conv.weight": _Harm()}, {"x": Path("x")})):
        for zipped in (True, False):
            file = tmp_path / f"{number}{zipped}"
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            message = refused(file, "torch")
            assert "torch cannot load it safely: UnpicklingError" in message
            assert "weights_only" not in message
    (tmp_path / "plain").write_bytes(pickle.dumps(_Harm()))
    refused(tmp_path / "plain", "torch")
    assert not (tmp_path / "harmed").exists()


def test_state_dicts_that_are_none(tmp_path: Path) -> None:
    found = {name: torch.from_numpy(array) for name, array in arrays("torch").items()}
    twice = found | {"module.conv.bias": torch.zeros(2)}
    wide = found | {"conv.weight": torch.zeros(1).expand(HUGE)}
    nested: Any = {}
    for _ in range(60):  # as a tree it would have 2**60 branches
        nested = {"a": nested, "b": nested}
    for number, (content, why) in enumerate(
        (
            ([1, 2], "a list where a state dict belongs"),
            (found | {"epoch": 3}, "'epoch' is no tensor"),
            (found | {7: torch.zeros(1)}, "7 is no tensor"),
            (twice, "two tensors have the name 'conv.bias'"),
            (wide, f"conv.weight [{HUGE}] for [2, 3, 3, 3]"),
            (found | {"conv.bias": torch.eye(2).to_sparse()}, "'conv.bias' is no plain tensor"),
            (found | {"conv.bias": torch.zeros(2, device="meta")}, "'conv.bias' is no plain"),
            (found | {"conv.bias": torch.zeros(2, dtype=torch.complex64)}, "holds torch.complex64"),
            (nested, "'a' is no tensor"),
        )
    ):
        file = tmp_path / f"{number}"
        torch.save(content, file)
        assert why in refused(file, "torch")


def test_a_zip_that_is_larger_inside(tmp_path: Path) -> None:
    file = formats.pytorch(tmp_path / "a", arrays("torch"))
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    packed = [crafted.Entry(name.encode(), value) for name, value in entries.items()]
    bomb = crafted.Entry(b"a/data/9", crafted.zeros(4096), 2**32 - 1, crafted.DEFLATED)
    message = refused(crafted.write_zip(tmp_path / "b", *packed, bomb), "torch")
    assert "its entries unpack to more than the file" in message
