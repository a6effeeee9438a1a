"""What a call says at its start, before its first job."""

from __future__ import annotations

from pathlib import Path

from tests.workflow.conftest import Project

TARGET = "data/demo/ucf_sports/frames/0001.json"
TOTALS = """\
dataset,variant,split,clips,frames,source
ucf_sports,paper,train,4,400,a test
ucf_sports,paper,test,4,400,a test
"""
SLOW = """\
stage,frames_per_second_a_core,bytes_a_frame,memory_mb
frames lossless,0.0001,1000,1500
"""


def test_the_start_of_a_run_says_hours_and_memory(tmp_path: Path) -> None:
    project = Project.copied(tmp_path)
    (tmp_path / "workflow/splits/demo/totals.csv").write_text(TOTALS)
    (tmp_path / "workflow/costs.csv").write_text(SLOW)
    said = project.run("--config", "run=demo", "--", TARGET)
    assert "hours of a core (data stages " in said
    assert " on 2 cores at best; docs/cost.md says what to shrink first." in said
    assert "The largest needs 1.5 GB of memory: frames ucf_sports/0001." in said
    assert said.index("The largest needs") < said.index("rule frames:")
    # Nothing is left to do, and nothing to say.
    assert "hours of a core" not in project.run("--config", "run=demo", "--", TARGET)


def test_a_fault_below_the_users_own_value_stops_no_plan(tmp_path: Path) -> None:
    project = Project.copied(tmp_path)
    file = tmp_path / "config.yaml"
    text = file.read_text()
    assert "\ncheckpoint_minutes: 30" in text
    file.write_text(text.replace("\ncheckpoint_minutes: 30", "\ncheckpoint_minutes: 0"))
    options = ("--config", "run=demo", "checkpoint_minutes=5", "--")
    target = "results/demo/scores/mit/gfsalnet/setting_1_ucf_sports/ucf_sports.csv"
    assert "predict" in project.planned(*options, target)
