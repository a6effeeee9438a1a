"""Which figures a run makes, what each reads, and which row chooses what is shown."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config.config import Config
from pipeline.planning import targets
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import complete, load
from pipeline.planning.paths import clip_page
from pipeline.planning.rows import first_table, leading, pictured, shown
from pipeline.planning.settings import Settings
from pipeline.runtime.errors import InputError

RESULTS = "results/demo"


@pytest.fixture(scope="module")
def cfg() -> Config:
    return load(complete({"run": "demo"}))


@pytest.fixture(scope="module")
def inputs(cfg: Config) -> Inputs:
    return Inputs(cfg)


def test_every_table_has_a_picture_of_the_rows_that_look_at_pictures(cfg: Config) -> None:
    found = {Path(path).stem for path in targets.pictures(cfg)}
    assert found == {*cfg.tables, "training"}
    rows = pictured(cfg, "table_4")
    assert {"PQFT", "Fang et al.", "Setting 2", "UNISAL", "Mean training map"} <= {*rows}
    assert not {"Observers", "Centre bias", "Chance"} & {*rows}
    assert {"GBVS", "PQFT", "Hou and Zhang"} < {*pictured(cfg, "two_stream_2")}


def test_pictures_show_the_scores_of_their_tables_protocol(cfg: Config, inputs: Inputs) -> None:
    settings = Settings(cfg, inputs)
    for table, protocol in {"table_4": "mit", "two_stream_2": "rudoy"}.items():
        job = SimpleNamespace(table=table)
        assert settings.protocol(job) == protocol
        scores = {Path(sheet).parts[3] for _, sheet in inputs.by_label(job).values()}
        assert scores == {protocol}
    clip = SimpleNamespace(dataset="diem", clip="any")
    assert {Path(sheet).parts[3] for _, sheet in inputs.shown_of(clip).values()} == {"mit"}
    assert "chi-square" not in settings.metrics(clip)


def test_the_leading_row_is_the_tables_choice_or_the_last_trained_one(cfg: Config) -> None:
    assert leading(cfg, "table_1") == "Setting 2"
    table = cfg.tables["table_1"].model_copy(update={"leading": None})
    of_none = cfg.model_copy(update={"tables": {"table_1": table}})
    assert leading(of_none, "table_1") == "UNISAL"
    rows = {"PQFT": table.measured["PQFT"]}
    table = table.model_copy(update={"leading": "Setting 2", "measured": rows})
    assert leading(cfg.model_copy(update={"tables": {"table_1": table}}), "table_1") == "PQFT"
    assert all(table.leading in table.measured for table in cfg.tables.values())


def test_a_table_reads_the_flow_of_its_leading_model(inputs: Inputs) -> None:
    read = inputs.of_table(inputs.of_the_flow(inputs.tested))
    flows = {"table_4": "flow", "two_stream_1": "deepflow", "two_stream_3": "image_flow"}
    for table, flow in flows.items():
        assert {Path(path).parts[3] for path in read(SimpleNamespace(table=table))} == {flow}


def test_all_figures_of_both_papers_are_made(cfg: Config) -> None:
    made = {*targets.everything_beside_tables(cfg)}
    files = (
        "overlays/ucf_sports.png",
        "gates/gfsalnet/setting_2/ucf_sports.csv",
        "gates/gfsalnet/setting_2/diem.csv",
        *(f"pictures/table_{number}.png" for number in range(1, 5)),
        "failures/table_4.png",
        "flow_images/early_fusion/diem.png",
        "flow_images/early_fusion_still/salicon.png",
        *(f"pictures/two_stream_{number}.png" for number in range(1, 4)),
    )
    assert {f"{RESULTS}/{file}" for file in files} <= made
    page = Path("docs/reporting.md").read_text()
    assert all(f"`{file}`" in page for file in files if "table_" not in file and ".png" in file)


def test_a_clip_reads_its_own_part_and_every_model_once(cfg: Config, inputs: Inputs) -> None:
    job = SimpleNamespace(dataset="diem", clip="demo_kite_160x120")
    assert inputs.of_clip("frames")(job) == ["data/demo/diem/frames/0003.json"]
    with pytest.raises(InputError, match=r"diem: no test clip x; .* such as demo_kite"):
        inputs.of_clip("frames")(SimpleNamespace(dataset="diem", clip="x"))
    # A training clip is not scored.
    with pytest.raises(InputError, match="no test clip demo_ball"):
        inputs.of_clip("gaze")(SimpleNamespace(dataset="diem", clip="demo_ball_160x120"))
    rows = [(row.model, row.training) for row in shown(cfg, "diem").values()]
    assert len(rows) == len({*rows})
    assert next(iter(shown(cfg, "diem"))) == leading(cfg, first_table(cfg, "diem"))
    assert {("pqft", "untrained"), ("early_fusion", "two_stream_diem")} < {*rows}


def test_the_list_of_clips_needs_the_page_of_each(inputs: Inputs) -> None:
    found = inputs.clip_pages(SimpleNamespace(dataset="diem_meta"))
    assert found == [
        f"{RESULTS}/{clip_page('diem_meta', name)}"
        for name in ("demo_kite_160x120", "demo_snail_160x120")
    ]


def test_attributes_are_read_where_a_dataset_has_them(inputs: Inputs) -> None:
    (sheet,) = inputs.attributes(SimpleNamespace(dataset="diem"))
    assert sheet.endswith("workflow/splits/demo/attributes/diem.csv")
    assert inputs.attributes(SimpleNamespace(dataset="ucf_sports")) == []
