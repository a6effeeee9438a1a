"""Where files lie in a crate, and which stores are in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.config import Config
from pipeline.planning.load import configured
from pipeline.planning.provenance import ROOT
from pipeline.reporting.crate.calls import Call
from pipeline.reporting.crate.contents import within
from pipeline.reporting.crate.places import Places
from pipeline.stores.kinds import DENSITY
from tests.builders import store


@pytest.fixture(scope="module")
def cfg() -> Config:
    return configured("demo")


def test_folders_of_the_run_keep_their_names(cfg: Config) -> None:
    places = Places(cfg)
    for path in ("data/demo/diem/gaze/0001.json", "results/demo/scores/mit", "results/tables"):
        assert places(path) == Path(path)


def test_folders_elsewhere_get_the_usual_names(cfg: Config) -> None:
    elsewhere = {"data": "/scratch/x", "results": "../mine", "raw": "raw/demo", "logs": "logs/demo"}
    places = Places(cfg.model_copy(update={"pathvars": elsewhere}))
    assert places("/scratch/x/diem/gaze/0001.json") == Path("data/demo/diem/gaze/0001.json")
    assert places("../mine/scores/mit") == Path("results/demo/scores/mit")
    assert places("results/tables") == Path("results/tables")


def test_the_workflows_files_are_code_and_others_inputs(
    cfg: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(cfg)
    for path in (ROOT / "workflow/published", ROOT / "model/weights/pwcnet.safetensors"):
        assert places(path) == "code" / path.relative_to(ROOT)
    monkeypatch.chdir(ROOT)
    assert places("workflow/published") == Path("code/workflow/published")
    monkeypatch.chdir(tmp_path)
    assert places("workflow/published/mine.csv") == Path("inputs/mine.csv")


def test_datasets_are_in_as_long_as_they_fit(tmp_path: Path) -> None:
    """The smallest first; what two datasets share counts once."""
    rng = np.random.default_rng(0)
    frames = {"small": 1, "large": 5, "shared": 1}
    manifests = {
        name: store(DENSITY, tmp_path / name, {"a": rng.random((count, 24, 32))})
        for name, count in frames.items()
    }
    calls = {name: [_reading(manifests["shared"], manifests[name])] for name in ("large", "small")}
    bytes_of = {name: _size(path) for name, path in manifests.items()}
    least = bytes_of["shared"] + bytes_of["small"]
    assert within(0, calls) == []
    assert within(least, calls) == ["small"]
    assert within(least + bytes_of["large"], calls) == ["large", "small"]
    assert within(least + bytes_of["large"] - 1, calls) == ["small"]


def _reading(*manifests: Path) -> Call:
    return Call("pipeline.evaluation.score", {"--density": manifests}, "--scores", Path("x.csv"))


def _size(manifest: Path) -> int:
    folder = manifest.with_suffix(".zarr")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
