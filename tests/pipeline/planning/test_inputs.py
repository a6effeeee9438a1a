"""What a job reads, from its wildcards alone: no Snakemake, no files but sheets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config.config import Config
from pipeline.planning.inputs import Inputs
from pipeline.planning.load import complete, load
from pipeline.planning.settings import Settings
from pipeline.runtime.errors import InputError

DATA, RESULTS = "data/demo", "results/demo"


@pytest.fixture(scope="module")
def cfg() -> Config:
    return load(complete({"run": "demo"}))


@pytest.fixture(scope="module")
def inputs(cfg: Config) -> Inputs:
    return Inputs(cfg)


def job(**wildcards: str) -> SimpleNamespace:
    return SimpleNamespace(**wildcards)


def test_a_setting_1_reads_the_training_clips_of_its_dataset(inputs: Inputs) -> None:
    found = inputs.training("frames")(job(model="gfsalnet", training="setting_1_ucf_sports"))
    assert found == [f"{DATA}/ucf_sports/frames/{part}.json" for part in ("0001", "0002")]


def test_setting_2_reads_three_datasets_in_their_order(inputs: Inputs) -> None:
    found = inputs.training("density")(job(model="gfsalnet", training="setting_2"))
    datasets = list(dict.fromkeys(Path(path).parts[2] for path in found))
    assert datasets == ["ucf_sports", "hollywood2", "dhf1k"]


def test_a_pretraining_reads_photographs(inputs: Inputs) -> None:
    for training in ("salicon", "salicon_euclidean", "salicon_1_1"):
        found = inputs.training("frames")(job(model="spatial", training=training))
        assert {Path(path).parts[2] for path in found} == {"salicon"}, training


@pytest.mark.parametrize(
    ("model", "flow"),
    [("gfsalnet", "flow"), ("early_fusion", "deepflow"), ("pqft", None), ("spatial", None)],
)
def test_a_model_reads_the_flow_that_it_looks_at(
    inputs: Inputs, model: str, flow: str | None
) -> None:
    found = inputs.of_the_flow(inputs.tested)(job(model=model, dataset="diem"))
    assert {Path(path).parts[3] for path in found} == ({flow} if flow else set())


def test_still_images_have_only_a_flow_of_one_frame(inputs: Inputs) -> None:
    here = job(model="early_fusion_still", dataset="salicon")
    assert inputs.of_the_flow(inputs.tested)(here)
    assert not inputs.of_the_flow(inputs.tested)(job(model="gfsalnet", dataset="salicon"))


def test_a_meta_dataset_reads_stores_and_list_of_its_own(inputs: Inputs) -> None:
    here = job(dataset="diem_meta")
    assert {Path(path).parts[2] for path in inputs.tested("gaze")(here)} == {"diem"}
    assert inputs.frame_list(here) == ["raw/demo/diem_meta/diem_meta.csv"]
    assert inputs.frame_list(job(dataset="diem")) == []


def test_a_start_is_another_models_weights_or_its_own(inputs: Inputs) -> None:
    weights = f"{RESULTS}/weights"
    assert inputs.start(job(model="temporal")) == [f"{weights}/spatial/salicon.safetensors"]
    still = f"{weights}/early_fusion/two_stream_diem.safetensors"
    assert inputs.start(job(model="early_fusion_still")) == [still]
    assert inputs.weights(job(model="pqft", training="untrained")) == []


def test_folders_are_those_of_the_manifests(inputs: Inputs) -> None:
    here = job(model="gfsalnet", training="setting_1_diem", dataset="diem")
    manifests = inputs.tested("gaze")(here) + inputs.tested("density")(here)
    folders = inputs.tested("gaze", "density", ending=".zarr")(here)
    assert [Path(path).with_suffix(".zarr") for path in manifests] == [*map(Path, folders)]


def test_a_part_names_its_raw_files(inputs: Inputs) -> None:
    here = job(dataset="ucf_sports", part="0001")
    videos = inputs.raw("frames")(here)
    assert [Path(video).stem for video in videos] == [clip.name for clip in inputs.clips(here)]
    assert all(video.startswith("raw/demo/ucf_sports/videos/") for video in videos)
    assert "raw/demo/ucf_sports/gaze_ucfsa/geometry.txt" in inputs.raw("gaze")(here)


def test_a_network_counts_in_its_own_digest_only(cfg: Config, inputs: Inputs) -> None:
    code = Settings(cfg, inputs).network_code("pipeline.evaluation.predict")
    digests = {model: code(job(model=model)) for model in ("spatial", "gfsalnet", "pqft", "itti")}
    assert digests["spatial"] == digests["gfsalnet"]
    assert len(set(digests.values())) == 3


def test_labels_share_maps_and_scores_by_name(inputs: Inputs) -> None:
    found = inputs.by_label(job(table="table_1"))
    assert {"Spatial", "Temporal", "Setting 1", "Setting 2", "ACLNet"} <= found.keys()
    for maps, scores in found.values():
        assert Path(maps).parts[-3:-1] == Path(scores).parts[-3:-1]


def test_a_given_model_is_scored_by_each_protocol_of_its_published_values() -> None:
    theirs = {"maps": "maps/{dataset}", "published": "SalEMA"}
    inputs = Inputs(load(complete({"run": "demo", "models": {"theirs": theirs}})))
    here = job(model="theirs", dataset="dhf1k")
    scores = f"{RESULTS}/scores/{{}}/theirs/given/dhf1k.csv"
    assert inputs.verified(here) == [scores.format("dhf1k"), scores.format("salema")]
    names = [Path(sheet).name for sheet in inputs.published_sheets(here)]
    assert names == ["rivals.csv", "salema30.csv"]
    message = r"rivals\.csv: nothing of SalEMA on diem; known are dhf1k, hollywood2, ucf_sports"
    with pytest.raises(InputError, match=message):
        inputs.verified(job(model="theirs", dataset="diem"))
