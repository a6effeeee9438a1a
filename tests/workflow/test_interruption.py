"""A training that a scheduler ends is saved, and goes on when Snakemake is called again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

TARGET = "results/demo/weights/spatial/salicon_1_1.safetensors"
LOG = "logs/demo/pretrain/spatial/salicon_1_1.log"


def _long(content: bytes) -> bytes:
    config = yaml.safe_load(content)
    config["pretraining"] |= {"epochs": 8.0, "checkpoint": 1000}
    return yaml.safe_dump(config).encode()


def _started(folder: Path) -> subprocess.Popen[bytes]:
    """As a scheduler starts a job: in a process group of its own."""
    line = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all", "--", TARGET]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.Popen(line, cwd=folder, env=environment, start_new_session=True)


def _wait_for(log: Path, words: str, job: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if log.is_file() and words in log.read_text():
            return
        assert job.poll() is None, "it ended before it could be told to"
        time.sleep(0.1)
    pytest.fail(f"{log} never said {words!r}")


@pytest.mark.slow
def test_told_to_end_a_job_saves_itself_and_is_resumed(project: Any) -> None:
    log = project.folder / LOG
    log.unlink(missing_ok=True)
    with project.changed(("config.yaml", _long)):
        job = _started(project.folder)
        try:
            _wait_for(log, "iteration 4 of 40", job)
            for _ in range(2):  # Slurm signals the job and its step
                os.killpg(job.pid, signal.SIGTERM)
                time.sleep(0.02)
            assert job.wait(60) != 0
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
        assert "SIGTERM: saved at iteration" in log.read_text()
        assert list((project.folder / "results/demo/checkpoints/spatial/salicon_1_1").rglob("*.pt"))
        project.run(TARGET)
        assert "resuming at iteration" in log.read_text()
        sheet = (project.folder / TARGET).with_suffix(".csv").read_text().splitlines()
        assert [row.split(",")[0] for row in sheet[1:]] == [str(i + 1) for i in range(40)]
