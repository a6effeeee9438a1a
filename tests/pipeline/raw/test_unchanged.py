"""Raw files that are replaced, grow or vanish while a job reads them, and the digest of others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.raw.unchanged import Unchanged
from pipeline.runtime.errors import InputError


def _grow(file: Path) -> None:
    with file.open("ab") as more:
        more.write(b"x")


def _replace(file: Path) -> None:
    """By another of the same size and date."""
    before = file.stat()
    other = file.with_name("other")
    other.write_bytes(b"two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)


def _write_in_place(file: Path) -> None:
    file.write_bytes(b"two")
    os.utime(file, ns=(0, 1))


@pytest.mark.parametrize("change", [_grow, _replace, _write_in_place, Path.unlink])
@pytest.mark.parametrize("error", [None, ValueError("cut short")])
def test_a_file_that_changes_is_named_whatever_that_led_to(
    tmp_path: Path, change: Callable[[Path], object], error: Exception | None
) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(b"one")
    with (
        pytest.raises(InputError, match=rf"^{files[1]}: changed while it was read; rerun"),
        Unchanged(files),
    ):
        change(files[1])
        if error is not None:
            raise error


def test_the_digest_is_of_the_contents_and_of_nothing_else(tmp_path: Path) -> None:
    found = []
    for name, contents in {"x": (b"1", b"2"), "y": (b"1", b"2"), "z": (b"2", b"1")}.items():
        files = [tmp_path / f"{name}{i}" for i in range(2)]
        for i, (file, content) in enumerate(zip(files, contents, strict=True)):
            file.write_bytes(content)
            os.utime(file, ns=(0, i))
        with Unchanged(files) as read:
            pass
        found.append(read.digest)
    assert found[0] == found[1] != found[2]
    assert all(found)


def test_other_errors_are_raised_as_they_are(tmp_path: Path) -> None:
    for error in (ValueError("x"), KeyboardInterrupt(), FileNotFoundError("no such file")):
        with pytest.raises(type(error)), Unchanged([tmp_path / "absent"]):
            raise error
