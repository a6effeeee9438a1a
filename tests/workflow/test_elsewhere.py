"""The workflow called from another folder: with --directory, and as a module of another workflow.

Its own files are found from where it lies; raw data, stores, results, logs and a config.yaml of
one's own from where one works.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Project

MODULE = """
module gfsalnet:
    snakefile: "{snakefile}"
{config}

use rule * from gfsalnet


rule mine:
    default_target: True
    input: "results/tables"
    output: "mine.txt"
    shell: "ls {{input}} > {{output}}"
"""
FRAMES = "data/demo/ucf_sports/frames/0001.json"


@pytest.fixture
def elsewhere(tmp_path: Path, small: Project) -> Iterator[Project]:
    """An empty folder, and the workflow in another, in which nothing is written."""

    def listing() -> set[Path]:
        return {path for path in small.folder.rglob("*") if "__pycache__" not in path.parts}

    before = listing()
    folder = tmp_path / "work"
    folder.mkdir()
    yield Project(folder, workflow=small.folder)
    written = {path.relative_to(small.folder) for path in listing() - before}
    assert {path for path in written if path.parts[0] != ".snakemake"} == set()


def _directory(elsewhere: Project) -> tuple[str, ...]:
    return ("--snakefile", str(elsewhere.workflow / "Snakefile"), "--directory", ".")


def _write_module(elsewhere: Project, config: str = "") -> None:
    snakefile = elsewhere.workflow / "Snakefile"
    text = MODULE.format(snakefile=snakefile, config=config)
    (elsewhere.folder / "Snakefile").write_text(text)


def _own_config(elsewhere: Project, **changes: object) -> None:
    """The small demo's configuration, changed, where one works."""
    config = yaml.safe_load((elsewhere.workflow / "config.yaml").read_text())
    (elsewhere.folder / "config.yaml").write_text(yaml.safe_dump(config | changes))


def test_directory_plans_as_at_home(elsewhere: Project, small: Project) -> None:
    planned = elsewhere.planned(
        *_directory(elsewhere), "--config", "run=demo", "--", "results/tables"
    )
    assert planned == small.planned()


def test_directory_with_an_own_config(elsewhere: Project, small: Project) -> None:
    """The predictions of the gated network are left out of the table."""
    config = yaml.safe_load((small.folder / "config.yaml").read_text())
    del config["tables"]["table_1"]["measured"]["Setting 1"]
    _own_config(elsewhere, run="demo", tables=config["tables"])
    planned = elsewhere.planned(*_directory(elsewhere), "--", "results/tables")
    assert not [job for job in planned["predict"] if job.startswith("gfsalnet/")]
    assert len(planned["predict"]) == len(small.planned()["predict"]) - 1


@pytest.mark.slow
def test_directory_writes_where_one_works(elsewhere: Project) -> None:
    elsewhere.run(*_directory(elsewhere), "--config", "run=demo", "--", FRAMES)
    assert (elsewhere.folder / FRAMES).is_file()
    assert list((elsewhere.folder / "raw/demo/ucf_sports").rglob("*.avi"))
    assert list((elsewhere.folder / "logs/demo/frames").rglob("*.log"))


def test_a_module_without_config_plans_as_at_home(elsewhere: Project, small: Project) -> None:
    """Its run is that of the workflow's own config.yaml, or of the command line."""
    _write_module(elsewhere)
    planned = elsewhere.planned("--config", "run=demo", "--", "mine")
    assert planned.pop("mine") == {""}
    assert planned == small.planned()


def test_a_module_gets_its_config_from_the_workflow_around_it(
    elsewhere: Project, small: Project
) -> None:
    """Only what differs has to be there."""
    left_out = ["salicon", "hollywood2", "dhf1k", "diem", "ledov"]
    _write_module(elsewhere, f'    config: {{"run": "demo", "without": {left_out}}}')
    planned = elsewhere.planned("mine")
    assert planned.pop("mine") == {""}
    jobs = [job for jobs in planned.values() for job in jobs]
    assert jobs
    assert not [job for job in jobs if "salicon" in job]
    assert "pretrain" in small.planned()
    assert "pretrain" not in planned


def test_a_module_takes_a_config_file_of_ones_own(elsewhere: Project, small: Project) -> None:
    _write_module(elsewhere, "    config: config")
    text = (elsewhere.folder / "Snakefile").read_text()
    (elsewhere.folder / "Snakefile").write_text('configfile: "mine.yaml"\n' + text)
    (elsewhere.folder / "mine.yaml").write_text("run: demo\n")
    planned = elsewhere.planned("mine")
    assert planned.pop("mine") == {""}
    assert planned == small.planned()


@pytest.mark.slow
def test_a_module_writes_where_one_works(elsewhere: Project) -> None:
    _write_module(elsewhere, '    config: {"run": "demo"}')
    elsewhere.run(FRAMES)
    assert (elsewhere.folder / FRAMES).is_file()
    assert list((elsewhere.folder / "logs/demo/frames").rglob("*.log"))
