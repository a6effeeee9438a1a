"""A small run, made by real stages where its configuration plans it, and its crate."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pipeline.planning import paths
from pipeline.planning.load import complete, load, merged
from pipeline.raw.splits import SheetClip
from pipeline.reporting.crate.calls import Call, score_calls, tables_call
from pipeline.reporting.crate.recheck import run_stage
from tests.builders import ROOT

if TYPE_CHECKING:
    from pipeline.config.config import Config

CLIPS = {"train": "Run-Side_001", "test": "Diving-Side_001"}
OTHERS = ["hollywood2", "dhf1k", "diem", "ledov", "salicon", "diem_meta", "ledov_meta"]
MEAN = {"model": "mean_map", "training": "setting_1_ucf_sports"}


class Made:
    """A folder with a finished run of two clips, two rows and one table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def cfg(self) -> Config:
        with chdir(self.folder):
            return load(complete({}))

    def make(self) -> None:
        """Makes everything from raw files on."""
        self.folder.mkdir()
        with chdir(self.folder):
            _write_config()
            _make_stores(self.cfg)
            for call in score_calls(self.cfg)["ucf_sports"]:
                _run(call)
            _run(tables_call(self.cfg, _itself))


def _itself(path: str | Path) -> Path:
    return Path(path)


def _write_config() -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    config = merged(config, yaml.safe_load((ROOT / "workflow/runs/demo.yaml").read_text()))
    config |= {"without": OTHERS, "frames": config["frames"] | {"width": 32, "height": 24}}
    config["datasets"]["ucf_sports"]["clips_per_part"] = 1
    config["datasets"]["ucf_sports"]["variants"]["paper"]["splits"] = "sheets/ucf_sports.csv"
    rows = {"Mean map": MEAN, "Observers": {"model": "observers", "training": "untrained"}}
    config["tables"] = {"table_1": config["tables"]["table_1"] | {"measured": rows}}
    config |= {"sanity": {}, "loss_search": config["loss_search"] | {"beta": [0.1]}}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    overlay = Path("workflow/runs/demo.yaml")  # all is in config.yaml
    overlay.parent.mkdir(parents=True)
    overlay.write_text("{}\n")
    sheet = Path("sheets/ucf_sports.csv")
    sheet.parent.mkdir()
    lines = (f"{name},{split},1,12\n" for split, name in CLIPS.items())
    sheet.write_text("clip,split,first,last\n" + "".join(lines))


def _make_stores(cfg: Config) -> None:
    from pipeline.config.training import Fitting
    from pipeline.demo.draw import draw
    from pipeline.evaluation.predict import predict
    from pipeline.planning.needs import network_arguments
    from pipeline.preprocessing.density import density
    from pipeline.preprocessing.frames import frames
    from pipeline.preprocessing.gaze import gaze
    from pipeline.training.fit import fit

    clips = {split: SheetClip(name, split, 1, 12) for split, name in CLIPS.items()}
    draw(Path("raw/demo"), {"ucf_sports": [*clips.values()]}, 5)
    dataset, grid = cfg.datasets["ucf_sports"], cfg.frames
    parts: dict[tuple[str, str], Path] = {}
    raw = Path("raw/demo/ucf_sports")
    for split, clip in clips.items():
        for stage in ("frames", "gaze", "density"):
            (manifest,) = map(Path, paths.parts(cfg, stage, "ucf_sports", split))
            parts[stage, split] = manifest
            stored = {"store": manifest.with_suffix(".zarr"), "manifest": manifest}
            if stage == "frames":
                frames(raw=raw, clips=[clip], dataset=dataset.frames, grid=grid, **stored)
            elif stage == "gaze":
                made = parts["frames", split]
                gaze(raw=raw, frames=made, settings=dataset.gaze, grid=grid, **stored)
            else:
                made = parts["gaze", split]
                density(raw=raw, gaze=made, settings=dataset.density, grid=grid, **stored)
    network = network_arguments(cfg, "mean_map")
    weights = Path(paths.weights(cfg, MEAN["model"], MEAN["training"]))
    fit(
        network=network,
        frames=[],
        density=[parts["density", "train"]],
        settings=Fitting.model_validate(cfg.fitting.model_dump()),
        seed=cfg.seed,
        threads=1,
        code="0",
        weights=weights,
        log=weights.with_suffix(".csv"),
    )
    row = cfg.tables["table_1"].measured["Mean map"]
    maps = Path(paths.saliency(cfg, row, "ucf_sports"))
    predict(
        network=network,
        weights=[weights],
        frames=[parts["frames", "test"]],
        dataset="ucf_sports",
        flow=[],
        frame_list=[],
        threads=1,
        store=maps.with_suffix(".zarr"),
        manifest=maps,
    )
    log = Path("logs/demo/fit/mean_map.log")
    log.parent.mkdir(parents=True)
    log.write_text("fitted\n")


def _run(call: Call) -> None:
    """Runs a stage in this process, as its rule would."""
    call.output.parent.mkdir(parents=True, exist_ok=True)
    run_stage(call.module, [*call.words(_itself), call.out, str(call.output)])


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The run as its stages left it; nobody changes it."""
    made = Made(tmp_path_factory.mktemp("crates") / "work")
    made.make()
    return made


@pytest.fixture
def run(made_run: Made, tmp_path: Path) -> Made:
    """A copy of the run."""
    ignored = shutil.ignore_patterns("crates")
    shutil.copytree(made_run.folder, tmp_path / "work", ignore=ignored)
    return Made(tmp_path / "work")


@pytest.fixture(scope="session")
def packed(made_run: Made) -> Path:
    """The crate of the run; nobody changes it."""
    from pipeline.reporting.crate.pack import main

    with chdir(made_run.folder):
        main(["--config", "run=demo"])
    return made_run.folder / "crates/demo"


@pytest.fixture
def crate(packed: Path, tmp_path: Path) -> Path:
    """A copy of the crate."""
    shutil.copytree(packed, tmp_path / "crate")
    return tmp_path / "crate"
