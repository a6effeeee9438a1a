"""A stage as one process or as several."""

from __future__ import annotations

import sys

import pytest

from pipeline.runtime.torchrun import command


@pytest.mark.parametrize(("count", "words"), [(1, 0), (4, 5)])
def test_several_processes_are_started_by_torchrun(count: int, words: int) -> None:
    line = command(count, "pipeline.training.finetune", ["--seed", "1"])
    assert line[0] == sys.executable
    assert line[-4:] == ["-m", "pipeline.training.finetune", "--seed", "1"]
    assert len(line) == 5 + words
    assert (f"--nproc-per-node={count}" in line) == (count > 1)
