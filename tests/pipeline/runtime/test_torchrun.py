"""A stage as one process or as several."""

from __future__ import annotations

import sys

from pipeline.runtime.torchrun import command

MODULE = "pipeline.training.finetune"
GIVEN = [
    "--seed",
    "1",
    "--weights",
    "w",
    "--log",
    "rows.csv",
    "--network",
    "@n",
    "--no-python",
    "x",
]
"""Options of stages, two of which torchrun would take for its own or for beginnings of these."""


def test_one_process_is_started_alone() -> None:
    assert command(1, MODULE, GIVEN) == [sys.executable, "-m", MODULE, *GIVEN]


def test_several_processes_are_started_by_torchrun() -> None:
    from torch.distributed.run import parse_args

    python, minus_m, torchrun, *words = command(4, MODULE, GIVEN)
    assert (python, minus_m, torchrun) == (sys.executable, "-m", "torch.distributed.run")
    found = parse_args(words)
    assert found.module and not found.no_python
    assert (found.training_script, found.training_script_args) == (MODULE, GIVEN)
    assert (found.nproc_per_node, found.standalone) == ("4", True)
    assert "SIGUSR1" in found.signals_to_handle
