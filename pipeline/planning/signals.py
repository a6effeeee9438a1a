"""How Snakemake hears signals, as the caller's process and within a scheduler's job."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.runtime.interruption import SIGNALS


def answer_sigterm(*, job: bool) -> None:
    """Let Snakemake answer SIGTERM in a thread of its own.

    Its handler takes a lock that the main thread, which runs the handler, may hold at that moment
    (while it notes what became of a job); then both wait without end.

    In a job of a scheduler (`job`) it also passes the signal on, and SIGUSR1, SIGUSR2 and SIGHUP
    too. Where Slurm keeps processes in cgroups it signals those alone that it started itself, up to
    SIGKILL: that is the job's Snakemake, which would wait for a training that never hears of it.
    """
    # Only here: --help and what else plans nothing need no scheduler.
    from snakemake.scheduling.job_scheduler import JobScheduler  # type: ignore[import-untyped]

    answer = JobScheduler.exit_gracefully
    if answer.__module__ == __name__:  # another module of a workflow of several was here before
        return

    def exit_gracefully(scheduler: Any, *_signal: object) -> None:
        if job:
            pass_on(signal.SIGTERM)
        threading.Thread(target=answer, args=(scheduler,), daemon=True).start()

    JobScheduler.exit_gracefully = exit_gracefully
    if job:
        for number in SIGNALS:
            # Snakemake has answers of its own to the first two; nohup ignores SIGHUP.
            if number not in (signal.SIGTERM, signal.SIGINT) and (
                signal.getsignal(number) == signal.SIG_DFL
            ):
                signal.signal(number, lambda number, _frame: pass_on(number))


def pass_on(number: int) -> None:
    """Send a signal to all that this process started, and to what they started."""
    for process in list(_descendants()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _descendants() -> Iterator[int]:
    parents = dict[int, list[int]]()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # A name, in parentheses, may hold spaces and parentheses itself.
            name, _, after = file.read_text(errors="replace").rpartition(")")
            if not name.endswith("(srun"):  # it kills what it started when it hears SIGTERM
                parents.setdefault(int(after.split()[1]), []).append(int(file.parent.name))
    found = [os.getpid()]
    for process in found:  # it grows on the way
        children = parents.get(process, [])
        yield from children
        found += children
