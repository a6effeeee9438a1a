"""Keras's files that lie about themselves or were made to harm: one line each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipeline.importing import hdf5
from tests.pipeline.importing import formats
from tests.pipeline.importing.tiny import arrays
from tests.pipeline.importing.trying import refused

HUGE = 10**12
LAYER, KERNEL = "model_weights/conv2d_1/conv2d_1", "kernel:0"


def spoilt(path: Path, change: Any) -> Path:
    """A Keras file with its first kernel taken out, and something in its place."""
    file = formats.hdf5(path, arrays("hdf5"))
    with h5py.File(file, "a") as opened:
        group = opened[LAYER]
        del group[KERNEL]
        change(group)
    return file


def test_data_that_lie_elsewhere(tmp_path: Path) -> None:
    secret = formats.hdf5(tmp_path / "secret", arrays("hdf5"))
    inside = f"/{LAYER}/{KERNEL}"
    kernel = (3, 3, 3, 2)
    (tmp_path / "raw").write_bytes(bytes(216))
    layout = h5py.VirtualLayout(kernel, "f4")
    layout[:] = h5py.VirtualSource(secret, inside, kernel)

    def outside(group: h5py.Group) -> None:
        group.create_dataset(KERNEL, kernel, "f4", external=[(str(tmp_path / "raw"), 0, 216)])

    def linked(group: h5py.Group) -> None:
        group[KERNEL] = h5py.ExternalLink(secret, inside)

    def soft(group: h5py.Group) -> None:
        group[KERNEL] = h5py.SoftLink(f"{group.name}/bias:0")

    def virtual(group: h5py.Group) -> None:
        group.create_virtual_dataset(KERNEL, layout)

    for change, why in (
        (outside, "lies in other files"),
        (virtual, "lies in other files"),
        (linked, "has no"),
        (soft, "has no"),
        (lambda group: group.create_group(KERNEL), "is no array"),
    ):
        assert why in refused(spoilt(tmp_path / "a", change), "hdf5")


def test_data_that_are_not_what_they_seem(tmp_path: Path) -> None:
    for options, why in (
        ({"shape": (HUGE, HUGE), "dtype": "f4", "chunks": (1, 1)}, "packed in pieces"),
        ({"shape": (HUGE,), "dtype": "f4"}, f"has 0 bytes, its shape {4 * HUGE}"),
        ({"shape": (3, 3, 3, 2), "dtype": "f4"}, "has 0 bytes, its shape 216"),
        ({"data": h5py.Empty("f4")}, "is no array"),
        ({"data": ["a"], "dtype": h5py.string_dtype()}, "where plain numbers belong"),
        ({"data": np.zeros(3, "c8")}, "where plain numbers belong"),
    ):
        made = spoilt(tmp_path / "a", lambda group, o=options: group.create_dataset(KERNEL, **o))
        assert why in refused(made, "hdf5")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["../conv2d_1/kernel:0"], "has no"),
        (["/model_weights/conv2d_1/conv2d_1/kernel:0"], "has no"),
        (["."], "has no"),
        ([7], " for a name"),
        (np.zeros((2, 2)), "is no list of names"),
        (None, "has no attribute weight_names"),
        ([b"conv2d_1/bias:0"] * 2, "two tensors have the name"),
    ],
)
def test_lists_of_names_that_mislead(tmp_path: Path, names: Any, why: str) -> None:
    file = formats.hdf5(tmp_path / "a", arrays("hdf5"))
    with h5py.File(file, "a") as opened:
        attributes = opened["model_weights/conv2d_1"].attrs
        del attributes["weight_names"]
        if names is not None:
            attributes["weight_names"] = names
    assert why in refused(file, "hdf5")


def test_a_file_with_which_the_library_crashes_or_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = formats.hdf5(tmp_path / "a", arrays("hdf5"))
    listed = hdf5._listed
    parent = os.getpid()

    def crashes(opened: h5py.File) -> Any:
        if os.getpid() != parent:
            os.kill(os.getpid(), 11)
        return listed(opened)

    def hangs(opened: h5py.File) -> Any:
        while os.getpid() != parent:
            pass
        return listed(opened)

    monkeypatch.setattr(hdf5, "_PATIENCE", 0.5)
    for function in (crashes, hangs):
        monkeypatch.setattr(hdf5, "_listed", function)
        assert "it is damaged so that libhdf5 cannot open it" in refused(file, "hdf5")
