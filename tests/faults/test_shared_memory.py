"""Batches through a /dev/shm that is too small (Docker's), cannot be written, or is not there.

Run as a program, this file reads ten batches of six megabytes by two processes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from pipeline.runtime.processes import Processes
from pipeline.training.batches import Order, load
from tests.builders import ROOT

MOUNTS = {
    "1 MB": "mount -t tmpfs -o size=1m tmpfs /dev/shm",
    "16 MB": "mount -t tmpfs -o size=16m tmpfs /dev/shm",
    "64 MB": "mount -t tmpfs -o size=64m tmpfs /dev/shm",
    "read-only": "mount -t tmpfs -o ro tmpfs /dev/shm",
    # A disk in the place of /dev that has no more than Python needs.
    "none": "mkdir -p $0/dev && mount -t tmpfs tmpfs $0/dev && mknod $0/dev/null c 1 3"
    " && mknod $0/dev/urandom c 1 9 && mount --move $0/dev /dev",
}
SAYS = {
    "1 MB": "free, too little for this",
    "16 MB": "free, too little for this",
    "read-only": "Read-only file system",
    "none": "No such file or directory",
}


class Batch(NamedTuple):
    frame: Tensor


class Drawn:
    """Samples of half a megabyte that are their numbers."""

    digests: Sequence[str] = ()

    def __len__(self) -> int:
        return 60

    @property
    def epoch(self) -> int:
        return len(self)

    def batch(self, indices: Sequence[int]) -> Batch:
        return Batch(torch.tensor(indices)[:, None].expand(-1, 1 << 16).contiguous())

    def start_worker(self) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("shared", MOUNTS)
def test_every_batch_comes_with_one_line_where_room_is_short(shared: str, tmp_path: Path) -> None:
    line = ["unshare", "--mount", "bash", "-c"]
    tried = subprocess.run(
        [*line, MOUNTS[shared], str(tmp_path)], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"mounts are not permitted here: {tried.stderr.strip()}")
    done = subprocess.run(
        [*line, f"{MOUNTS[shared]} && cd {ROOT} && exec {sys.executable} -m {__name__}", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "read 10"
    assert len(lines) == (2 if shared in SAYS else 1)
    assert SAYS.get(shared, "read") in lines[0]


if __name__ == "__main__":
    drawn = Drawn()
    order = Order(count=60, batch=12, iterations=10, seed=0, processes=Processes(0, 1))
    read = 0
    for draw, batch in zip(list(order), load(drawn, order, 2), strict=True):
        assert torch.equal(batch.frame, drawn.batch(draw.indices).frame)
        read += 1
    print("read", read)
