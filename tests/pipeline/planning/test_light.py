"""Run light: what it is taught with, seeds of single trainings, and a backbone's start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config.config import Config
from pipeline.config.evaluation import Measured
from pipeline.evaluation.metrics.registry import METRICS
from pipeline.planning import made, missing, needs, paths
from pipeline.planning.fetchable import FETCHABLE
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import load, merged
from pipeline.planning.missing import TAUGHT, missing_message, planned
from pipeline.planning.rows import all_measured
from pipeline.planning.settings import Settings
from tests.builders import ROOT, configuration

RUN = load(configuration("light"))
SCORED_ONLY = ("diem", "dhf1k")
"""What no training of the run may see."""


def job(**wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(**wildcards)


def seeded(**seeds: int) -> Config:
    """The run with seeds of single trainings."""
    others = {name: {"seed": seeds.pop(name)} for name in ("taught",) if name in seeds}
    trainings = {name: {"seed": seed} for name, seed in seeds.items()}
    return load(
        merged(
            configuration("light"),
            {"other_pretrainings": others, "trainings": trainings, "seed": 3},
        )
    )


def test_a_training_has_a_seed_of_its_own_or_that_of_the_run() -> None:
    cfg = seeded(scenes=7, taught=0)
    settings = Settings(cfg, Inputs(cfg))
    found = {
        name: settings.seed(job(model="gfsalnet_light", training=name))
        for name in ("scenes", "taught", "photographs", "salicon")
    }
    assert found == {"scenes": 7, "taught": 0, "photographs": 3, "salicon": 3}


def test_weights_of_another_seed_are_not_those_that_are_expected() -> None:
    def weights(cfg: Config) -> dict[str, dict[str, Any]]:
        found = {name: dict(one) for name, one in made.expected(cfg).items()}
        return {name: one for name, one in found.items() if name.endswith(".safetensors")}

    before, after = weights(seeded()), weights(seeded(scenes=7))
    changed = {name for name in before if before[name] != after[name]}
    scenes = {
        paths.weights(RUN, row.model, row.training)
        for _, row in all_measured(RUN)
        if row.training == "scenes"
    }
    assert changed == scenes
    assert len(scenes) > 1
    for name in changed:
        assert (before[name]["seed"], after[name]["seed"]) == (3, 7)
        assert after[name]["training"]["seed"] == 7


def test_a_trunk_starts_from_unisals_released_weights(tmp_path: Path) -> None:
    raw = RUN.pathvars["raw"]
    digest = FETCHABLE["unisal"].sha256[:8]
    file = f"{raw}/released/unisal-{digest}.pth"
    assert needs.backbone_file(RUN, "mobilenet_v2") == file
    assert needs.backbone_file(RUN, "resnet18") == f"{raw}/imagenet/resnet18-f37072fd.pth"
    inputs = Inputs(RUN)
    assert inputs.backbone(job(model="light_still")) == [file]
    assert inputs.own_backbone(job(model="light_motion", training="scenes")) == [file]
    assert inputs.teacher() == file
    every = merged(configuration("demo"), {"backbone_weights": "unisal"})
    demo = load(every | {"pathvars": RUN.pathvars | {"raw": str(tmp_path)}})
    found = needs.backbone_file(demo, "mobilenet_v2")
    assert found == f"{tmp_path}/released/unisal-{digest}.pth"
    assert missing_message(demo) is None


def test_what_is_missing_says_how_it_is_made(tmp_path: Path) -> None:
    cfg = load(merged(configuration("light"), {"pathvars": {"raw": str(tmp_path)}}))
    nothing = missing_message(cfg)
    assert nothing is not None
    assert f"no folder {tmp_path / 'salicon'}" in nothing
    assert not any(f"no folder {tmp_path / name}" in nothing for name in TAUGHT)
    assert nothing.endswith("snakemake --config run=light --cores 2 teach")
    assert "without: [" not in nothing
    assert {*TAUGHT, "salicon"} == {name for name in cfg.datasets if name not in cfg.without}
    for name in ("drawn", "crops", "films", "pictures"):
        assert "snakemake --config run=light --cores 2 teach" in RUN.datasets[name].source.obtain


def test_with_photographs_teach_makes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {name: ["no folder"] for name in TAUGHT}
    monkeypatch.setattr(missing, "_missing", lambda _: found)
    assert missing_message(RUN, TAUGHT) is None
    message = missing_message(RUN)
    assert message is not None
    assert message.startswith("run: light learns from drawn, crops, films, pictures, which are not")
    assert message.endswith("make them:  snakemake --config run=light --cores 2 teach")
    # In one call the second target would be planned from what is not there yet.
    keys = {"run": "light"}
    planned(keys, ["snakemake", "teach"], METRICS)
    with pytest.raises(SystemExit, match="make them:"):
        planned(keys, ["snakemake", "teach", "train_light"], METRICS)


def test_sources_name_sheets_that_are_there() -> None:
    named = [
        word
        for dataset in RUN.datasets.values()
        for word in dataset.source.obtain.split()
        if word.startswith("workflow/")
    ]
    assert len(named) >= 2
    assert [word for word in named if not (ROOT / word).is_file()] == []


@pytest.mark.parametrize("row", [row for _, row in all_measured(RUN)], ids=str)
def test_no_training_sees_what_is_measured_on(row: Measured) -> None:
    if needs.imported(RUN, row.model):
        return
    trainings = {row.training}
    model: str | None = row.model
    while model is not None and needs.starts_pretrained(RUN, model) not in (None, model):
        trainings.add(needs.pretraining_name(RUN, model))
        model = needs.starts_pretrained(RUN, model)
    for name in trainings:
        of = needs.training_named(RUN, name).datasets
        assert {*of}.isdisjoint(SCORED_ONLY)
        assert {*of} <= {"salicon", "drawn", "crops", "pictures", "films"}
