"""Snakemake answers SIGTERM, and in a scheduler's job passes it on to what it started."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from pipeline.planning import signals
from tests.builders import run_python

HEARING = r"""
import os, signal, sys, time
def heard(number, _frame):
    os.write(1, f"{signal.Signals(number).name}\n".encode())
    raise SystemExit
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, heard)
open(sys.argv[1], "w").close()
time.sleep(30)
"""
JOB = r"""
import os, signal, subprocess, sys, time
from pathlib import Path
from pipeline.planning.signals import answer_sigterm
from snakemake.scheduling.job_scheduler import JobScheduler

class Scheduler(JobScheduler):
    def __init__(self):
        signal.signal(signal.SIGTERM, self.exit_gracefully)

JobScheduler.exit_gracefully = lambda scheduler: os.write(1, b"answered\n")
JobScheduler.exit_gracefully.__module__ = "snakemake"
number, job, hearing, folder, srun = sys.argv[1:]
answer_sigterm(job=job == "job")
scheduler = Scheduler()
# A shell between them, as a rule's may be; `; true` so that it stays.
line = f"trap : TERM USR1; {sys.executable} -c '{hearing}' {folder}/ready; true"
shell = subprocess.Popen(["bash", "-c", line])
client = subprocess.Popen([srun, "30"])
while not Path(folder, "ready").exists():
    time.sleep(0.05)
os.kill(os.getpid(), int(number))
time.sleep(0.5)
os.write(1, b"later\n")
os.write(1, f"srun lives: {client.poll() is None}\n".encode())
client.kill()
if job != "job":
    subprocess.run(["pkill", "-P", str(shell.pid)])
shell.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_the_snakemake_of_a_job_passes_signals_on(tmp_path: Path, number: signal.Signals) -> None:
    """Slurm signals no more than what it started itself, where it keeps processes in cgroups."""
    srun = tmp_path / "srun"
    shutil.copy(shutil.which("sleep") or "sleep", srun)
    words = (str(int(number)), "job", HEARING, str(tmp_path), str(srun))
    said = run_python("-c", JOB, *words, timeout=60)
    lines = said.stdout.splitlines()
    assert lines.index(number.name) < lines.index("later"), said.stderr
    assert ("answered" in lines) == (number == signal.SIGTERM)
    assert "srun lives: True" in lines  # which would kill what it started


def test_the_callers_snakemake_lets_its_jobs_end(tmp_path: Path) -> None:
    words = (str(int(signal.SIGTERM)), "call", HEARING, str(tmp_path), shutil.which("sleep") or "")
    lines = run_python("-c", JOB, *words, timeout=60).stdout.splitlines()
    assert lines.index("answered") < lines.index("later") < lines.index("SIGTERM")


def test_sigterm_is_answered_while_snakemake_notes_what_became_of_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(JobScheduler, "exit_gracefully", JobScheduler.exit_gracefully)
    signals.answer_sigterm(job=False)
    signals.answer_sigterm(job=False)
    scheduler = JobScheduler.__new__(JobScheduler)
    scheduler._lock, scheduler._open_jobs = threading.Lock(), threading.Semaphore(0)
    before = signal.signal(signal.SIGTERM, scheduler.exit_gracefully)
    try:
        with scheduler._lock:
            os.kill(os.getpid(), signal.SIGTERM)
        assert scheduler._open_jobs.acquire(timeout=30)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert scheduler._user_kill == "graceful"
