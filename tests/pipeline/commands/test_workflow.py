"""Tasks of the workflow call Snakemake with our Snakefile, where one works."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.main import main
from tests.builders import ROOT


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """Calls of Snakemake from an empty folder, of which none is made."""
    found: list[list[str]] = []

    def run(line: list[str], env: dict[str, str], check: bool) -> Any:
        assert env["PYTHONSAFEPATH"] == "1"
        assert not check
        found.append(line)
        return subprocess.CompletedProcess(line, 0)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    yield found


SNAKEMAKE = [sys.executable, "-P", "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
SNAKEMAKE += ["--directory", ".", "--cores", "3"]


def words(call: list[str]) -> list[str]:
    """What follows upon the part that all calls share."""
    assert call[: len(SNAKEMAKE)] == SNAKEMAKE
    return call[len(SNAKEMAKE) :]


def test_tables(calls: list[list[str]]) -> None:
    main(["tables", "--cores", "3"])
    main(["tables", "--cores", "3", "--run", "demo", "--", "--dry-run", "--forcerun", "score"])
    assert [words(call) for call in calls] == [
        ["--", "results/tables"],
        ["--config", "run=demo", "--dry-run", "--forcerun", "score", "--", "results/tables"],
    ]


def test_the_run_is_added_to_the_users_own_keys(calls: list[list[str]]) -> None:
    """Of several `--config` Snakemake reads the last one alone."""
    main(["tables", "-c", "3", "--run", "demo", "--", "--config", "seed=1", "-n"])
    assert words(calls[0]) == ["--config", "run=demo", "seed=1", "-n", "--", "results/tables"]


def test_report(calls: list[list[str]]) -> None:
    main(["report", "-c", "3", "-o", "pages/all.zip"])
    assert [words(call) for call in calls] == [
        ["--", "all", "report"],
        ["--report", "pages/all.zip"],
    ]
    assert Path("pages").is_dir()
    calls.clear()
    main(["report", "-c", "3", "--", "-n"])
    assert [words(call) for call in calls] == [["-n", "--", "all", "report"]]


def test_train(calls: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "gfsalnet", "--training", "setting_2", "-c", "3", "--run", "demo"])
    file = "results/demo/weights/gfsalnet/setting_2.safetensors"
    assert words(calls[0]) == ["--config", "run=demo", "--", file]
    assert capsys.readouterr().out == f"{file}\n"


def test_train_all_of_a_network(calls: list[list[str]]) -> None:
    main(["train", "spatial", "-c", "3", "--run", "demo"])
    made = {Path(word).stem for word in words(calls[0]) if word.endswith(".safetensors")}
    assert {"salicon", "setting_1_ucf_sports"} <= made


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["spatal"], "MODEL spatal: no training of run demo; .* did you mean spatial"),
        (["spatial", "--training", "setting2"], "--training setting2: .*did you mean setting_2"),
        (["salgan", "--training", "setting_2"], "salgan has no training setting_2"),
    ],
)
def test_train_something_unknown(given: list[str], says: str, calls: list[list[str]]) -> None:
    with pytest.raises(SystemExit, match=says):
        main(["train", *given, "--run", "demo"])
    assert calls == []


def test_snakemakes_status_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda line, **_: subprocess.CompletedProcess(line, 7))
    with pytest.raises(SystemExit) as ended:
        main(["tables"])
    assert ended.value.code == 7
