"""Weights of our own: what is planned to teach, train and pack them."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from pipeline.planning.fetchable import fetchable_file
from pipeline.planning.load import configured
from tests.workflow.conftest import Project

PHOTOGRAPHS = {f"COCO_train2014_00000000000{k}": "train" if k < 2 else "val" for k in range(3)}
TAUGHT = {
    "drawn": {"pan_1": "train", "bounce_2": "test"},
    "crops": {f"{next(iter(PHOTOGRAPHS))}_1": "train"},
    "films": {"vtest_00001": "train", "vtest_00100": "val"},
    "pictures": {"baboon": "train"},
}
"""Clip -> its split, of each dataset that stages of this chapter make."""


@pytest.fixture
def light(tmp_path: Path) -> Project:
    """A copy of the workflow with sheets of a few clips, and the photographs, empty files."""
    project = Project.copied(tmp_path)
    for name, clips in TAUGHT.items():
        sheet(tmp_path / f"workflow/splits/light/{name}.csv", clips)
    sheet(tmp_path / "workflow/splits/real/salicon.csv", PHOTOGRAPHS)
    for name, split in PHOTOGRAPHS.items():
        touch(tmp_path / f"raw/light/salicon/images/{name}.jpg")
        touch(tmp_path / f"raw/light/salicon/fixations/{split}/{name}.mat")
    return project


def sheet(file: Path, clips: dict[str, str]) -> None:
    assert file.is_file()
    file.write_text("".join(f"{row}\n" for row in ("clip,split", *map(",".join, clips.items()))))


def touch(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()


def taught(folder: Path) -> None:
    """What target teach leaves, without a content."""
    for name, clips in TAUGHT.items():
        for clip, split in clips.items():
            for kind, suffix in (("images", "jpg"), ("density", "png"), ("fixation", "png")):
                touch(folder / f"raw/light/{name}/{split}/{clip}/{kind}/0001.{suffix}")


def test_teach_is_planned_from_photographs_alone(light: Project) -> None:
    planned = light.planned("--config", "run=light", "--", "teach")
    assert planned.keys() == {"teach", "scenes", "crops", "films", "released"}
    said = light.dry_run("--printshellcmds", "--config", "run=light", "--", "teach")
    teacher = fetchable_file(configured("light").pathvars["raw"], "unisal")
    for stage, count in {"scenes": 1, "crops": 1, "films": 2}.items():
        commands = re.findall(rf"python -m pipeline\.teaching\.{stage} .*", said)
        assert len(commands) == count
        for command in commands:
            assert (f"--weights {teacher}" in command) == (stage != "scenes")


def test_train_light_is_planned_from_what_was_taught(light: Project) -> None:
    taught(light.folder)
    (light.folder / "seed.yaml").write_text(yaml.safe_dump({"trainings": {"scenes": {"seed": 7}}}))
    options = ("--configfile", "seed.yaml", "--config", "run=light", "--")
    said = light.dry_run("--printshellcmds", *options, "train_light")
    seeds = {
        re.findall(r"weights/(\w+/\w+)\.safetensors", command)[-1]: seed
        for command, seed in re.findall(
            r"(pipeline\.training\.\w+ .*--seed (\d+) .*safetensors)", said
        )
    }
    packs = re.findall(r"python -m pipeline\.teaching\.pack .*", said)
    assert len(packs) == 2
    for size in ("light", "tiny"):
        before = [f"{size}_still/taught", f"{size}_still/photographs", f"{size}_pictures/head"]
        assert [seeds.pop(one) for one in before] == ["0", "0", "0"]
        for start, trained in pairwise([*before, f"gfsalnet_{size}/scenes"]):
            given = rf"--start results/light/weights/{start}\.safetensors .*{trained}\.safetensors"
            assert re.search(given, said)
        assert seeds.pop(f"gfsalnet_{size}/scenes") == "7"
        (pack,) = [one for one in packs if f"/gfsalnet-{size}.safetensors" in one]
        files = " ".join(f"results/light/weights/{one}.safetensors" for one in before)
        assert f"--before {files} --flow" in pack
        assert f"--weights results/light/weights/gfsalnet_{size}/scenes.safetensors" in pack
    assert not seeds
