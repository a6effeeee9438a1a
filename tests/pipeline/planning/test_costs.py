"""Hours and memory of jobs, reckoned from small sheets of costs and from the workflow's own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.config.config import Config
from pipeline.planning.costs import jobs as module
from pipeline.planning.costs.jobs import Cost, Costs, announced, idle, predictions, trainings, work
from pipeline.planning.costs.rates import (
    NETWORK_COSTS,
    STAGE_COSTS,
    prediction_label,
    read_network_costs,
)
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import configured
from pipeline.planning.needs import dealt
from pipeline.planning.settings import Settings
from pipeline.runtime.errors import InputError

ROOT = Path(__file__).parents[3]
HEAD = "what,cpu_seconds_a_sample,memory_mb,memory_mb_a_sample,frames_a_sample"
TRAINED = "train gfsalnet (two streams) float32 train"


@pytest.fixture
def sheets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Round numbers in place of the measured ones."""
    (tmp_path / "network_costs.csv").write_text(
        f"{HEAD}\n{TRAINED},2,1000,1100,1\ntrain salema float32 train,10,500,300,10\n"
        "train gfsalnet (two streams) bfloat16 folded,1,1000,300,1\n"
        "train gfsalnet (one stream) float32 train,3,700,600,1\n"
        "train unisal float32 train,6,500,900,12\npredict gfsalnet (two streams),1.5,3000,,1\n"
    )
    monkeypatch.setattr(module, "NETWORK_COSTS", str(tmp_path / "network_costs.csv"))
    return tmp_path


def changed(cfg: Config, training: str, **keys: Any) -> Config:
    settings = cfg.trainings[training].model_copy(update=keys)
    return cfg.model_copy(update={"trainings": cfg.trainings | {training: settings}})


@pytest.mark.usefixtures("sheets")
def test_a_training_takes_its_samples_and_keeps_its_batch() -> None:
    cost = Costs(configured("paper")).training("gfsalnet", "setting_1_dhf1k")
    assert cost.hours == pytest.approx(64_902 * 16 * 2 / 3600)
    assert cost.memory == 1000 + 16 * 1100


@pytest.mark.usefixtures("sheets")
def test_a_pretraining_is_of_one_stream() -> None:
    cost = Costs(configured("paper")).training("without_attention", "salicon")
    assert cost == Cost(pytest.approx(1_875 * 16 * 3 / 3600), 700 + 16 * 600)


@pytest.mark.usefixtures("sheets")
def test_a_micro_batch_and_a_cheaper_way_count() -> None:
    cheaper = {"precision": "bfloat16", "batch_norm": "folded", "micro_batch": 4}
    cfg = changed(configured("paper"), "setting_1_dhf1k", **cheaper)
    cost = Costs(cfg).training("gfsalnet", "setting_1_dhf1k")
    assert cost.hours == pytest.approx(64_902 * 16 / 3600)
    assert cost.memory == 1000 + 4 * 300


@pytest.mark.usefixtures("sheets")
def test_smaller_batches_take_less() -> None:
    cfg = configured("paper")
    whole = Costs(cfg).training("gfsalnet", "setting_2")
    some = Costs(changed(cfg, "setting_2", shrink=(1, 2))).training("gfsalnet", "setting_2")
    assert some.hours == pytest.approx((whole.hours or 0) * 5 / 8)
    assert some.memory == whole.memory


@pytest.mark.usefixtures("sheets")
def test_samples_of_networks_that_see_time_are_clips() -> None:
    costs = Costs(configured("paper"))
    assert costs.epoch("salema", "setting_1_dhf1k") == 34_614
    assert costs.training("salema", "setting_1_dhf1k").hours == pytest.approx(7 * 34_614 / 360)
    assert costs.epoch("unisal", "setting_2") == 103 + 823 + 600  # a clip of each video


@pytest.mark.usefixtures("sheets")
def test_frames_that_were_counted_come_first() -> None:
    cfg = configured("paper")
    assert Costs(cfg).frames("ucf_sports", "train") == 6501  # of the released maps
    assert Costs(cfg, {("ucf_sports", "train"): 160}).frames("ucf_sports", "train") == 160
    assert Costs(cfg).frames("diem", "train") is None
    assert Costs(cfg).training("gfsalnet", "setting_1_diem") == Cost(None, 1000 + 16 * 1100)
    assert Costs(cfg, {("diem", "train"): 32}).training(
        "gfsalnet", "setting_1_diem"
    ).hours == pytest.approx(6 * 16 * 2 / 3600)


@pytest.mark.usefixtures("sheets")
def test_nothing_is_said_of_networks_of_other_sizes_and_other_clips() -> None:
    costs = Costs(configured("demo"))
    assert costs.training("gfsalnet", "setting_2") == Cost()
    assert costs.prediction("gfsalnet", "dhf1k") == Cost()
    assert costs.frames("ucf_sports", "train") is None


@pytest.mark.usefixtures("sheets")
def test_predictions_take_the_tested_frames() -> None:
    costs = Costs(configured("paper"))
    assert costs.prediction("gfsalnet", "dhf1k") == Cost(60_273 * 1.5 / 3600, 3000)
    found = predictions(costs)
    assert found["gfsalnet/setting_2/diem"].hours == pytest.approx(6000 * 1.5 / 3600)
    assert work({"a": Cost(2.0, 7.0), "b": Cost(None, 9.0), "c": Cost(3.0, None)}) == (
        *(3, 1, 5.0, 9.0),
        "b",
    )


@pytest.mark.usefixtures("sheets")
def test_jobs_that_are_about_to_run_are_announced() -> None:
    cfg = configured("paper")
    jobs = [
        ("finetune", {"model": "gfsalnet", "training": "setting_1_dhf1k"}),
        ("finetune", {"model": "stsconv", "training": "two_stream_diem_augmented"}),
        ("predict", {"model": "gfsalnet", "training": "setting_1_dhf1k", "dataset": "dhf1k"}),
        ("frames", {"dataset": "dhf1k", "part": next(iter(dealt(cfg, "dhf1k")))}),
        ("tables", {}),
        ("predict", {"of": "another workflow"}),
    ]
    first, *lines = announced(cfg, jobs, cores=2)
    hours = 64_902 * 16 * 2 / 3600 + 60_273 * 1.5 / 3600
    assert first.startswith(
        f"About {hours:,.0f} hours of a core (trainings {577:,}, predictions 25"
    )
    assert "12 d 13 h on 2 cores at best" in first
    assert lines == [
        "2 of these 5 jobs do not count: cost not known.",
        "The largest needs 18.6 GB of memory: finetune gfsalnet/setting_1_dhf1k.",
        "2 of 2 trainings spend most of their iterations at 0.0001 of the first learning rate or "
        "less, as the papers' schedules have it (docs/training.md#how-the-rate-falls).",
    ]
    assert announced(cfg, jobs[3:], cores=2) == []


def test_idle_trainings_are_those_of_the_schedule() -> None:
    cfg = configured("paper")
    found = idle(Costs(cfg), trainings(Costs(cfg)))
    assert {"gfsalnet/setting_2", "gfsalnet/setting_1_dhf1k"} <= {*found}
    assert {"gfsalnet/setting_1_ucf_sports", "spatial/salicon"}.isdisjoint(found)
    settings = {
        name: one.model_copy(update={"step": "epoch"}) for name, one in cfg.trainings.items()
    }
    found = idle(Costs(cfg.model_copy(update={"trainings": settings})), ["gfsalnet/setting_2"])
    assert found == []


def test_rules_ask_for_the_memory_that_was_measured() -> None:
    """Batch 16 in float32 keeps 17.3 GiB for its backward pass, besides weights and process."""
    cfg = configured("paper")
    settings = Settings(cfg, Inputs(cfg))
    of = SimpleNamespace(model="gfsalnet", training="setting_2", dataset="dhf1k")
    asked = settings.training_memory(of, attempt=1)
    assert 18.3 * 1024 < asked < 25000
    assert settings.training_memory(of, attempt=2) == 2 * asked
    small = SimpleNamespace(model="pqft", training="untrained", dataset="dhf1k")
    assert [settings.prediction_memory(small, attempt) for attempt in (1, 3)] == [2000, 6000]
    small = changed(cfg, "setting_2", precision="bfloat16", batch_norm="folded", micro_batch=4)
    assert Settings(small, Inputs(small)).training_memory(of, attempt=1) < 4000
    rules = (ROOT / "workflow/rules/training.smk").read_text()
    assert rules.count("mem_mb=settings.training_memory,") == 2
    other = configured("demo")  # whose networks nobody measured
    assert Settings(other, Inputs(other)).training_memory(of, attempt=1) == 16000


def test_committed_rates_are_of_the_papers_run() -> None:
    found = read_network_costs(ROOT / NETWORK_COSTS)
    assert TRAINED in found
    assert all(one.seconds > 0 and one.frames > 0 for one in found.values())
    known = predictions(Costs(configured("paper")))
    for model in ("gbvs", "itti", "spectral_residual", "pqft", "coding_length"):
        # The programs and the papers' models are different networks.
        for name in (model, f"{model}_paper"):
            label = next(label for label in found if label.split()[:2] == ["predict", name])
            assert found[label].seconds < 1
    # Of what is not measured, the frames are not known: whole DIEM and LEDOV.
    assert sum(cost.hours is not None for cost in known.values()) > len(known) / 2
    assert (ROOT / STAGE_COSTS).is_file()


def test_channels_of_gbvs_that_see_motion_are_named() -> None:
    names = {channels: {"network": "gbvs", "channels": channels} for channels in ("DIO", "DIOFM")}
    assert prediction_label(names["DIO"]) == "predict gbvs"
    assert prediction_label(names["DIOFM"]) == "predict gbvs (motion)"


def test_a_sheet_that_does_not_fit(sheets: Path) -> None:
    (sheets / "network_costs.csv").write_text(f"{HEAD}\n{TRAINED},fast,,,1\n")
    with pytest.raises(InputError, match=r"network_costs\.csv: .*fast.*; write it again"):
        Costs(configured("paper"))


def test_page_states_what_the_sheets_come_to() -> None:
    page = " ".join((ROOT / "docs/cost.md").read_text().split())
    cfg = configured("paper")
    costs = Costs(cfg)
    ours = {
        name: cost
        for name, cost in trainings(costs).items()
        if cfg.models[name.split("/")[0]].network == "gfsalnet"
    }
    learned, predicted = work(ours), work(predictions(costs))
    for hours, kind in ((learned.hours, "ablations"), (predicted.hours, "predictions")):
        assert f"{kind} | {hours:,.0f} | {hours / 48:,.0f} days |" in page
    assert f"{learned.unknown} of {learned.jobs}, on DIEM" in page
    assert f"{predicted.unknown} of {predicted.jobs} |" in page
    largest = ours["gfsalnet/setting_2"]
    assert f"{largest.hours:,.0f} hours of a core and {(largest.memory or 0) / 1000:.1f} GB" in page
    cheap = changed(cfg, "setting_2", precision="bfloat16", batch_norm="folded")
    memory = Costs(cheap).training("gfsalnet", "setting_2").memory
    assert f"{(memory or 0) / 1000:.1f} instead of 20.4 GB" in page
