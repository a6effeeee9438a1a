"""Folders that others fill, looked at without trust in their names and kinds."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.raw.patterns import tree_digest


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
