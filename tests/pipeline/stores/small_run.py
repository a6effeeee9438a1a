"""A small run made by real stages: four clips in two parts, from raw videos to tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pipeline.checks.statistics import statistics
from pipeline.config.training import Fitting
from pipeline.demo.draw import draw
from pipeline.evaluation.predict import predict
from pipeline.evaluation.score import score
from pipeline.preprocessing.density import density
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip
from pipeline.reporting.pages.page import read_pages
from pipeline.reporting.tables import tables
from pipeline.runtime.cli import main
from pipeline.stores.verify import damage
from pipeline.training.checkpoints import Checkpoint
from pipeline.training.fit import fit
from tests.pipeline.reporting.conftest import settings
from tests.workbench import demo_config

CLIPS = {
    "0001": [SheetClip(name, "train", 1, 12) for name in ("Run-Side_001", "Kicking-Front_003")],
    "0002": [SheetClip(name, "test", 1, 12) for name in ("Diving-Side_001", "Golf-Swing-Back_006")],
}
"""Part -> its clips, twelve frames of each."""
NETWORK = {"network": "mean_map", "height": 24, "width": 32}
MARK = "0123456789abcdef"
FIVE = ["AUC-J", "CC", "NSS", "SIM", "KLDiv"]


class SmallRun:
    """The folders of the run, and its stages; each writes into the folder that it is given."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.results = root, root / "data", root / "results"
        self.cfg = demo_config()
        self.truth = self.cfg.datasets["ucf_sports"].variants["paper"]
        self.weights = self.results / "weights/mean_map/setting_1.safetensors"
        self.saliency = self.results / "saliency/mean_map/setting_1/ucf_sports.json"
        self.scores = self.results / "scores/mit/mean_map/setting_1/ucf_sports.csv"
        self.checkpoint = Checkpoint(self.results / "checkpoints/x", MARK)

    def make(self) -> None:
        """Make everything, from raw files on."""
        draw(self.root / "raw", {"ucf_sports": [clip for of in CLIPS.values() for clip in of]}, 5)
        for stage in (self.frames, self.flow, self.gaze, self.density):
            for part in CLIPS:
                stage(part, self.data / "ucf_sports")
        self.fit(self.weights)
        self.predict(self.saliency)
        self.score(self.scores)
        self.tables(self.results / "tables")
        for iteration in (1, 2):
            self.checkpoint.save({"rows": [iteration], "x": torch.arange(64.0) * iteration})

    def made(self, stage: str, part: str = "0002") -> Path:
        return self.data / f"ucf_sports/{stage}/{part}.json"

    def frames(self, part: str, out: Path) -> None:
        clips = [asdict(clip) for clip in CLIPS[part]]
        own = {"raw": self.root / "raw/ucf_sports", "clips": clips, "dataset": self.truth.frames}
        _run(frames, **own, grid=self.cfg.frames, **_stored(out / f"frames/{part}.json"))

    def flow(self, part: str, out: Path) -> None:
        own = {"frames": self.made("frames", part), "settings": self.cfg.flow, "threads": 1}
        _run(flow, **own, **_stored(out / f"flow/{part}.json"))

    def gaze(self, part: str, out: Path) -> None:
        own = {"frames": self.made("frames", part), "settings": self.truth.gaze}
        own |= {"raw": self.root / "raw/ucf_sports", "grid": self.cfg.frames}
        _run(gaze, **own, **_stored(out / f"gaze/{part}.json"))

    def density(self, part: str, out: Path) -> None:
        own = {"gaze": self.made("gaze", part), "settings": self.truth.density}
        own |= {"raw": self.root / "raw/ucf_sports", "grid": self.cfg.frames}
        _run(density, **own, **_stored(out / f"density/{part}.json"))

    def fit(self, weights: Path, every: int = 1) -> None:
        fitting = Fitting(every=every, patches=10, iterations=10, tolerance=0.1)
        own = {"network": NETWORK, "frames": [], "density": [self.made("density", "0001")]}
        own |= {"settings": fitting, "seed": 1, "threads": 1, "code": "0"}
        _run(fit, **own, weights=weights, log=weights.with_suffix(".csv"))

    def predict(self, manifest: Path) -> None:
        own = {"network": NETWORK, "weights": [self.weights], "frames": [self.made("frames")]}
        own |= {"dataset": "ucf_sports", "flow": [], "frame_list": []}
        _run(predict, **own, threads=1, **_stored(manifest))

    def score(self, scores: Path) -> None:
        own = {"density": [self.made("density")], "gaze": [self.made("gaze")], "metrics": []}
        own |= {"protocol": "mit", "seed": 1, "scheduler": "threads", "threads": 1}
        _run(score, saliency=self.saliency, **own, scores=scores)

    def statistics(self, sheet: Path) -> None:
        own = {stage: [self.made(stage)] for stage in ("frames", "flow", "gaze", "density")}
        _run(statistics, **own, threads=1, about={}, sheet=sheet)

    def tables(self, out: Path) -> None:
        made = [self.made(stage) for stage in ("frames", "gaze", "density")]
        row = {"title": "T", "dataset": "ucf_sports", "metrics": FIVE, "note": ""}
        row["measured"] = {"Mean map": {"model": "mean_map", "training": "setting_1"}}
        own = {
            "made": [*made, self.saliency, self.weights],
            "expected": {},
            "scores": [self.scores],
            "tested": [],
            "trained": [],
        }
        chosen = settings(seed=1, tables={"table_1": row}, sanity={})
        _run(tables, **own, published=self.root / "none", settings=chosen, out=out)

    def pages(self, out: Path) -> None:
        out.write_text(repr(read_pages(self.results / "tables")))

    def resumed(self, out: Path) -> None:
        state = Checkpoint(self.results / "checkpoints/x", MARK).load()
        out.write_text(repr(state))


def _stored(manifest: Path) -> dict[str, Path]:
    return {"store": manifest.with_suffix(".zarr"), "manifest": manifest}


def _run(stage: Callable[..., None], **options: Any) -> None:
    """A stage with its command line, as a rule's shell command has it."""
    words: list[str] = []
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        if isinstance(value, list) and (not value or isinstance(value[0], Path)):
            words += map(str, value)
        elif isinstance(value, str | Path | int):
            words.append(str(value))
        else:
            dumped = value.model_dump_json() if hasattr(value, "model_dump_json") else None
            words.append(dumped or json.dumps(value))
    main(stage, words, damage=damage)
