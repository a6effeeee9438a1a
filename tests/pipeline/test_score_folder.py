"""Whatever is wrong with a call of score_folder is one line before any ground truth is made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline import score_folder
from pipeline.evaluation.metrics.registry import METRICS
from pipeline.reporting.means import Measurement
from pipeline.runtime.errors import InputError

CLIPS = ("Diving-Side_001", "Run-Side_001")
"""Of the demo's UCF-Sports, split test."""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """Maps in an empty working folder, and the calls of Snakemake, which all fail."""
    found: list[list[str]] = []

    def fail(line: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        found.append(line)
        return subprocess.CompletedProcess(line, 1)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", fail)
    for clip in CLIPS:
        save(Path("maps") / clip)
    yield found


def save(folder: Path) -> None:
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "0001.png"), np.arange(12, dtype=np.uint8).reshape(3, 4))


def message(*words: str) -> str:
    """The line that the command ends with."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["score_folder", *words])
        score_folder.main()
    assert isinstance(ended.value.code, str)
    assert ended.value.code.startswith("python -m pipeline.score_folder: ")
    return ended.value.code


def empty(path: Path) -> None:
    path.mkdir()


def ambiguous(path: Path) -> None:
    for clip in CLIPS:
        save(path / clip / "one")
        save(path / clip / "two")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "given: no such folder or file"),
        (empty, "given: no saliency map in it: it is empty"),
        (os.mkfifo, "given: neither a folder nor a regular file"),
        (lambda path: save(path / "0601"), "none of its names is a clip's: found 0601; expected"),
        (lambda path: path.symlink_to(path.name), "given: cannot be read (Too many levels"),
        (ambiguous, "ambiguous_clip: Diving-Side_001: expected one set of maps, found 2 that fit"),
    ],
)
def test_maps_that_cannot_be_scored(
    calls: list[list[str]], make: Callable[[Path], Any], told: str
) -> None:
    make(Path("given"))
    line = message("given", "--dataset", "ucf_sports", "--run", "demo")
    assert told in line
    assert "\n" not in line
    assert calls == []
    assert not Path("results").exists()


@pytest.mark.parametrize("out", ["file", "file/x", "x" * 300, "loop"])
def test_a_folder_that_cannot_be_written_to(calls: list[list[str]], out: str) -> None:
    Path("file").touch()
    Path("loop").symlink_to("loop")
    line = message("maps", "--dataset", "ucf_sports", "--run", "demo", "--out", out)
    assert f"--out {out}: no folder that can be written to (" in line
    assert "choose another --out" in line
    assert calls == []


def test_a_folder_on_a_disk_that_is_full(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(score_folder, "TemporaryFile", full)
    assert "No space left" in message("maps", "--dataset", "ucf_sports", "--run", "demo")
    assert calls == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--dataset", "ucf_sport"), "--dataset ucf_sport: known are "),
        (("--dataset", "ucf_sport"), "did you mean ucf_sports?"),
        (("--dataset", "ucf_sports", "--split", "val"), "ucf_sports has no clip of split val"),
        (("--dataset", "ucf_sports", "--run", "mine"), "run: mine"),
    ],
)
def test_names_that_are_not_known(
    calls: list[list[str]], words: tuple[str, ...], told: str
) -> None:
    assert told in message("maps", "--run", "demo", *words)
    assert calls == []


@pytest.mark.parametrize("threads", ["0", "-3", "9" * 5000, "1e3", "many"])
def test_a_number_of_threads(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(sys, "argv", ["x", "maps", "--dataset", "dhf1k", f"--threads={threads}"])
        score_folder.main()
    assert "expected a number from 1 to 1024" in capsys.readouterr().err


@pytest.mark.parametrize("dataset", ["ucf_sports", "diem_meta"])
def test_no_other_datasets_raw_files_are_asked_for(calls: list[list[str]], dataset: str) -> None:
    for clip in ("demo_kite_160x120", "demo_snail_160x120"):
        save(Path("maps") / clip)
    line = message("maps", "--dataset", dataset, "--run", "demo")
    assert "could not be made; Snakemake says above what it needs" in line
    (call,) = calls
    without = next(word for word in call if word.startswith("without="))
    others = {"ucf_sports", "hollywood2", "dhf1k", "diem", "ledov", "salicon"}
    others |= {"diem_meta", "ledov_meta"}
    own = {"diem_meta", "diem"} if dataset == "diem_meta" else {dataset}
    assert {*json.loads(without.removeprefix("without="))} == others - own
    assert Path(call[call.index("--snakefile") + 1]).is_file()


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), BlockingIOError(11, "Try again")]
)
def test_a_machine_that_starts_no_thread(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(score_folder, "opened_truth", fail)
    line = message("maps", "--dataset", "ucf_sports", "--run", "demo")
    assert "no further thread or process can be started here; lower --threads" in line


def test_names_without_letters_make_a_folder(calls: list[list[str]]) -> None:
    """Where MAPS is the working folder, its own name counts."""
    os.chdir("maps")
    message(".", "--dataset", "ucf_sports", "--run", "demo")
    assert Path("results/demo/given/maps/ucf_sports").is_dir()
    with pytest.raises(InputError, match="has no clip of split train"):
        score_folder.score_folder(Path(), dataset="ledov", split="train", run="demo")


def test_frames_that_a_failed_job_took_away_are_made_again(calls: list[list[str]]) -> None:
    """Snakemake leaves what was made from a store that is gone, though raw files changed."""
    message("maps", "--dataset", "ucf_sports", "--run", "demo")
    ((*_, frames, density, gaze),) = calls
    assert [Path(one).parts[-2] for one in (frames, density, gaze)] == ["frames", "density", "gaze"]


def test_the_table_of_means_is_whole_in_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    found = Measurement("clip", 7, ("a",), {}, dict.fromkeys(METRICS, 0.5), {}, {}, {})
    score_folder.show({"pysaliency": found}, [], tmp_path)
    said = capsys.readouterr().out
    assert all(metric in said for metric in METRICS)
    assert said.count("0.500") == len(METRICS)
