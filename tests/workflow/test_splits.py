"""No clip that is scored can take part in a training or in the choice of a model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pipeline.config.config import Config
from pipeline.planning.load import load
from pipeline.planning.needs import all_trainings
from pipeline.raw.splits import part_names, parts, read_sheet
from tests.workflow.conftest import Project, blocks

ROOT = Path(__file__).parents[2]
HELD_OUT = 0.5


def _demo() -> Config:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "workflow/runs/demo.yaml").read_text()))
    return load(config)


Parts = set[tuple[str, str]]


def _parts_that_train(whole: Project, *settings: str) -> tuple[Parts, Parts]:
    """(dataset, part) that anything learns from, and that it only measures."""
    said = whole.dry_run("--printshellcmds", "--forceall", *settings, "--", "results/tables")
    learnt, measured = Parts(), Parts()
    for block in blocks(said):
        if re.search(
            r"^(?:local)?rule (pretrain|finetune|fit|train_image_flow):", block, re.MULTILINE
        ):
            (words,) = re.findall(r"@(\S+/inputs-\w+)", block)
            options = (whole.folder / words).read_text().replace("\n", " ")
            for option in re.findall(r"--\S+(?: data/demo/\S+)+", options):
                found = set(re.findall(r"data/demo/(\w+)/\w+/(\d{4})\.", option))
                (measured if option.startswith("--validation") else learnt).update(found)
    return learnt, measured


@pytest.mark.parametrize("share", [0.0, HELD_OUT])
def test_every_part_that_trains_holds_training_clips_only(whole: Project, share: float) -> None:
    cfg = _demo()
    chosen = {name: {"validation": share} for name in cfg.datasets}
    path = whole.folder / "share.yaml"
    path.write_text(yaml.safe_dump({"datasets": chosen}))
    seen, measured = _parts_that_train(whole, "--configfile", "share.yaml")
    trainings = [*all_trainings(cfg).values(), cfg.image_flow_weights.training]
    trained = {of for training in trainings for of in training.datasets}
    assert {dataset for dataset, _ in seen} == trained
    for dataset in trained:
        entry = cfg.datasets[dataset]
        dealt = parts(ROOT / entry.splits, entry.clips_per_part, share)
        assert {part for of, part in seen if of == dataset} == set(part_names(dealt, "train"))
        held_out = {part for of, part in measured if of == dataset}
        assert held_out == set(part_names(dealt, "validation"))
        clips = [clip for of, part in seen if of == dataset for clip in dealt[part]]
        assert {(clip.split, clip.held_out) for clip in clips} == {("train", False)}
        scored = {clip.name for clip in read_sheet(ROOT / entry.splits) if clip.split != "train"}
        assert not scored & {clip.name for clip in clips}


def test_held_out_clips_are_neither_scored_nor_trained_on() -> None:
    """Models may be chosen on them; DHF1K's official val split is scored, so it may not serve."""
    cfg = _demo()
    for entry in cfg.datasets.values():
        dealt = parts(ROOT / entry.splits, entry.clips_per_part, HELD_OUT)
        chosen = {clip.name for part in part_names(dealt, "validation") for clip in dealt[part]}
        for split in ("train", entry.test.split):
            used = {clip.name for part in part_names(dealt, split) for clip in dealt[part]}
            assert not chosen & used
        trains = any(clip.split == "train" for clip in read_sheet(ROOT / entry.splits))
        assert bool(chosen) == trains
