"""config.yaml: every run fits, a typo is named, and entries fit their constructors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from model.registry import NETWORKS, build
from pipeline.config import Config, load
from pipeline.errors import InputError
from pipeline.raw import missing_message
from pipeline.splits import read_sheet

ROOT = Path(__file__).parents[2]
RUNS = ["paper", "demo", "real"]


def content(run: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    if run != "paper":
        update_config(found, yaml.safe_load((ROOT / f"workflow/runs/{run}.yaml").read_text()))
    return found | {"run": run}


@pytest.mark.parametrize("run", RUNS)
def test_every_run_is_valid(run: str) -> None:
    assert load(content(run)).run == run


def test_the_shipped_run_is_the_demo_and_stands_on_top() -> None:
    assert (ROOT / "config.yaml").read_text().startswith("run: demo ")


def test_runs_share_no_folder() -> None:
    folders = [set(load(content(run)).pathvars.values()) for run in RUNS]
    assert len(set.union(*folders)) == sum(map(len, folders))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framse": 1}, "framse: Extra inputs"),
        ({"frames": {"width": -1}}, "frames.width: Input should be greater than 0"),
        ({"flow": {"estimator": "pwc"}}, "flow.estimator: Input should be 'dis'"),
        ({"without": ["dhf2k"]}, "without names 'dhf2k'; known are"),
        ({"tables": {"table_1": {"dataset": "x"}}}, "tables.table_1 names 'x'"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    wrong = content("paper")
    update_config(wrong, change)
    with pytest.raises(InputError, match=message):
        load(wrong)


@pytest.mark.parametrize("run", RUNS)
def test_keys_of_models_are_the_constructors(run: str) -> None:
    cfg = load(content(run))
    for model in cfg.models:
        assert build(**cfg.network(model)) is not None
        assert cfg.models[model].network in NETWORKS


def test_paper_numbers() -> None:
    cfg = load(content("paper"))
    assert (cfg.frames.width, cfg.frames.height) == (640, 480)
    assert (cfg.loss.alpha, cfg.loss.beta) == (1.0, 0.1)
    assert cfg.trainings["setting_1_ucf_sports"].batch == 8
    assert {cfg.trainings[name].batch for name in cfg.trainings if "ucf" not in name} == {16}
    assert {training.step for training in cfg.trainings.values()} == {3000}
    assert cfg.trainings["setting_2"].datasets == ("ucf_sports", "hollywood2", "dhf1k")


@pytest.mark.parametrize("run", RUNS)
def test_no_test_clip_is_trained_on(run: str) -> None:
    cfg = load(content(run))
    for name, dataset in cfg.datasets.items():
        if cfg.left_out(name) or not (ROOT / dataset.splits).is_file():
            continue
        assert dataset.test.split != "train"
        assert {clip.split for clip in read_sheet(ROOT / dataset.splits)} <= {
            "train",
            "val",
            "test",
        }


def test_missing_raw_data_is_told_whole(tmp_path: Path) -> None:
    cfg: Config = load(
        content("paper")
        | {"pathvars": {"raw": str(tmp_path), "data": "d", "results": "r", "logs": "l"}}
    )
    message = missing_message(cfg)
    assert message is not None
    for name, dataset in (cfg.datasets | cfg.meta_datasets).items():
        assert name in message
        assert dataset.source.obtain in message
        assert dataset.source.licence in message
    for word in (str(tmp_path / "dhf1k"), "without: [ucf_sports", "run: demo"):
        assert word in message
