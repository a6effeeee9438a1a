from __future__ import annotations

import struct
from functools import partial

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from pipeline.datasets.mat import as_numbers, read_mat, read_struct
from pipeline.datasets.records import ReaderError

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(params=["5", "7.3"])
def save(request, save_mat):
    return partial(save_mat, version=request.param)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.uint16, np.int32, np.bool_])
def test_matrix(tmp_path, save, dtype):
    matrix = np.arange(12).reshape(3, 4).astype(dtype)
    save(tmp_path / "a.mat", {"I": matrix, "other": np.eye(2)})
    found = as_numbers(tmp_path / "a.mat", "I", read_mat(tmp_path / "a.mat", "I"))
    np.testing.assert_array_equal(found, matrix)


def test_version_4(tmp_path):
    savemat(tmp_path / "a.mat", {"I": np.eye(3)}, format="4")
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "I"), np.eye(3))


def test_struct(tmp_path, save):
    save(tmp_path / "a.mat", {"S": {"x": np.eye(2), "y": np.array([[7.0]])}})
    found = read_struct(tmp_path / "a.mat", "S", ("x",))
    assert list(found) == ["x"]
    np.testing.assert_array_equal(found["x"], np.eye(2))


def test_no_struct(tmp_path, save):
    save(tmp_path / "a.mat", {"S": np.eye(2)})
    with pytest.raises(ReaderError, match=r"a\.mat: expected S to be a struct with the field x"):
        read_struct(tmp_path / "a.mat", "S", ("x",))


def test_wrong_key(tmp_path, save):
    save(tmp_path / "a.mat", {"S": np.eye(2)})
    with pytest.raises(ReaderError, match=r"a\.mat: no variable 'I'; copy"):
        read_mat(tmp_path / "a.mat", "I")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("word", "text"),
        (np.array(["ab", "cd"], dtype=object), "a cell"),
        (np.eye(2) * 1j, "values of type complex128"),
        ({"x": np.eye(2)}, "a struct"),
    ],
)
def test_no_numbers(tmp_path, save, value, kind):
    path = tmp_path / "a.mat"
    save(path, {"I": value})
    with pytest.raises(ReaderError, match=rf"a\.mat: expected I to be numbers, found {kind}; copy"):
        as_numbers(path, "I", read_mat(path, "I"))


@pytest.fixture
def save_sparse(tmp_path, request):
    """Writes a sparse matrix as Matlab does, in either version; returns the path."""

    def save(matrix, version, **changes):
        path = tmp_path / "a.mat"
        matrix = csc_matrix(matrix)
        if version == "5":
            for name, value in changes.items():
                setattr(matrix, name, value)
            savemat(path, {"I": matrix})
            return path
        parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr} | changes
        with h5py.File(path, "w", userblock_size=512) as file:
            group = file.create_group("I")
            group.attrs["MATLAB_class"] = np.bytes_("double")
            group.attrs["MATLAB_sparse"] = changes.get("rows", np.uint64(matrix.shape[0]))
            group["jc"] = np.asarray(parts["indptr"], np.uint64)
            if len(parts["data"]):
                group["data"], group["ir"] = parts["data"], np.asarray(parts["indices"], np.uint64)
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49))
        return path

    return save


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("dtype", [np.float64, np.bool_])
@pytest.mark.parametrize("points", [[], [(0, 0)], [(3, 1), (2, 5), (2, 1)]])
def test_sparse(save_sparse, version, dtype, points):
    whole = np.zeros((4, 6), dtype)
    for point in points:
        whole[point] = 1
    path = save_sparse(whole, version)
    found = as_numbers(path, "I", read_mat(path, "I"))
    np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize(
    "changes", [{"indices": np.array([1, 99])}, {"indptr": np.array([0, 2, 1, 2, 2, 2, 2])}]
)
def test_damaged_sparse(save_sparse, version, changes):
    whole = np.zeros((4, 6))
    whole[1, 1] = whole[2, 4] = 1
    path = save_sparse(whole, version, **changes)
    with pytest.raises(ReaderError, match=r"a\.mat: (the sparse I is damaged|not a readable)"):
        as_numbers(path, "I", read_mat(path, "I"))


@pytest.mark.parametrize("rows", [10**9, -4])
def test_absurd_sparse(save_sparse, rows):
    path = save_sparse(np.eye(4), "7.3", rows=np.int64(rows))
    with pytest.raises(ReaderError, match=r"announce 40000000\d\d; copy|dimensions \(-4, 4\)"):
        read_mat(path, "I")
    path = save_sparse(np.eye(7), "5")
    content = path.read_bytes()
    assert content.count(struct.pack("<2i", 7, 7)) == 1
    path.write_bytes(content.replace(struct.pack("<2i", 7, 7), struct.pack("<2i", rows, 7)))
    with pytest.raises(ReaderError, match=r"announce 7000000000; copy|dimensions \(-4, 7\)"):
        read_mat(path, "I")


def test_links_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    for link in (h5py.ExternalLink("b.mat", "/I"), h5py.SoftLink("/I")):
        with h5py.File(path, "w") as file:
            file["I"] = link
        with pytest.raises(ReaderError, match=r"not a readable Matlab file .*I is a link"):
            read_mat(path, "I")


def test_what_unpacks_to_too_much(tmp_path, monkeypatch):
    """A struct tells its size only when it is read."""
    path = tmp_path / "a.mat"
    savemat(path, {"S": {"x": np.zeros((300, 300))}}, do_compression=True)
    assert path.stat().st_size < 2000
    monkeypatch.setattr("pipeline.datasets.mat.LARGEST", 90_200)
    assert read_struct(path, "S", ("x",))["x"].shape == (300, 300)
    monkeypatch.setattr("pipeline.datasets.mat.LARGEST", 80_000)
    with pytest.raises(ReaderError, match=r"at most 80000 numbers, its headers announce 900\d\d;"):
        read_struct(path, "S", ("x",))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_truncated(tmp_path, save, share):
    path = tmp_path / "a.mat"
    save(path, {"I": np.random.default_rng(0).random((60, 60))})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ReaderError, match=r"a\.mat: not a readable Matlab file \(.*\); copy"):
        read_mat(path, "I")


def test_kind_of_variable_that_only_matlab_knows(tmp_path, save_mat):
    path = tmp_path / "a.mat"
    save_mat(path, {"I": np.eye(2)}, version="7.3")
    with h5py.File(path, "r+") as file:
        file["I"].attrs["MATLAB_class"] = np.bytes_("table")
    with pytest.raises(ReaderError, match=r"not a readable Matlab file \(.*not supported"):
        read_mat(path, "I")


@pytest.mark.parametrize("text", ["1 2 3\n", "x,y\n" + "4,5\n" * 99, "MATLAB 5.0 MAT-file" * 20])
def test_text(tmp_path, text):
    (tmp_path / "a.mat").write_text(text)
    with pytest.raises(ReaderError, match=r"a\.mat: not a readable Matlab file"):
        read_mat(tmp_path / "a.mat", "I")


def test_directory(tmp_path):
    with pytest.raises(ReaderError, match="no such file"):
        read_mat(tmp_path, "I")


def test_sizes_are_checked_before_anything_is_read(tmp_path, save):
    """A million times a million numbers would be 8 TB: an attempt to read them would show."""
    path = tmp_path / "a.mat"
    save(path, {"I": np.eye(2)})
    if h5py.is_hdf5(path):
        with h5py.File(path, "w") as file:
            file.create_dataset("I", (10**6, 10**6), "f8", chunks=(100, 100))
    else:
        savemat(path, {"I": np.eye(2)})
        content = path.read_bytes()
        small, large = struct.pack("<2i", 2, 2), struct.pack("<2i", 10**6, 10**6)
        assert content.count(small) == 1
        path.write_bytes(content.replace(small, large))
    with pytest.raises(ReaderError, match=r"at most 50000000 numbers.* announce 1000000000000;"):
        read_mat(path, "I")


def test_sizes_inside_a_struct_are_checked(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("Data").create_dataset("x", (10**5, 10**4), "f8", chunks=(100, 100))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49))
    with pytest.raises(ReaderError, match="announce 1000000000;"):
        read_struct(path, "Data", ("x",))
