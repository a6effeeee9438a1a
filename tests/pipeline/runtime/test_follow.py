"""Which jobs run, by their logs and benchmarks, and their last lines."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.runtime.follow import SILENT, main, running, shown

NOW = 1_700_000_000.0


def written(path: Path, text: str, age: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - age, NOW - age))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    written(folder / "demo/finetune/gfsalnet/setting_2.log", "first\niteration 8 of 9, 3/s\n\n", 30)
    written(folder / "demo/flow/dhf1k/flow/0001.log", "clip 7\n", 90)
    # Ended well; made again since; silent for too long.
    written(folder / "demo/score/mit/pqft/untrained/diem.log", "done\n", 20)
    written(folder / "demo/benchmarks/score/mit/pqft/untrained/diem.tsv", "s\n1\n", 19)
    written(folder / "demo/gaze/diem/0001.log", "", 10)
    written(folder / "demo/benchmarks/gaze/diem/0001.tsv", "s\n1\n", 5000)
    written(folder / "demo/frames/diem/0001.log", "killed\n", SILENT + 1)
    return folder


@pytest.mark.parametrize("below", ["", "demo"])
def test_jobs_that_run_and_their_last_lines(logs: Path, below: str) -> None:
    found = running(logs / below, NOW)
    assert [(job.log.parts[-1], job.line) for job in found] == [
        ("0001.log", "clip 7"),
        ("setting_2.log", "iteration 8 of 9, 3/s"),
        ("0001.log", ""),
    ]
    lines = [*shown(found)]
    assert lines[0].endswith("flow/dhf1k/flow/0001, 2 min ago")
    assert lines[3] == "    iteration 8 of 9, 3/s"
    assert lines[5] == "    (nothing yet)"


def test_a_bar_that_a_library_drew_breaks_no_terminal(tmp_path: Path) -> None:
    written(tmp_path / "a/b.log", "\x1b[2K 10%\r\x1b[31m 20%" + 200 * "x", 1)
    (job,) = running(tmp_path, NOW)
    assert "\x1b" not in job.line and "20%" in job.line
    assert max(map(len, shown([job]))) <= 120


def test_command(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(logs), "--once"])
    assert "no job runs here" in capsys.readouterr().out
    file = logs / "demo/flow/dhf1k/flow/0001.log"
    os.utime(file, (time.time(), time.time()))
    main([str(logs), "--once"])
    assert "demo/flow/dhf1k/flow/0001, 0 s ago\n    clip 7\n" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no such folder"):
        main([str(logs / "none"), "--once"])
