"""Folders that others fill, looked at without trust in their names and kinds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.raw.patterns import tree_digest, within_range
from pipeline.raw.splits import SheetClip
from pipeline.runtime.errors import InputError


def test_a_digest_of_maps_counts_regular_files_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    digests = [tree_digest(tmp_path / "maps")]
    for name in ("a.png", "\udcff.png", "x\x1b.png"):
        (tmp_path / "maps" / name).write_bytes(b"x")
        digests.append(tree_digest(tmp_path / "maps"))
    assert len({*digests}) == len(digests)
    os.mkfifo(tmp_path / "maps/pipe")
    (tmp_path / "maps/disk").symlink_to("/")
    (tmp_path / "maps/none").symlink_to("nowhere")
    assert tree_digest(tmp_path / "maps") == digests[-1]


@pytest.mark.parametrize(
    ("numbers", "last", "named"),
    [
        ((1, 2, 10**15), None, "/1000000000000000.png: frames 1 to 1000000000000000 would lack"),
        ((1, 2), 999_999_999, "a: frames 1 to 999999999 would lack"),
        ((), 999_999_999, "a: frames 1 to 999999999 would lack"),
    ],
)
def test_a_number_far_beyond_all_others_is_refused_at_once(
    tmp_path: Path, numbers: tuple[int, ...], last: int | None, named: str
) -> None:
    files = {number: tmp_path / f"{number}.png" for number in numbers}
    with pytest.raises(InputError, match=named):
        within_range(files, SheetClip("a", "test", None, last))
    near, absent = within_range({1: tmp_path, 4: tmp_path}, SheetClip("a", "test", None, 5))
    assert [*near] == [1, 4] and absent == [2, 3, 5]
