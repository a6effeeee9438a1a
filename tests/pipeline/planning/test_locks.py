"""A folder that a killed Snakemake left locked is unlocked only where nothing can work there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.planning import locks
from pipeline.planning.locks import RUNNING, hold


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """A call that works in the folder, and ends as a killed one does: without a word."""
    known = len(locks._held)
    hold(folder)
    try:
        yield
    finally:
        for file in locks._held[known:]:
            file.close()


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts back what `hold` leaves to the jobs of this process."""
    monkeypatch.setenv(RUNNING, "")
    monkeypatch.setattr(locks, "PATIENCE", 0.3)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Snakemake's folder after a call was killed."""
    folder = tmp_path / ".snakemake"
    with holding(folder):
        (folder / "locks").mkdir()
        (folder / "locks/0.output.lock").write_text("results/tables/table_1.csv\n")
        (folder / "incomplete").mkdir()
        (folder / "incomplete/cmVz").write_text('{"external_jobid": null}')
    return folder


def is_unlocked(folder: Path) -> bool:
    with holding(folder):
        return not (folder / "locks").exists()


def test_after_a_kill_the_next_call_unlocks(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert is_unlocked(killed)
    assert capsys.readouterr().err == (
        f"{killed}: unlocked: the call that had locked it was killed\n"
    )
    assert is_unlocked(killed)
    assert not capsys.readouterr().err


def test_a_living_call_keeps_its_lock(killed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with holding(killed):
        (killed / "locks").mkdir()
        (killed / "locks/0.output.lock").write_text("results/tables/table_1.csv\n")
        capsys.readouterr()
        assert not is_unlocked(killed)
        assert not is_unlocked(killed)
        assert not capsys.readouterr().err
    assert is_unlocked(killed)


@pytest.mark.parametrize("where", ["", "elsewhere pid:[4026531836]", "no words"])
def test_a_call_elsewhere_keeps_its_lock(
    killed: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    (killed / "running").write_text(where)
    for _ in range(2):
        assert not is_unlocked(killed)
    said = capsys.readouterr().err
    assert f"({where or 'unknown'}); if nothing works here any more: snakemake --unlock" in said


def test_jobs_that_still_run_keep_the_lock(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        env=os.environ | {RUNNING: str(killed)},
    )
    try:
        assert not is_unlocked(killed)
        assert f"its jobs still run: wait, or kill {job.pid}\n" in capsys.readouterr().err
        shutil.rmtree(killed / "locks")  # as by a call that ends well, though a job outlived it
        with pytest.raises(SystemExit, match=f"earlier call still run: wait, or kill {job.pid}$"):
            hold(killed)
    finally:
        job.kill()
        job.wait()
    assert is_unlocked(killed)


def test_jobs_of_a_scheduler_keep_the_lock(
    killed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (killed / "incomplete/cmVz").write_text('{"external_jobid": "4711"}')
    assert not is_unlocked(killed)
    assert "a scheduler may still run its jobs; if nothing works" in capsys.readouterr().err


def test_locks_of_another_user_stay(killed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert not is_unlocked(killed)


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hold(tmp_path / "file" / ".snakemake")
    hold(tmp_path / "file")
