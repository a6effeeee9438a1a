"""config.yaml: every run fits, a typo is named, and entries fit their constructors."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from snakemake.utils import update_config

from model.flow.image_flow import ImageFlow
from model.registry import NETWORKS, build
from pipeline.config.data import DatasetFrames
from pipeline.config.section import alike
from pipeline.config.training import Model, Sgd
from pipeline.planning.load import configured, load
from pipeline.planning.needs import (
    backbone_file,
    network_arguments,
    sees_motion,
    still,
)
from pipeline.runtime.errors import InputError
from tests.builders import ROOT, configuration

RUNS = ["paper", "demo", "light", "real"]


@pytest.mark.parametrize("run", [*RUNS, "verify"])
def test_every_run_is_valid(run: str) -> None:
    assert load(configuration(run)).run == run


def test_the_shipped_run_is_the_demo_and_stands_on_top() -> None:
    assert (ROOT / "config.yaml").read_text().startswith("run: demo ")


def test_runs_share_no_folder() -> None:
    folders = [set(load(configuration(run)).pathvars.values()) for run in RUNS]
    assert len(set.union(*folders)) == sum(map(len, folders))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"framse": 1}, "framse: Extra inputs"),
        ({"frames": {"width": -1}}, "frames.width: Input should be greater than 0"),
        ({"flow": {"estimator": "pwc"}}, "flow: Input tag 'pwc' found using 'estimator'"),
        ({"without": ["dhf2k"]}, "without names 'dhf2k'; known are"),
        ({"tables": {"table_1": {"dataset": "x"}}}, "tables.table_1.dataset names 'x'"),
        (
            {"datasets": {"diem": {"variant": "STAViS"}}},
            r"'STAViS' is none of paper, stavis; did you mean stavis\?",
        ),
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
            {"pretraining": {"batch_norm": "folded", "batch_norm_momentum": 0.1}},
            "batch_norm_momentum does nothing where batch_norm is folded; set it to null",
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
        ({"pretraining": {"loss": "mse"}}, "pretraining.loss: Input should be 'saliency', 'eucl"),
        ({"pretraining": {"optimiser": {"momentum": 0.9}}}, "optimiser.adam.momentum"),
        ({"datasets": {"diem": {"validation": 1.0}}}, "validation: Input should be less than 1"),
        (
            {"image_flow_weights": {"training": {"datasets": ["x"]}}},
            "image_flow_weights.training.datasets names 'x'",
        ),
        (
            {"submissions": {"dhf1k_test": {"over": "dhf2k"}}},
            "submissions.dhf1k_test.over names 'dhf2k'",
        ),
        ({"framse": 2}, "framse: .*; did you mean frames"),
        (
            {"pretraining": {"checkpoint_minutes": 30}},
            "pretraining.checkpoint_minutes: .*; it is a key of its own, beside the sections",
        ),
        ({"frames": {"widht": 1}}, "frames.widht: .*; did you mean width"),
        ({"without": ["DHFK"]}, "without names 'DHFK'; known .*; did you mean dhf1k"),
        (
            {"models": {"theirs": {"maps": "maps", "published": "salema"}}},
            "models.theirs.published names 'salema'; .*; did you mean SalEMA",
        ),
        (
            {"models": {"gfsalnet": {"published": "SalEMA"}}},
            "models.gfsalnet.published: only what was made elsewhere",
        ),
        (
            {"models": {"itti": {"network": "iti"}}},
            "models.itti.network names 'iti'; .*; did you mean itti",
        ),
        (
            {"datasets": {"diem": {"variants": {"paper": {"gaze": {"reader": "dime"}}}}}},
            "paper.gaze.reader names 'dime'; known are .*; did you mean diem",
        ),
        (
            {"datasets": {"diem": {"variants": {"paper": {"density": {"recipe": "gausian"}}}}}},
            "diem.variants.paper.density: .*; did you mean gaussian",
        ),
        ({"score": {"protocol": "MIT"}}, "score.protocol: .*; did you mean mit"),
        (
            {"tables": {"table_1": {"measured": {"a": {"model": "gfsalnt", "training": "x"}}}}},
            "tables.table_1.measured.a.model names 'gfsalnt'; known .*; did you mean gfsalnet",
        ),
        ({"frames": {"filter": True}}, "frames.filter: Input should be 'bicubic'"),
        ({"backbone_sha256": 12}, "backbone_sha256: .*, found 12: put it in quotes"),
        ({"pathvars": {"data": "{x}"}}, r"pathvars.data: '\{x\}': a folder's path without"),
        ({"pathvars": {"data": ""}}, "pathvars.data: '': a folder's path"),
        ({"pathvars": {"data": "raw/"}}, "pathvars.data: raw is that of raw"),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    wrong = configuration("paper")
    update_config(wrong, change)
    with pytest.raises(InputError, match=message):
        load(wrong)


NAMED = {
    "tables": "table_1",
    "models": "itti",
    "trainings": "setting_2",
    "datasets": "diem",
    "meta_datasets": "diem_meta",
    "other_flows": "deepflow",
    "other_pretrainings": "salicon_euclidean",
    "submissions": "dhf1k_test",
}
"""Section of names -> an entry, of which a copy gets another name."""
IMPOSSIBLE = ["../x", "a/b", "/a", "a b", "", ".a", "-a", "a.", "a\nb", "{x}", "a*", "a:b", "CON"]


@pytest.mark.parametrize("section", NAMED)
@pytest.mark.parametrize("name", [*IMPOSSIBLE, "nul.x", "a" * 65])
def test_a_name_that_no_file_can_have(section: str, name: str) -> None:
    wrong = configuration("paper")
    wrong[section][name] = wrong[section][NAMED[section]]
    with pytest.raises(InputError) as stopped:
        load(wrong)
    (line,) = str(stopped.value).splitlines()[1:]
    assert re.search("cannot be a name|longer than 64|keeps this name for a device", line)


@pytest.mark.parametrize("run", ["../demo", "a b"])
def test_the_runs_name_is_one(run: str) -> None:
    with pytest.raises(InputError, match=r"run: .* cannot be a name"):
        load(configuration("paper") | {"run": run})


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("datasets", "diem", "DIEM"),
        ("submissions", "dhf1k_test", "dhf1k"),
        ("models", "itti", "Itti"),
        ("models", "itti", "flow"),
        ("trainings", "setting_2", "Setting_2"),
        ("trainings", "setting_2", "given"),
        ("trainings", "setting_2", "salicon_euclidean"),
        ("other_flows", "deepflow", "gaze"),
        ("other_flows", "deepflow", "flow"),
        ("tables", "table_1", "Table_1"),
        ("tables", "table_1", "index"),
        ("tables", "table_1", "table_2_clips"),
    ],
)
def test_names_that_would_share_a_file(section: str, old: str, new: str) -> None:
    wrong = configuration("paper")
    wrong[section][new] = wrong[section][old]
    with pytest.raises(InputError, match=rf"{section}\.\w+ .*would share files"):
        load(wrong)


def test_an_accent_may_be_written_in_two_ways() -> None:
    assert alike({"models": ["caf\u00e9", "cafe\u0301"]})
    assert alike({"models": ["a", "b"], "tables": ["c"]}) is None


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{clp}.avi", r"\{clp\} is none of .*; did you mean clip"),
        ("{clip.avi", "a brace without its other one"),
        ("../{clip}.avi", "below the raw folder"),
        ("/a/{clip}.avi", "below the raw folder"),
        (r"a\{clip}.avi", "below the raw folder"),
    ],
)
def test_a_pattern_that_names_no_raw_file(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DatasetFrames(video=pattern, rate=None, damaged="stop")


@pytest.mark.parametrize("run", RUNS)
def test_keys_of_models_are_the_constructors(run: str) -> None:
    cfg = load(configuration(run))
    for model in cfg.models.keys() - {"observers"}:
        with torch.device("meta"):
            assert build(**network_arguments(cfg, model)) is not None
        assert cfg.models[model].network in NETWORKS


@pytest.mark.parametrize("run", RUNS)
def test_image_flow_can_be_built(run: str) -> None:
    cfg = load(configuration(run))
    arguments = cfg.image_flow_weights.network
    with torch.device("meta"):
        assert len(ImageFlow(**arguments).centres) == arguments["clusters"]
    file = backbone_file(cfg, arguments["backbone"])
    assert (file is None) == (cfg.backbone_weights is None)


def test_paper_numbers() -> None:
    cfg = load(configuration("paper"))
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
    cfg = load(configuration("paper"))
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


def test_which_models_look_at_flow() -> None:
    cfg = load(configuration("paper"))
    seeing = {model for model in cfg.models if sees_motion(cfg, model)}
    trained = {model for model, entry in cfg.models.items() if entry.start}
    still_rivals = {
        *("salgan", "salgan_content", "salema", "aclnet", "tased_net", "om_cnn", "om_cnn_still"),
        *("shallow_conv", "unisal"),
    }
    assert trained - seeing == {"spatial", "two_stream_spatial", *still_rivals}
    untrained = {model for model, entry in cfg.models.items() if not (entry.start or entry.weights)}
    for model in untrained - {"observers"}:
        network = build(**network_arguments(cfg, model))
        assert (model in seeing) == getattr(network, "sees_motion", False), model
    assert [name for name in cfg.datasets if still(cfg, name)] == ["salicon"]
    assert not still(cfg, "diem_meta")


@pytest.mark.parametrize("maps", ["{0}", "{clip}/{dataset}", "{dataset", "maps}"])
def test_a_path_of_maps_has_no_other_braces(maps: str) -> None:
    assert Model(maps="maps/{dataset}.zip").maps
    with pytest.raises(ValueError, match=r"may hold \{dataset\} and nothing else"):
        Model(maps=maps)


def test_an_unknown_run_lists_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"run: papr: no such run; set it to paper, demo, diem_whole, light"
    ):
        configured("papr")


def test_a_run_takes_a_row_out_by_null() -> None:
    found = configuration("demo")
    found["tables"]["table_1"]["measured"]["Temporal"] = None
    rows = load(found).tables["table_1"].measured
    assert "Temporal" not in rows
    assert "Spatial" in rows
