"""Preflight where a run uses a part of a dataset."""

from __future__ import annotations

import yaml

from pipeline.planning.load import merged


def partial(checkout, **changes):
    """Changes keys of DHF1K in the demo's file."""
    run = checkout / "workflow/runs/demo.yaml"
    run.write_text(yaml.safe_dump(merged(yaml.safe_load(run.read_text()), {"datasets": changes})))


def test_a_part_is_ready_where_the_run_takes_a_part(report, checkout):
    for name in ("001", "002", "006"):
        (checkout / f"raw/dhf1k/video/{name}.AVI").unlink()
    status, _, table = report("--dataset", "dhf1k")
    assert status == 1
    assert "3 of 6 clips are there: train 2 of 4, val 1 of 2; clips: present uses these" in table
    partial(checkout, dhf1k={"clips": "present"})
    status, facts, table = report("--dataset", "dhf1k")
    assert status == 0
    assert "for 2 of 4 |" in table and "for 1 of 2 |" in table
    assert "ready for 3 of 6 clips: train 2 of 4, val 1 of 2" in table
    splits = facts["datasets"]["dhf1k"]["splits"]
    assert [its["there"] for its in splits.values()] == [2, 1]
    assert splits["val"]["frames"] == 30
    (checkout / "raw/dhf1k/video/003.AVI").write_bytes(b"cut")
    status, _, table = report("--dataset", "dhf1k")
    assert status == 1 and "not ready; 3 of 6 clips are there: train 2 of 4, val 1 of 2" in table


def test_nothing_there_is_not_ready(report, checkout):
    partial(checkout, dhf1k={"clips": "present"})
    for video in (checkout / "raw/dhf1k/video").glob("*"):
        video.unlink()
    status, _, table = report("--dataset", "dhf1k")
    assert status == 1 and table.count("NO") == 2


def test_what_a_job_will_leave_out_is_no_fault(report, checkout):
    (checkout / "raw/dhf1k/video/003.AVI").write_bytes(b"cut")
    (checkout / "raw/dhf1k/exportdata_train/P02/P02_Trail004.txt").write_text("not\ta\trecording\n")
    leave = {"frames": {"damaged": "leave_out"}, "gaze": {"damaged": "leave_out"}}
    for clips, pictures in ((2, "frames"), (1, "gaze")):
        partial(checkout, dhf1k={"variants": {"paper": {pictures: leave[pictures]}}})
        status, facts, table = report("--dataset", "dhf1k")
        assert len(facts["datasets"]["dhf1k"]["left_out"]) == 3 - clips
        assert "left out: video/003.AVI:" in table
        assert status == (1 if pictures == "frames" else 0)
