"""A copy of the workflow, made once, for all tests that need a finished one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

ROOT = Path(__file__).parents[2]
COPIED = ("Snakefile", "config.yaml", "workflow", "pipeline", "model", "profiles", "envs")


class Project:
    """A copy of the workflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)

    def cut(self) -> None:
        """Makes the demo small enough to be made in half a minute."""
        overlay = self.folder / "workflow/runs/demo.yaml"
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        update_config(config, yaml.safe_load(overlay.read_text()))
        config["without"] = ["hollywood2", "dhf1k", "diem", "ledov"]
        config["pretraining"]["epochs"] = config["trainings"]["setting_1_ucf_sports"]["epochs"] = (
            0.1
        )
        config["loss_search"]["beta"] = [0.1, 1.0]
        config["tables"] = {"table_1": config["tables"]["table_1"]}
        config["tables"]["table_1"]["measured"] = {
            label: {"model": model, "training": "setting_1_ucf_sports"}
            for label, model in (("Spatial", "spatial"), ("Setting 1", "gfsalnet"))
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        overlay.write_text("{}\n")

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def planned(self) -> dict[str, set[str]]:
        """Rule -> the parts or datasets that a dry run would make."""
        said = self.run("--dry-run", "results/tables")
        jobs: dict[str, set[str]] = {}
        for block in re.split(r"\n(?=\[|Job stats)", said):
            if match := re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE):
                words = re.findall(r"(?:dataset|part|model|training)=(\w+)", block)
                jobs.setdefault(match[1], set()).add("/".join(words))
        return jobs

    @contextmanager
    def changed(self, name: str, change: Callable[[bytes], bytes]) -> Iterator[None]:
        """Changes a file's bytes, and puts them back with the time of day."""
        path = self.folder / name
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before
        try:
            yield
        finally:
            path.write_bytes(before)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("project"))
    made.cut()
    made.run("results/tables")
    return made


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo uncut, of which nothing is made yet."""
    return Project(tmp_path_factory.mktemp("whole"))
