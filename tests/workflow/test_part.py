"""A run over a part of a dataset: the clips that are there, without those that are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.demo.draw import demo
from tests.builders import configuration
from tests.workflow.conftest import Project

TRAIN, TEST = [f"Run-Side_00{i}" for i in (1, 2, 3)], [f"Kicking_00{i}" for i in (1, 2, 3)]


@pytest.fixture
def part(tmp_path: Path) -> Project:
    """A run `mine` with six clips in UCF-Sports' layout, and one table without networks."""
    project = Project.copied(tmp_path)
    sheet = tmp_path / "ucf_sports.csv"
    rows = [f"{clip},{split}" for split, of in (("train", TRAIN), ("test", TEST)) for clip in of]
    sheet.write_text("\n".join(["clip,split", *rows]) + "\n")
    demo(raw=tmp_path / "raw", sheets=[sheet], seed=0)
    run = configuration("demo") | {"run": "mine", "without": "absent"}
    folders = ("raw", "data", "results", "logs")
    run["pathvars"] = {name: name if name == "raw" else f"{name}/mine" for name in folders}
    entry = run["datasets"]["ucf_sports"]
    entry["clips"] = "present"
    entry["clips_per_part"] = 1
    entry["variants"]["paper"]["frames"]["damaged"] = "leave_out"
    entry["variants"]["paper"]["splits"] = str(sheet)
    table = run["tables"]["table_1"]
    table["measured"] = {label: table["measured"][label] for label in ("Mean training map",)}
    run["tables"] = {"table_1": table | {"note": None}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(run))
    (tmp_path / "workflow/runs/mine.yaml").write_text("{}\n")
    return project


@pytest.mark.slow
def test_a_part_of_a_dataset_becomes_a_table_that_says_so(part: Project) -> None:
    videos = part.folder / "raw/ucf_sports/videos"
    held = part.folder / "held.avi"
    absent, damaged, _ = TEST
    (videos / f"{absent}.avi").rename(held)
    (videos / f"{TRAIN[0]}.avi").unlink()
    whole = (videos / f"{damaged}.avi").read_bytes()
    (videos / f"{damaged}.avi").write_bytes(whole[: len(whole) // 2])
    part.run("results/tables")
    for name in ("table_1.md", "table_1.html", "pages.json"):
        text = (part.folder / "results/tables" / name).read_text()
        assert "1 of 3 test clips of ucf_sports; not comparable." in text, name
        gone = f"1 of 2 test clips of ucf_sports left out: {damaged}: raw/ucf_sports/videos/"
        assert gone in text, name
        assert "setting_1_ucf_sports is trained on 2 of 3 training clips" in text, name
        assert absent not in text
    # A clip that comes later is made with its own part alone.
    held.rename(videos / f"{absent}.avi")
    planned = part.planned("results/tables")
    assert planned["frames"] == {"ucf_sports/0004"}
    assert planned.keys() == {"frames", "gaze", "density", "predict", "score", "tables"}
