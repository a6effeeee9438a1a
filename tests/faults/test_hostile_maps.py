"""Maps made to harm: none hangs, takes memory, is executed or writes; all others are read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.raw.video import LARGEST
from tests.builders import ROOT
from tests.faults.hostile_films import FILMS
from tests.faults.hostile_maps import FOLDERS, GROUPS, HARM, T
from tests.faults.hostile_stores import STORES, ZIPS
from tests.faults.trial import SECONDS, Trial

ALL = GROUPS | {"zips": ZIPS, "stores": STORES, "films": FILMS}
MEGABYTES = 2 * 4 * LARGEST / 1e6
"""Twice the largest picture, of four bytes a pixel."""


def faults_of(folder: Path, number: int, trial: Trial) -> list[str]:
    """What is wrong about a trial."""
    hostile = {name: one for group in ALL.values() for name, one in group.items()}[trial.name]
    found = trial.result or {"raised": "killed"}
    said = [found["refused"]] if "refused" in found else found.get("findings", [])
    written = {path.name for path in (folder / str(number)).iterdir()}
    read = found.get("read", {"a": hostile.read, "b": T})
    faults = {
        found.get("raised"): "raised" in found,
        f"{trial.seconds:.1f} s": trial.seconds > SECONDS,
        f"{trial.megabytes:.0f} MB": trial.megabytes > MEGABYTES,
        f"written: {written}": not written <= {"maps", "out"},
        f"executed: {HARM}": bool(list(folder.rglob(HARM))),
        f"refused: {said}": ("refused" in found) != hostile.refused,
        f"read: {read}": read["b"] != T or hostile.read not in (None, read["a"]),
        f"no line: {said}": any(not text.isprintable() or len(text) > 2000 for text in said),
        "nothing is said": not said,
    }
    return [str(text) for text, wrong in faults.items() if wrong]


@pytest.mark.parametrize(
    "group",
    [pytest.param(name, marks=pytest.mark.slow if name == "largest" else ()) for name in ALL],
)
def test_a_hostile_input_is_named_and_all_others_are_read(tmp_path: Path, group: str) -> None:
    command = [sys.executable, "-m", "tests.faults.hostile_maps", str(tmp_path), group]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trials = [Trial(*fields) for fields in json.loads(done.stdout)]
    faults = {trial.name: faults_of(tmp_path, number, trial) for number, trial in enumerate(trials)}
    assert {name: found for name, found in faults.items() if found} == {}
    assert len(trials) == len(ALL[group])
    longest, largest = (max(trial[i] for trial in trials) for i in (2, 3))
    print(f"{group}: {len(trials)} inputs, at most {longest:.1f} s and {largest:.0f} MB")


def test_there_are_enough() -> None:
    assert sum(map(len, ALL.values())) >= 60
    assert len(FOLDERS) >= 20
