"""Copies of the workflow: a small demo, made once for all tests, and the whole one, not made."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pipeline.planning import provenance
from pipeline.planning.contract import TRIED, digest_of
from pipeline.planning.load import configured
from pipeline.planning.settings import FOLDER
from tests.builders import ROOT

COPIED = ("Snakefile", "config.yaml", "workflow", "pipeline", "model", "profiles", "envs")


@cache
def _parsed_code() -> str:
    """What plans find in the code, which takes the first one seconds."""
    for path in (path for name in ("pipeline", "model") for path in (ROOT / name).rglob("*.py")):
        provenance._parsed(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return json.dumps(provenance._known())


class Project:
    """A folder to call Snakemake in: a copy of the workflow, or one that calls such a copy."""

    def __init__(self, folder: Path, workflow: Path | None = None) -> None:
        self.folder = folder
        self.workflow = workflow or folder
        """Where pipeline/ and model/ lie."""

    @classmethod
    def copied(cls, folder: Path) -> Project:
        """A copy of the workflow of this checkout."""
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
            else:
                shutil.copy(ROOT / name, folder / name)
        # Its networks keep to the contract; to find that out again takes seconds.
        settings = folder / FOLDER
        settings.mkdir(parents=True, exist_ok=True)
        marks = {
            digest_of(cfg, model)
            for cfg in map(configured, ("demo", "paper"))
            for model in cfg.models
            if cfg.models[model].network
        }
        (settings / TRIED).write_text("\n".join(marks))
        (folder / provenance.PARSED).write_text(_parsed_code())
        return cls(folder)

    def cut(self) -> None:
        """Makes the demo small enough to be made in half a minute."""
        overlay = self.folder / "workflow/runs/demo.yaml"
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        update_config(config, yaml.safe_load(overlay.read_text()))
        config["without"] = ["hollywood2", "dhf1k", "diem", "ledov"]
        config["pretraining"]["epochs"] = 0.1
        config["trainings"]["setting_1_ucf_sports"]["epochs"] = 0.1
        config["loss_search"]["beta"] = [0.1, 1.0]
        config["tables"] = {"table_1": config["tables"]["table_1"]}
        config["tables"]["table_1"]["measured"] = {
            "Spatial": {"model": "spatial", "training": "setting_1_ucf_sports"},
            "Setting 1": {"model": "gfsalnet", "training": "setting_1_ucf_sports"},
            "Itti et al.": {"model": "itti", "training": "untrained"},
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        overlay.write_text("{}\n")

    def run(self, *arguments: str) -> str:
        """What Snakemake prints; the test fails if it does."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        environment = os.environ | {"PYTHONPATH": str(self.workflow)}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def dry_run(self, *arguments: str) -> str:
        """The same of a dry run, in a fork of this process: Snakemake is imported only once."""
        import snakemake.cli  # noqa: F401  before the fork, so that the next one has it too

        command = ["snakemake", "--cores", "2", "--dry-run", *arguments]
        with tempfile.TemporaryFile("w+") as output:
            if not (child := os.fork()):
                _become_snakemake(self.folder, self.workflow, command, output.fileno())
            _, status = os.waitpid(child, 0)
            output.seek(0)
            said = output.read()
        assert status == 0, said
        return said

    def planned(self, *arguments: str) -> dict[str, set[str]]:
        """Rule -> the parts or datasets that a dry run would make."""
        jobs: dict[str, set[str]] = {}
        for block in blocks(self.dry_run(*(arguments or ("results/tables",)))):
            if match := re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE):
                words = re.findall(r"(?:dataset|part|model|training)=(\w+)", block)
                jobs.setdefault(match[1], set()).add("/".join(words))
        return jobs

    @contextmanager
    def changed(self, *edits: tuple[str, Callable[[bytes], bytes]]) -> Iterator[None]:
        """Changes the bytes of files, and puts them back with the time of day."""
        before: dict[Path, bytes] = {}
        try:
            for name, change in edits:
                path = self.folder / name
                content = path.read_bytes()
                before.setdefault(path, content)
                path.write_bytes(change(content))
                assert path.read_bytes() != content
            yield
        finally:
            for path, content in before.items():
                path.write_bytes(content)

    @contextmanager
    def added(self, files: dict[str, str]) -> Iterator[None]:
        """Adds files, and takes them away."""
        try:
            for name, content in files.items():
                path = self.folder / name
                assert not path.exists()
                path.write_text(content)
            yield
        finally:
            for name in files:
                (self.folder / name).unlink()


def blocks(said: str) -> list[str]:
    """Snakemake's lines of each job."""
    return re.split(r"\n(?=\[|Job stats)", said)


def _become_snakemake(folder: Path, workflow: Path, command: list[str], output: int) -> None:
    """Never returns. The copy's own pipeline/ is imported, not that of the tests."""
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        os.chdir(folder)
        for name in [name for name in sys.modules if name.split(".")[0] in ("pipeline", "model")]:
            del sys.modules[name]
        sys.path[:] = [str(workflow), *(path for path in sys.path if path != str(ROOT))]
        sys.argv = command
        os.environ["PYTHONPATH"] = str(workflow)
        from snakemake.cli import main

        main(command[1:])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code)
    except BaseException:
        traceback.print_exc()
        code = 70  # EX_SOFTWARE
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Only one of pytest-xdist's workers at a time."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The small demo with its tables made, once for all workers; nobody changes it."""
    shared = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        shared = shared.parent
    folder = shared / "finished"
    with _locked(shared / "finished.lock"):
        if not folder.exists():
            made = shared / "unfinished"
            shutil.rmtree(made, ignore_errors=True)  # of a worker that failed
            made.mkdir()
            project = Project.copied(made)
            project.cut()
            project.run("results/tables")
            made.rename(folder)
    return folder


@pytest.fixture(scope="session")
def project(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A worker's own copy of the finished small demo."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(finished, folder, symlinks=True, dirs_exist_ok=True)
    return Project(folder)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small demo, of which nothing is made yet."""
    project = Project.copied(tmp_path_factory.mktemp("small"))
    project.cut()
    return project


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo uncut, of which nothing is made yet."""
    return Project.copied(tmp_path_factory.mktemp("whole"))
