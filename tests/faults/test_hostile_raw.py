"""Raw files made to harm: one line each, in time and within memory, and nothing is executed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.faults.test_hostile_maps import MEGABYTES
from tests.faults.trial import SECONDS, Trial
from tests.workbench import draw_benches


def faults_of(folder: Path, trial: Trial) -> list[str]:
    """What is wrong about a trial."""
    found = trial.result or {"raised": "killed"}
    said = str(found.get("refused", ""))
    faults = {
        found.get("raised"): "raised" in found,
        f"{trial.seconds:.1f} s": trial.seconds > SECONDS,
        f"{trial.megabytes:.0f} MB": trial.megabytes > MEGABYTES,
        f"written: {[*folder.iterdir()]}": len([*folder.iterdir()]) != 1,
        f"no line: {said}": "refused" in found and (not said.isprintable() or len(said) > 2000),
        f"no file is named: {said}": "refused" in found and str(folder) not in said,
    }
    return [str(text) for text, wrong in faults.items() if wrong]


@pytest.mark.slow
def test_a_hostile_raw_file_is_one_line(tmp_path: Path) -> None:
    benches = tmp_path / "benches"
    benches.mkdir()
    draw_benches(benches)
    command = [sys.executable, "-m", "tests.faults.hostile_raw", str(tmp_path), str(benches)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trials = [Trial(*fields) for fields in json.loads(done.stdout)]
    faults = {trial.name: faults_of(tmp_path / str(i), trial) for i, trial in enumerate(trials)}
    assert {name: found for name, found in faults.items() if found} == {}
    longest, largest = (max(trial[i] for trial in trials) for i in (2, 3))
    print(f"raw: {len(trials)} inputs, at most {longest:.1f} s and {largest:.0f} MB")
