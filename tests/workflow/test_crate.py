"""A run of Snakemake's as a crate: the stages called again are those that the rules call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import Project

pytestmark = pytest.mark.slow
pytest.importorskip("rocrate", reason="the extra crate is not installed")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Project:
    """A copy of the small demo with its tables."""
    shutil.copytree(finished, tmp_path / "work", symlinks=True)
    return Project(tmp_path / "work")


def call(run: Project, command: str, *words: str) -> str:
    """What a command of the crate's prints."""
    line = [sys.executable, "-P", "-m", f"pipeline.reporting.crate.{command}", *words]
    environment = os.environ | {"PYTHONPATH": str(run.folder)}
    done = subprocess.run(
        line, cwd=run.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_scores_and_tables_come_out_the_same(run: Project) -> None:
    call(run, "pack", "--config", "run=demo", "--archive")
    (zipped,) = (run.folder / "crates").glob("*.zip")
    said = call(run, "recheck", str(zipped))
    sheets = len([*(run.folder / "results/demo/scores").rglob("*.csv")])
    tables = len([path for path in (run.folder / "results/tables").iterdir() if path.suffix])
    assert sheets > 3
    assert f"scores: {sheets} of {sheets} sheets came out the same" in said
    assert f"tables: {tables} of {tables} files came out the same" in said


def test_without_maps_the_tables_still_follow(run: Project) -> None:
    call(run, "pack", "--config", "run=demo", "--stores", "0", "--agent", "A. Person")
    crate = run.folder / "crates/demo"
    assert '"name": "A. Person"' in (crate / "ro-crate-metadata.json").read_text()
    stores = {path.relative_to(crate).parts[0] for path in crate.rglob("*.zarr")}
    assert stores == set()
    said = call(run, "recheck", str(crate))
    assert "scores: 0 of 0 sheets" in said
    assert "not made again, as their maps are not here" in said
    assert "follow from what it holds" in said
    assert "| maps to scores | - | all" in (crate / "README.md").read_text()
