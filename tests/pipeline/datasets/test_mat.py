from __future__ import annotations

import struct
from functools import partial

import h5py
import numpy as np
import pytest
from scipy.io import savemat

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


@pytest.mark.parametrize("value", ["word", [np.eye(2), np.eye(3)], np.array([1j]), {"x": 1}])
def test_no_numbers(tmp_path, value):
    with pytest.raises(ReaderError, match=r"a\.mat: expected I to be numbers, found .*; copy"):
        as_numbers(tmp_path / "a.mat", "I", value)


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
    with pytest.raises(ReaderError, match=r"at most 100000000 numbers.* announce 1000000000000;"):
        read_mat(path, "I")


def test_sizes_inside_a_struct_are_checked(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("Data").create_dataset("x", (10**5, 10**4), "f8", chunks=(100, 100))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49))
    with pytest.raises(ReaderError, match="announce 1000000000;"):
        read_struct(path, "Data", ("x",))
