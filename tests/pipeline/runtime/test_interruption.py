"""Signals: a process that reads data outlives them for a while."""

from __future__ import annotations

import signal

from tests.builders import run_python


def test_a_process_that_reads_outlives_a_request_to_end_but_not_for_ever() -> None:
    code = (
        "import os, signal, time; from pipeline.runtime import interruption as i; i.GRACE = 1;"
        "i.outlive_signals(); os.kill(os.getpid(), signal.SIGTERM);"
        "os.kill(os.getpid(), signal.SIGINT); print('alive', flush=True); time.sleep(60)"
    )
    done = run_python("-c", code, timeout=30)
    assert (done.stdout, done.returncode) == ("alive\n", -signal.SIGALRM)
