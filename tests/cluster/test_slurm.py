"""A small demo through profiles/slurm and a real Slurm, which ends some of its jobs on the way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.cluster.one_node import OneNode, digests, missing
from tests.workflow.conftest import Project

TARGET = "results/tables"
FITTING = "logs/demo/fit/mean_map/setting_1_ucf_sports.log"
TRAINING = "logs/demo/finetune/gfsalnet/setting_1_ucf_sports.log"
LACKING = missing()
pytestmark = [pytest.mark.slurm, pytest.mark.skipif(LACKING is not None, reason=LACKING or "")]
PATIENCE = 2400
"""Seconds that the whole run may take; with a core for each of its jobs it takes two minutes."""


def _small(folder: Path) -> Project:
    """A run with a pretraining, a training from it, and a model that learns without gradients."""
    folder.mkdir()
    project = Project.copied(folder)
    project.cut()
    file = folder / "config.yaml"
    config = yaml.safe_load(file.read_text())
    config["sanity"] = {}
    config["datasets"]["ucf_sports"]["clips_per_part"] = 10
    training = "setting_1_ucf_sports"
    config["trainings"][training]["epochs"] = 2.0
    config["tables"]["table_1"]["measured"] = {
        "Mean training map": {"model": "mean_map", "training": training},
        "Setting 1": {"model": "gfsalnet", "training": training},
    }
    file.write_text(yaml.safe_dump(config))
    return project


class Submitted:
    """A call of Snakemake that submits to Slurm, and what Slurm knows of its jobs."""

    def __init__(self, project: Project, slurm: OneNode) -> None:
        self.project, self.slurm = project, slurm
        self.printed = project.folder / "printed.log"
        profile = ["--workflow-profile", "profiles/slurm", "--latency-wait", "10"]
        environment = slurm.environment | {"PYTHONPATH": str(project.folder)}
        with self.printed.open("wb") as output:
            self.call = subprocess.Popen(
                [sys.executable, "-m", "snakemake", *profile, "--", TARGET],
                cwd=project.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.until = time.monotonic() + PATIENCE

    def attempts(self, rule: str) -> list[dict[str, str]]:
        """Slurm's fields of all jobs of a rule, in the order in which they were submitted."""
        found = (job for job in self.slurm.jobs().values() if self._is_of(job, rule))
        return sorted(found, key=lambda job: int(job["JobId"]))

    @staticmethod
    def _is_of(job: dict[str, str], rule: str) -> bool:
        comment = job.get("Comment", "")
        return comment == f"rule_{rule}" or comment.startswith(f"rule_{rule}_wildcards_")

    def wait_for(self, rule: str, *states: str) -> dict[str, str]:
        """The first job of a rule, once it is in one of the states."""
        for _ in self._patiently(f"no job of {rule} is {' or '.join(states)}"):
            if (found := self.attempts(rule)) and found[0]["JobState"] in states:
                return found[0]
        raise AssertionError

    def wait_for_words(self, log: Path, words: str) -> None:
        """Waits until a job's log holds some words."""
        for _ in self._patiently(f"{log} never said {words!r}"):
            if log.is_file() and words in log.read_text():
                return

    def ended(self) -> int:
        """Status of the call, once it has ended."""
        for _ in self._patiently("the call did not end"):
            with suppress(subprocess.TimeoutExpired):
                return self.call.wait(0)
        raise AssertionError

    def _patiently(self, otherwise: str) -> Iterator[None]:
        while time.monotonic() < self.until:
            yield
            assert self.call.poll() in (None, 0), self.printed.read_text()[-6000:]
            time.sleep(0.3)
        pytest.fail(f"{otherwise}; {self.printed.read_text()[-6000:]}")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the files that the small run makes without Slurm."""
    project = _small(tmp_path_factory.mktemp("local") / "run")
    project.run(TARGET)
    return digests(project.folder)


def _ask_for_little(project: Project) -> None:
    """A pretraining that was measured to take 100 MB, and takes several times that."""
    file = project.folder / "workflow/network_costs.csv"
    label = "train gfsalnet (one stream) float32 train,"
    before = file.read_text()
    file.write_text(re.sub(f"^{re.escape(label)}.*$", f"{label}3,100,0,1", before, flags=re.M))
    assert file.read_text() != before


def test_what_slurm_ends_is_tried_again_and_makes_the_same_files(
    local: dict[str, str], tmp_path: Path
) -> None:
    project = _small(tmp_path / "run")
    _ask_for_little(project)
    log = project.folder / TRAINING
    # A stopped job takes no time of a core, so the node offers more of them than there are.
    with OneNode(cpus=max(4, os.cpu_count() or 1)) as slurm:
        slurm.node("drain")
        run = Submitted(project, slurm)
        try:
            run.wait_for("demo_salicon", "PENDING")
            assert slurm.state().startswith("drain")
            slurm.node("resume")

            # A job that hangs until its time is over.
            run.wait_for_words(project.folder / FITTING, "")
            slow = run.wait_for("fit", "RUNNING")
            slurm.run("scontrol", "update", f"JobId={slow['JobId']}", "TimeLimit=1")
            slurm.run("scancel", "--signal=STOP", slow["JobId"])

            # A training that somebody cancels.
            run.wait_for("finetune", "RUNNING")
            run.wait_for_words(log, "iteration ")
            slurm.run("scancel", run.attempts("finetune")[0]["JobId"])
            run.wait_for_words(log, "SIGTERM: saved at iteration")

            status = run.ended()
            attempts = {rule: run.attempts(rule) for rule in ("pretrain", "fit", "finetune")}
        finally:
            run.call.terminate()
            run.call.wait()
    assert status == 0, run.printed.read_text()[-6000:]
    found = {
        rule: [(job["JobState"], job["MinMemoryNode"], job["TimeLimit"]) for job in jobs]
        for rule, jobs in attempts.items()
    }
    print(found)
    # Once more each time, until it is enough.
    states, asked, _ = zip(*found["pretrain"], strict=True)
    assert len(states) > 1
    assert {*states[:-1]} <= {"FAILED", "OUT_OF_MEMORY"} and states[-1] == "COMPLETED"
    assert list(asked) == [f"{600 * (i + 1)}M" for i in range(len(asked))]
    logs = list((project.folder / ".snakemake/slurm_logs/rule_pretrain").rglob("*.log"))
    assert len(logs) == len(states) - 1  # the plugin removes that of a job that ended well
    assert all("exceeded memory limit" in path.read_text() for path in logs)
    assert found["fit"] == [
        ("TIMEOUT", "4000M", "00:01:00"),
        ("COMPLETED", "8000M", "08:00:00"),
    ]
    assert [state for state, *_ in found["finetune"]] == ["CANCELLED", "COMPLETED"]
    assert "resuming at iteration" in log.read_text()
    assert digests(project.folder) == local
