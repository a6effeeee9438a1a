"""Stores that were damaged and disks that refuse, in one message that says what to do."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from typing import Any

import pytest
import zarr

from tests.builders import edited
from tests.spoiling import Case, Spoil, content, copied, cut, flipped, refusals, remove
from tests.workbench import UCF, Bench


def small_disk(bench: Bench, size: str = "12k") -> None:
    """Lets the stages write to a disk of a few pages."""
    bench.target.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(bench.target)]
    if shutil.which("mount") is None:
        pytest.skip("no command mount")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"may not mount a small disk: {done.stderr.splitlines()[0]}")
    bench.mounted.append(bench.target)


def read_only_disk(bench: Bench) -> None:
    small_disk(bench)
    subprocess.run(["mount", "-o", "remount,ro", str(bench.target)], check=True)


def no_space(bench: Bench) -> None:
    """Zarr's writing raises what a full disk raises."""

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bench.patch.setattr(zarr.storage._local, "_put", refuse)


def json_keys(pattern: str, **values: Any) -> Spoil:
    def spoil(bench: Bench) -> None:
        edited(bench.file(pattern), lambda text: json.dumps(json.loads(text) | values))

    return spoil


CASES = [
    Case(
        "no manifest of frames",
        "ucf_sports",
        "gaze",
        remove("made/frames/0001.json"),
        "made/frames/0001.json",
        ("not a manifest", "rerun it: snakemake --cores 2 --forcerun"),
    ),
    Case(
        "manifest of another kind for frames",
        "ucf_sports",
        "gaze",
        copied("made/gaze/0001.json", "made/frames/0001.json"),
        "made/frames/0001.json",
        ("expected kind frames, found 'gaze'",),
    ),
    Case(
        "truncated manifest",
        "ucf_sports",
        "flow",
        cut("made/frames/0001.json", 0.5),
        "made/frames/0001.json",
        ("not a manifest", "rerun it: snakemake --cores 2 --forcerun"),
    ),
    Case(
        "no manifest of gaze",
        "ucf_sports",
        "density",
        remove("made/gaze/0001.json"),
        "made/gaze/0001.json",
        ("not a manifest", "rerun it: snakemake --cores 2 --forcerun"),
    ),
    Case(
        "manifest of another kind for gaze",
        "ucf_sports",
        "density",
        json_keys("made/gaze/0001.json", kind="density"),
        "made/gaze/0001.json",
        ("expected kind gaze, found 'density'",),
    ),
    Case(
        "missing chunk of gaze",
        "ucf_sports",
        "density",
        remove(f"made/gaze/0001.zarr/{UCF}/c/0/0"),
        f"made/gaze/0001.zarr/{UCF}/c/0/0",
        ("found missing", "rerun"),
    ),
    Case(
        "missing shard of frames",
        "ucf_sports",
        "flow",
        remove(f"made/frames/0001.zarr/{UCF}/c/0"),
        f"made/frames/0001.zarr/{UCF}/c/0/0/0/0",
        ("found missing", "rerun"),
    ),
    Case(
        "flipped byte in a shard of frames",
        "ucf_sports",
        "flow",
        flipped(f"made/frames/0001.zarr/{UCF}/c/0/0/0/0"),
        "made/frames/0001",
        ("rerun",),
    ),
    Case(
        "flipped byte in a chunk of gaze",
        "ucf_sports",
        "density",
        flipped(f"made/gaze/0001.zarr/{UCF}/c/0/0"),
        "made/gaze/0001",
        ("rerun",),
    ),
    Case(
        "list for a manifest",
        "ucf_sports",
        "flow",
        content("made/frames/0001.json", b"[]"),
        "made/frames/0001.json",
        ("rerun",),
    ),
    Case(
        "truncated shard of frames",
        "ucf_sports",
        "flow",
        cut(f"made/frames/0001.zarr/{UCF}/c/0/0/0/0", 0.5),
        f"made/frames/0001.zarr/{UCF}/c/0/0/0/0",
        ("expected", "bytes", "rerun"),
    ),
    Case(
        "full disk, of tmpfs",
        "ucf_sports",
        "frames",
        small_disk,
        "data/frames/0001.zarr",
        ("no space left on its disk", "free space there"),
    ),
    Case(
        "full disk, as zarr sees it",
        "ucf_sports",
        "gaze",
        no_space,
        "data/gaze/0001.zarr",
        ("no space left on its disk", "free space there"),
    ),
    Case(
        "read-only disk",
        "ucf_sports",
        "frames",
        read_only_disk,
        "data/frames",
        ("read-only", "make it writable"),
    ),
    Case(
        "file where the target's folder should be",
        "ucf_sports",
        "frames",
        lambda bench: bench.target.write_text("mine"),
        "data",
        ("a file is where a folder should be", "move the file away"),
    ),
]


test_one_message_and_nothing_left = refusals(CASES)
