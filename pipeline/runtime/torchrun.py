"""Run a stage as one process or as several.

`python -m pipeline.runtime.torchrun 4 pipeline.training.finetune ...` starts four: one per GPU,
under PyTorch's `torchrun`, each with the same command line. A single one runs without it.
"""

import os
import sys

from pipeline.runtime.cards import claim
from pipeline.runtime.interruption import SIGNALS


def command(count: int, module: str, arguments: list[str]) -> list[str]:
    """The command line that runs a stage's module in `count` processes."""
    passed_on = f"--signals-to-handle=SIGQUIT,{','.join(signal.name for signal in SIGNALS)}"
    options = ["--standalone", f"--nproc-per-node={count}", passed_on]
    # After `--` torchrun takes no word for its own: Python 3.11's argparse refuses `--log`, with
    # which two of its options begin.
    several = ["-m", "torch.distributed.run", *options, "-m", "--"]
    return [sys.executable, *(several if count > 1 else ["-m"]), module, *arguments]


def take_cards(count: int) -> None:
    """Let the processes of a job see GPUs of their own, if there are as many.

    They are this process's, which becomes torchrun, until the job ends.
    """
    from pipeline.runtime.devices import cards  # torch, which a single process imports itself

    here = cards()
    if len(here) >= count:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = seen.split(",") if seen else [*map(str, range(len(here)))]
        mine = claim(here, count, inherited=True)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names[number] for number in mine)


if __name__ == "__main__":
    line = command(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    if int(sys.argv[1]) > 1:
        take_cards(int(sys.argv[1]))
    # Replaces this process: a scheduler's signal then reaches the stage itself.
    os.execv(line[0], line)
