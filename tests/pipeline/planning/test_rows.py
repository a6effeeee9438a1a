"""Rows of tables: what measures them, and what they lack where a dataset is left out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from snakemake.utils import update_config

from pipeline.config.section import BACKBONE
from pipeline.planning.load import configured, load
from pipeline.planning.needs import (
    given,
    imported,
    left_out,
    network_arguments,
    over,
)
from pipeline.planning.rows import measured, tables_settings, unmeasured
from pipeline.runtime.errors import InputError
from pipeline.training.networks import build_network
from tests.builders import ROOT, configuration


def test_the_lines_that_the_docs_show_make_rows() -> None:
    """For maps of other people's models."""
    page = (ROOT / "docs/evaluation.md").read_text()
    known, block = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    short = re.search(r"`(models: .+?)` in `config.yaml`", (ROOT / "README.md").read_text())
    assert short
    assert yaml.safe_load(short[1]) == {"models": {"tased": {"maps": "/maps/tased/{dataset}"}}}
    verified = configuration("verify")
    update_config(verified, yaml.safe_load(known))
    assert load(verified).models["salema_given"].published == "SalEMA"
    shown = yaml.safe_load(block)
    found = configuration("paper")
    update_config(found, shown)
    cfg = load(found)
    assert all(given(cfg, name) for name in shown["models"])
    rows = shown["tables"]["table_3"]["measured"]
    assert len(rows) == 8
    assert all(
        cfg.tables["table_3"].measured[label].model == rows[label]["model"] for label in rows
    )


def test_the_docs_name_what_is_imported() -> None:
    """The file of each model with its authors' weights, and the parameters of its network."""
    cfg = load(configuration("paper"))
    page = "".join((ROOT / f"docs/{name}.md").read_text() for name in ("rivals", "models"))
    models = [name for name in cfg.models if imported(cfg, name)]
    assert len(models) == 10
    for name in models:
        with torch.device("meta"):
            network = build_network(network_arguments(cfg, name))
        assert network.released().tensors  # type: ignore[operator]
        if parameters := sum(part.numel() for part in network.parameters()):
            assert f"{parameters:,}" in page
        assert Path(cfg.models[name].weights or "").name in page


def test_the_pretraining_alone_can_be_measured_of_a_model_that_starts_others() -> None:
    def table(model: str) -> dict[str, Any]:
        row = {"Pretrained": {"model": model, "training": "salicon"}}
        entry = {"title": "t", "dataset": "salicon", "metrics": ["NSS"], "note": None}
        return {**configuration("demo"), "tables": {"own": entry | {"measured": row}}}

    assert measured(load(table("spatial")), "own")["Pretrained"].training == "salicon"
    for model in ("gfsalnet", "temporal", "without_attention"):
        with pytest.raises(InputError, match=r"names 'salicon'; known are .*setting_1_dhf1k"):
            load(table(model))
    left_out = load(table("spatial") | {"without": ["salicon"]})
    assert measured(left_out, "own") == {}


VARIANTS = [
    (name, variant)
    for name, dataset in load(configuration("paper")).datasets.items()
    for variant in dataset.variants
]


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_variant_is_chosen_by_its_name_and_named_in_tables(name: str, variant: str) -> None:
    chosen = configuration("paper")
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


def test_without_salicon_nothing_can_be_trained_and_all_else_stands() -> None:
    cfg = load(configuration("demo") | {"without": ["salicon"]})
    for table in cfg.tables:
        starts = [cfg.models[row.model].start for row in measured(cfg, table).values()]
        # 2C-LSTM starts from its own first stage, on videos.
        assert {*starts} <= {None, BACKBONE, "om_cnn_still"}
    assert not measured(cfg, "two_stream_3")
    assert (
        tables_settings(cfg, "code").lacking["table_1"]["Setting 1"] == "its training needs salicon"
    )


@pytest.mark.parametrize("run", ["paper", "demo"])
def test_twelve_tables_each_with_its_printed_sheet(run: str) -> None:
    cfg = load(configuration(run))
    sheets = {path.stem for path in (ROOT / "workflow/published").glob("*.csv")} - {
        "marks",
        "rivals",
    }
    assert sheets <= set(cfg.tables)
    assert len(sheets) >= 12  # tables of one's own stand beside the papers'
    for table in cfg.tables:
        rows = measured(cfg, table)
        assert rows.keys() - cfg.sanity.keys(), table
        # Files of authors' weights are the user's.
        assert all(label.endswith("(released)") for label in unmeasured(cfg, table)), table


def test_observers_need_gaze_that_tells_them_apart() -> None:
    raw = configuration("paper")
    raw["datasets"]["ucf_sports"]["variant"] = "release"
    cfg = load(raw)
    told = "released maps do not tell observers apart"
    assert unmeasured(cfg, "table_1")["Observers"] == told
    assert "Observers" not in measured(cfg, "table_1")
    assert "Observers" in measured(cfg, "table_2") and "PQFT" in measured(cfg, "table_1")
    assert tables_settings(cfg, "code").observed == ("observers",)


def test_flow_weights_in_a_file_need_no_datasets() -> None:
    raw = configuration("paper") | {"without": ["hollywood2"]}
    assert "Early Fusion" not in measured(load(raw), "two_stream_3")
    raw["other_flows"]["image_flow"]["weights"] = "flow.safetensors"
    assert "Early Fusion" in measured(load(raw), "two_stream_3")


def test_footers_name_the_flow_of_each_model_and_its_weights() -> None:
    cfg = configured("paper")
    flows = tables_settings(cfg, "code").flows
    digest = hashlib.sha256(Path(cfg.flow.weights).read_bytes()).hexdigest()  # type: ignore[union-attr]
    pwcnet = f"PWC-Net (weights pwcnet.safetensors, SHA-256 {digest[:8]}..., float32)"
    for model in ("temporal", "gfsalnet", "fang", "stra_net", "early_fusion_pwcnet"):
        assert flows[model] == pwcnet
    assert flows["early_fusion"] == "DeepFlow (OpenCV)"
    assert flows["early_fusion_still"] == (
        "image_flow (weights image_flow.safetensors, made by this run, float32)"
    )
    assert {"spatial", "pqft", "centre_bias", "observers"}.isdisjoint(flows)
