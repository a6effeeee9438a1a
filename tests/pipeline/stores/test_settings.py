"""Settings: manifests and weights name their own, and an edited config.yaml is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from pipeline.config.data import DatasetFrames, DisFlow, Frames, GaussianDensity
from pipeline.stores.kinds import DENSITY
from pipeline.stores.manifests import read_manifest
from pipeline.stores.seals import rerun
from pipeline.stores.settings import (
    density_settings,
    flow_settings,
    frames_settings,
    maps_settings,
    mismatches,
    network_settings,
    recorded_settings,
)
from pipeline.stores.weights import save_weights
from tests.builders import store

GRID = Frames(width=32, height=24, filter="area", codec="lossless")
RECIPE = GaussianDensity(recipe="gaussian", sigma=20.0, repeats="each")


def _density(folder: Path, **settings: object) -> Path:
    return store(DENSITY, folder, {"a": np.zeros((2, 24, 32))}, settings=settings)


def test_a_manifest_names_its_settings_and_its_digest_knows_none(tmp_path: Path) -> None:
    manifests = [
        _density(tmp_path / str(sigma), density={"sigma": sigma}) for sigma in (20.0, 30.0)
    ]
    assert [recorded_settings(path) for path in manifests] == [
        {"density": {"sigma": 20.0}},
        {"density": {"sigma": 30.0}},
    ]
    digests = {read_manifest(path)["digest"] for path in manifests}
    assert len(digests) == 1, "the digest is of the content"


def test_same_settings_are_no_mismatch(tmp_path: Path) -> None:
    settings = density_settings(RECIPE, GRID)
    manifest = _density(tmp_path, **settings)
    assert mismatches({manifest: settings}) == []
    assert mismatches({manifest: density_settings(RECIPE, GRID)}) == []


def test_an_edited_setting_is_named_with_both_values_and_the_remedy(tmp_path: Path) -> None:
    manifest = _density(tmp_path, **density_settings(RECIPE, GRID))
    edited = RECIPE.model_copy(update={"sigma": 30.0, "repeats": "once"})
    wider = GRID.model_copy(update={"width": 64})
    ends = f"; {rerun(manifest)}"
    assert mismatches({manifest: density_settings(edited, wider)}) == [
        f"{manifest}: made with density.repeats each, config.yaml says once{ends}",
        f"{manifest}: made with density.sigma 20.0, config.yaml says 30.0{ends}",
        f"{manifest}: made with frames.width 32, config.yaml says 64{ends}",
    ]


def test_keys_that_only_one_side_has(tmp_path: Path) -> None:
    manifest = _density(tmp_path, flow={"estimator": "dis", "preset": "fast", "cut": None})
    found = mismatches({manifest: {"flow": {"estimator": "dis", "cut": None, "batch": 4}}})
    assert len(found) == 2
    assert "made without flow.batch, config.yaml says 4; rerun" in found[0]
    assert "made with flow.preset fast, config.yaml has no such key; rerun" in found[1]


def test_lists_and_empty_sections_compare_as_json_has_them(tmp_path: Path) -> None:
    network = {"network": "gfsalnet", "main_channels": (8, 8), "options": {}, "bias": None}
    manifest = _density(tmp_path, **network_settings(network))
    assert mismatches({manifest: network_settings(network)}) == []
    (message,) = mismatches({manifest: network_settings(network | {"main_channels": (8, 4)})})
    assert "made with network.main_channels [8, 8], config.yaml says [8, 4];" in message


def test_a_manifest_of_an_older_release_is_made_again(tmp_path: Path) -> None:
    manifest = _density(tmp_path)
    content = read_manifest(manifest)
    older = {key: content[key] for key in content.keys() - {"inputs", "seal"}}
    manifest.write_text(json.dumps(older))
    (message,) = mismatches({manifest: maps_settings(Path("maps"))})
    assert message == (
        f"{manifest}: no inputs, seal: not a manifest, or made by an older release; "
        f"{rerun(manifest)}"
    )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.json", "a.csv", "a.safetensors", "b.safetensors")]
    files[-1].write_bytes(b"no weights")
    found = mismatches({file: {} for file in files})
    assert len(found) == len(files)
    for file, message in zip(files, found, strict=True):
        assert message.startswith(f"{file}: ")
        assert "snakemake" in message
    assert [message.split(": ")[1].split(" (")[0] for message in found] == [
        "not a manifest, but no such file; rerun it",
        "no such file of scores; make it with",
        "cannot read weights",
        "cannot read weights",
    ]


def test_weights_are_compared_by_the_facts_that_come_from_config(tmp_path: Path) -> None:
    weights = tmp_path / "a.safetensors"
    facts = {
        "network": {"network": "gfsalnet", "main_channels": (8, 8)},
        "training": {"learning_rate": 0.01, "epochs": 4.0},
        "loss": None,
        "seed": 1,
        "data": "of the stores",
        "code": "of the modules",
    }
    save_weights(weights, torch.nn.Linear(2, 2), facts)
    recorded = recorded_settings(weights)
    assert recorded is not None
    assert set(recorded) == {"network", "training", "loss", "seed"}
    expected = {key: facts[key] for key in recorded}
    assert mismatches({weights: expected}) == []
    edited = expected | {"training": {"learning_rate": 0.1, "epochs": 4.0}}
    assert mismatches({weights: edited}) == [
        f"{weights}: made with training.learning_rate 0.01, config.yaml says 0.1; {rerun(weights)}"
    ]
    assert mismatches({weights: {"seed": 1}}) == [], "only what is expected is compared"
    (message,) = mismatches({weights: {"fitting": {"patches": 10}}})
    assert "made without fitting.patches, config.yaml says 10; rerun" in message


def test_frames_grid_and_dataset_share_the_section_and_no_key() -> None:
    dataset = DatasetFrames(video="{clip}.avi", rate=None, damaged="stop")
    assert not DatasetFrames.model_fields.keys() & Frames.model_fields.keys()
    assert frames_settings(dataset, GRID)["frames"].keys() == {
        *DatasetFrames.model_fields,
        *Frames.model_fields,
    }
    flow = DisFlow(estimator="dis", preset="fast", cut=None)
    assert flow_settings(flow) == {"flow": {"estimator": "dis", "preset": "fast", "cut": None}}


def test_comparing_needs_neither_torch_nor_zarr() -> None:
    code = (
        "import sys, pipeline.stores.settings; "
        "print(*sorted({'torch', 'zarr', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
