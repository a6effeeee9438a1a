"""config.yaml: every run fits, a typo is named, and entries fit their constructors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from snakemake.utils import update_config

from model.flow.image_flow import ImageFlow
from model.registry import NETWORKS, build
from pipeline.config.config import Config
from pipeline.config.training import Sgd
from pipeline.planning import missing
from pipeline.planning.load import configured, load
from pipeline.planning.missing import missing_message
from pipeline.planning.needs import (
    backbone_file,
    given,
    left_out,
    network_arguments,
    over,
    sees_motion,
    still,
)
from pipeline.planning.rows import measured, tables_settings, unmeasured
from pipeline.raw import patterns as raw
from pipeline.raw.splits import read_sheet
from pipeline.runtime.errors import InputError

ROOT = Path(__file__).parents[3]
RUNS = ["paper", "demo", "real"]


def content(run: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    if run != "paper":
        update_config(found, yaml.safe_load((ROOT / f"workflow/runs/{run}.yaml").read_text()))
    return found | {"run": run}


@pytest.mark.parametrize("run", RUNS)
def test_every_run_is_valid(run: str) -> None:
    assert load(content(run)).run == run


def test_the_lines_that_the_docs_show_make_rows() -> None:
    """For maps of other people's models."""
    page = (ROOT / "docs/competitors.md").read_text()
    block = re.search(r"```yaml\n(.+?)```", page, re.DOTALL)
    short = re.search(r"`(models: .+?)` in `config.yaml`", (ROOT / "README.md").read_text())
    assert block
    assert short
    assert yaml.safe_load(short[1]) == {"models": {"tased": {"maps": "/maps/tased/{dataset}"}}}
    shown = yaml.safe_load(block[1])
    found = content("paper")
    before = len(found["tables"]["table_3"]["measured"])
    update_config(found, shown)
    cfg = load(found)
    assert all(given(cfg, name) for name in shown["models"])
    assert len(cfg.tables["table_3"].measured) == before + 8


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
        ({"flow": {"estimator": "pwc"}}, "flow: Input tag 'pwc' found using 'estimator'"),
        ({"without": ["dhf2k"]}, "without names 'dhf2k'; known are"),
        ({"tables": {"table_1": {"dataset": "x"}}}, "tables.table_1 names 'x'"),
        ({"datasets": {"diem": {"variant": "STAViS"}}}, "'STAViS' is none of paper, stavis"),
        (
            {"datasets": {"diem": {"variants": {"paper": {"density": {"recipe": "blur"}}}}}},
            "diem.variants.paper.density: Input tag 'blur' found using 'recipe' does not match",
        ),
        (
            {"datasets": {"diem": {"variants": {"paper": {"frames": {"video": "*/{clip}.avi"}}}}}},
            r"a \* needs {frame}",
        ),
        (
            {"datasets": {"diem": {"variants": {"paper": {"gaze": {"files": ["{frame}_a.png"]}}}}}},
            "{frame} stands before the suffix",
        ),
        (
            {"pretraining": {"recompute": True}},
            "recompute: would count every batch twice in the statistics of batch_norm: train",
        ),
        (
            {"pretraining": {"iterations": 10}},
            "pretraining: .*epochs or iterations: one of the two is needed, the other is null",
        ),
        ({"pretraining": {"epochs": None}}, "epochs or iterations: one of the two is needed"),
        ({"pretraining": {"loss": "mse"}}, "pretraining.loss: Input should be 'saliency' or 'eucl"),
        ({"pretraining": {"optimiser": {"momentum": 0.9}}}, "optimiser.adam.momentum"),
        ({"datasets": {"diem": {"validation": 1.0}}}, "validation: Input should be less than 1"),
        ({"image_flow_weights": {"training": {"datasets": ["x"]}}}, "image_flow_weights names 'x'"),
        ({"submissions": {"dhf1k_test": {"over": "dhf2k"}}}, "submissions names 'dhf2k'"),
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
    for model in cfg.models.keys() - {"observers"}:
        with torch.device("meta"):
            assert build(**network_arguments(cfg, model)) is not None
        assert cfg.models[model].network in NETWORKS


@pytest.mark.parametrize("run", RUNS)
def test_image_flow_can_be_built(run: str) -> None:
    cfg = load(content(run))
    arguments = cfg.image_flow_weights.network
    with torch.device("meta"):
        assert len(ImageFlow(**arguments).centres) == arguments["clusters"]
    file = backbone_file(cfg, arguments["backbone"])
    assert (file is None) == (cfg.backbone_weights is None)


def test_paper_numbers() -> None:
    cfg = load(content("paper"))
    assert (cfg.frames.width, cfg.frames.height) == (640, 480)
    assert cfg.image_flow_weights.network["clusters"] == 40
    assert cfg.image_flow_weights.network["grid"] == [20, 20]
    assert (cfg.loss.alpha, cfg.loss.beta) == (1.0, 0.1)
    assert cfg.trainings["setting_1_ucf_sports"].batch == 8
    own = {name: training for name, training in cfg.trainings.items() if "setting" in name}
    assert {own[name].batch for name in own if "ucf" not in name} == {16}
    assert {(training.step, training.loss) for training in own.values()} == {(3000, "saliency")}
    assert cfg.trainings["setting_2"].datasets == ("ucf_sports", "hollywood2", "dhf1k")


def test_the_predecessors_numbers() -> None:
    cfg = load(content("paper"))
    training = cfg.trainings["two_stream_diem"]
    assert (training.batch, training.epochs, training.iterations) == (2, None, 200_000)
    assert (training.step, training.gamma, training.loss) == (10_000, 0.1, "euclidean")
    assert training.optimiser == Sgd(name="sgd", momentum=0.9, weight_decay=5e-4)
    augmented = cfg.trainings["two_stream_diem_augmented"]
    assert training.shrink == (1,)
    assert augmented == training.model_copy(update={"shrink": (1, 2, 4)})
    models = [name for name, model in cfg.models.items() if model.network == "two_stream"]
    assert {cfg.models[name].start for name in models[:5]} == {"two_stream_spatial"}
    switches = [
        (network_arguments(cfg, name)["streams"], network_arguments(cfg, name)["fusion"])
        for name in models
    ]
    assert switches[:4] == [
        ("appearance", "late"),
        ("motion", "late"),
        ("both", "late"),
        ("both", "early"),
    ]
    assert network_arguments(cfg, "early_fusion")["width"] == 1


def test_the_pretraining_alone_can_be_measured_of_a_model_that_starts_others() -> None:
    def table(model: str) -> dict[str, Any]:
        row = {"Pretrained": {"model": model, "training": "salicon"}}
        entry = {"title": "t", "dataset": "salicon", "metrics": ["NSS"], "note": None}
        return {**content("demo"), "tables": {"own": entry | {"measured": row}}}

    assert measured(load(table("spatial")), "own")["Pretrained"].training == "salicon"
    for model in ("gfsalnet", "temporal", "without_attention"):
        with pytest.raises(InputError, match="names 'salicon'; known are setting_1_dhf1k"):
            load(table(model))
    left_out = load(table("spatial") | {"without": ["salicon"]})
    assert measured(left_out, "own") == {}


def test_which_models_look_at_flow() -> None:
    cfg = load(content("paper"))
    seeing = {model for model in cfg.models if sees_motion(cfg, model)}
    trained = {model for model, entry in cfg.models.items() if entry.start}
    assert trained - seeing == {"spatial", "two_stream_spatial"}
    for model in cfg.models.keys() - trained - {"observers"}:
        network = build(**network_arguments(cfg, model))
        assert (model in seeing) == getattr(network, "sees_motion", False), model
    assert [name for name in cfg.datasets if still(cfg, name)] == ["salicon"]
    assert not still(cfg, "diem_meta")


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


VARIANTS = [
    (name, variant)
    for name, dataset in load(content("paper")).datasets.items()
    for variant in dataset.variants
]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_variant_is_chosen_by_its_name_and_told_in_tables(name: str, variant: str) -> None:
    chosen = content("paper")
    chosen["datasets"][name]["variant"] = variant
    cfg = load(chosen)
    assert cfg.datasets[name].gaze == cfg.datasets[name].variants[variant].gaze
    told = tables_settings(cfg, "code").datasets[name].variant
    gaze, density = cfg.datasets[name].gaze, cfg.datasets[name].density
    assert told.startswith(f"{variant}; gaze {gaze.reader}")
    assert f"; density {density.recipe} (" in told
    for key, value in gaze.options.items():
        assert f"{key} {value}" in told
    for meta in (meta for meta in cfg.meta_datasets if over(cfg, meta) == name):
        assert tables_settings(cfg, "code").datasets[meta].variant == told


@pytest.mark.parametrize("run", ["demo", "real"])
def test_a_variant_chosen_for_real_data_leaves_the_other_runs_alone(run: str) -> None:
    chosen: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    for name, variant in VARIANTS:
        chosen["datasets"][name]["variant"] = variant
    update_config(chosen, yaml.safe_load((ROOT / f"workflow/runs/{run}.yaml").read_text()))
    cfg = load(chosen | {"run": run})
    used = [name for name in cfg.datasets if not left_out(cfg, name)]
    assert {cfg.datasets[name].variant for name in used} == {"paper"}


def test_missing_released_maps_are_told_and_required_keys_are_named(tmp_path: Path) -> None:
    chosen = content("paper") | {
        "pathvars": {"raw": str(tmp_path), "data": "d", "results": "r", "logs": "l"}
    }
    chosen["datasets"]["ucf_sports"]["variant"] = "release"
    for name in ("ucf_sports", "salicon"):
        (tmp_path / name).mkdir()
    message = _message(load(chosen))
    assert message is not None
    assert "images/*_{frame}.png of 150 of 150 clips, the first is Diving-Side-005" in message
    assert "maps/*_{frame}.png of 150 of 150 clips" in message
    assert "datasets.salicon.variants.paper.gaze.options.edition is required and not set" in message


def _raw(folder: Path, **changes: Any) -> Config:
    """A run: paper whose UCF-Sports is there, touched, and whose other datasets are left out."""
    found = content("paper") | {
        "pathvars": {"raw": str(folder), "data": "d", "results": "r", "logs": "l"},
        "without": ["hollywood2", "dhf1k", "diem", "ledov"],
    }
    for name, options in (("ucf_sports", {"observers": "all"}), ("salicon", {"edition": "2015"})):
        sheet = ROOT / f"workflow/splits/demo/{name}.csv"
        variant = found["datasets"][name]["variants"]["paper"]
        variant["splits"], variant["gaze"]["options"] = str(sheet), options
        for clip in read_sheet(sheet):
            gaze = [
                pattern.format(clip=clip.name, split=clip.split, observer="001")
                for pattern in variant["gaze"]["files"]
            ]
            video = variant["frames"]["video"].format(clip=clip.name)
            for path in (video, *gaze):
                (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / name / path).touch()
    update_config(found, changes)
    return load(found)


def _message(cfg: Config) -> str | None:
    raw._by_clip.cache_clear()
    raw._entries.cache_clear()
    missing._exists.cache_clear()
    return missing_message(cfg)


def test_what_is_there_is_not_missed(tmp_path: Path) -> None:
    assert _message(_raw(tmp_path)) is None


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (
            "ucf_sports/videos/Run-Side_001.avi",
            "{clip}.avi of 1 of 6 clips, the first is Run",
        ),
        (
            "ucf_sports/gaze_ucfsa/samples/001_Walk-Front_008.avi.txt",
            "{observer}_{clip}.avi.txt of 1",
        ),
        ("ucf_sports/gaze_ucfsa/geometry.txt", "geometry.txt of 6 of 6 clips"),
    ],
)
def test_a_missing_file_is_told_before_anything_runs(tmp_path: Path, gone: str, told: str) -> None:
    cfg = _raw(tmp_path)
    (tmp_path / gone).unlink()
    message = _message(cfg)
    assert message is not None
    assert told in message


def test_missing_maps_of_somebody_else_are_told() -> None:
    row = {"Theirs": {"model": "theirs", "training": "given"}}
    changed = content("demo")
    changed["models"]["theirs"] = {"maps": "none/{dataset}"}
    changed["tables"]["table_1"]["measured"] |= row
    message = missing_message(load(changed))
    assert message is not None
    assert "models.theirs.maps: no none/ucf_sports" in message


def test_missing_backbone_weights_are_told(tmp_path: Path) -> None:
    message = _message(_raw(tmp_path, backbone_weights="none.pth"))
    assert message is not None
    assert "backbone_weights: no file none.pth" in message


def test_without_salicon_nothing_can_be_trained_and_all_else_stands() -> None:
    cfg = load(content("demo") | {"without": ["salicon"]})
    for table in cfg.tables:
        starts = [cfg.models[row.model].start for row in measured(cfg, table).values()]
        assert starts == [None] * len(starts)
    assert not measured(cfg, "two_stream_3")
    assert (
        tables_settings(cfg, "code").lacking["table_1"]["Setting 1"] == "its training needs salicon"
    )


@pytest.mark.parametrize("run", ["paper", "demo"])
def test_twelve_tables_each_with_its_printed_sheet(run: str) -> None:
    cfg = load(content(run))
    sheets = {path.stem for path in (ROOT / "workflow/published").glob("*.csv")} - {"marks"}
    assert set(cfg.tables) == sheets and len(sheets) == 12
    for table in cfg.tables:
        rows = measured(cfg, table)
        assert rows.keys() - cfg.sanity.keys(), table
        assert not unmeasured(cfg, table)


def test_observers_need_gaze_that_tells_them_apart() -> None:
    raw = content("paper")
    raw["datasets"]["ucf_sports"]["variant"] = "release"
    cfg = load(raw)
    told = "released maps do not tell observers apart"
    assert unmeasured(cfg, "table_1")["Observers"] == told
    assert "Observers" not in measured(cfg, "table_1")
    assert "Observers" in measured(cfg, "table_2") and "PQFT" in measured(cfg, "table_1")
    assert tables_settings(cfg, "code").observed == ("observers",)


def test_flow_weights_in_a_file_need_no_datasets() -> None:
    raw = content("paper") | {"without": ["hollywood2"]}
    assert "Early Fusion" not in measured(load(raw), "two_stream_3")
    raw["other_flows"]["image_flow"]["weights"] = "flow.safetensors"
    assert "Early Fusion" in measured(load(raw), "two_stream_3")


def test_an_unknown_run_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"run: papr: no such run; set it to paper, demo, real"):
        configured("papr")
