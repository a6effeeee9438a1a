"""The campaign of faults: a few of them in every run of the tests, hundreds by `make faults`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.builders import ROOT
from tests.workflow.conftest import Project, finished  # noqa: F401  a fixture

KILLS = os.environ.get("FAULTS_KILLS", "")
SEED = os.environ.get("FAULTS_SEED", "2431")
"""This one draws seven kinds of faults for the first five calls, which make results only."""
TRAININGS = ("image_flow", "pwcnet")
EVERYTHING = ["results/tables", *(f"results/demo/weights/flow/{name}.csv" for name in TRAININGS)]
"""With the tables' own, every stage that computes."""
READ_AHEAD = ["--set-threads", *(f"{name}=2" for name in ("pretrain", "finetune", "train_flow"))]
"""Of two threads one reads, in a process that can be killed."""


def disturbed(tmp_path: Path, undisturbed: Path, kills: str, *arguments: str) -> str:
    """The report of a campaign, which must find no file that differs."""
    alone = ["unshare", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        alone = []
    words = [str(tmp_path / "disturbed"), str(undisturbed), "--kills", kills, "--seed", SEED]
    line = [*alone, sys.executable, "-m", "tests.faults.campaign", *words, "--", *arguments]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as campaign:
        assert campaign.stdout is not None
        report = ""
        for text in campaign.stdout:
            print(text, end="", flush=True)
            report += text
    assert campaign.returncode == 0, report
    return report


@pytest.mark.slow
@pytest.mark.skipif(bool(KILLS), reason="make faults: the long campaign takes its place")
def test_after_a_few_faults_every_file_is_as_if_nothing_had_happened(
    tmp_path: Path,
    finished: Path,  # noqa: F811
) -> None:
    report = disturbed(tmp_path, finished, "4", "--", "results/tables")
    assert "4 kills, " in report


@pytest.mark.skipif(not KILLS, reason="make faults KILLS=100: takes a quarter of an hour")
def test_after_hundreds_of_faults_every_file_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    undisturbed = Project.copied(folder)
    undisturbed.cut()
    file = folder / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["flow_weights"]["training"] |= {"iterations": 4, "size": [128, 128], "held_out": 4}
    config["image_flow_weights"]["training"] |= {"datasets": ["ucf_sports"], "epochs": 0.1}
    config["tables"]["table_1"]["measured"] |= {
        "Mean training map": {"model": "mean_map", "training": "setting_1_ucf_sports"},
        "Observers": {"model": "observers", "training": "untrained"},
    }
    file.write_text(yaml.safe_dump(config))
    undisturbed.run(*READ_AHEAD, "--", *EVERYTHING)
    disturbed(tmp_path, folder, KILLS, *READ_AHEAD, "--", *EVERYTHING)
