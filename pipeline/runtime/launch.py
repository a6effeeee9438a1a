"""Starts a stage as one process or as several.

`python -m pipeline.runtime.launch 4 pipeline.training.finetune ...` starts four.

Several are `torchrun`'s, one per GPU; each gets the same command line.
"""

from __future__ import annotations

import os
import sys


def command(count: int, module: str, arguments: list[str]) -> list[str]:
    """The command line of so many processes of a stage."""
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    return [sys.executable, *(several if count > 1 else []), "-m", module, *arguments]


if __name__ == "__main__":
    line = command(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    os.execv(line[0], line)
