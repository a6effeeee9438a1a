"""A workbench of each dataset: its raw folder in miniature, sheet and settings, and its stages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline.config.config import Config
from pipeline.config.data import Variant
from pipeline.demo.draw import demo, draw
from pipeline.demo.films import film
from pipeline.demo.scene import pictures
from pipeline.planning.load import load, merged
from pipeline.preprocessing.density import density
from pipeline.preprocessing.density_recipes import density_map
from pipeline.preprocessing.flow import flow
from pipeline.preprocessing.frames import frames
from pipeline.preprocessing.gaze import gaze
from pipeline.raw.splits import SheetClip, read_sheet
from pipeline.runtime.cli import main
from pipeline.stores.verify import damage
from tests.builders import ROOT

SEED = 5
CLIPS = {
    "ucf_sports": SheetClip("Run-Side_001", "test", None, None),
    "dhf1k": SheetClip("005", "val", None, None),
    "diem": SheetClip("demo_kite_160x120", "test", None, None),
    "ledov": SheetClip("man_walk01", "test", None, None),
    "salicon": SheetClip("COCO_train2014_000000000001", "train", None, None),
}
"""The one clip of each dataset that is drawn."""
RELEASE, NUMBERS = "ucf_sports/release", range(1, 7)
"""UCF-Sports as numbered pictures and maps, and their numbers; made of the same film."""
STAGES: dict[str, Callable[..., None]] = {
    "demo": demo,
    "frames": frames,
    "flow": flow,
    "gaze": gaze,
    "density": density,
}
UCF, DHF1K, DIEM = CLIPS["ucf_sports"].name, CLIPS["dhf1k"].name, CLIPS["diem"].name
VIDEO = f"raw/ucf_sports/videos/{UCF}.avi"
SAMPLES = f"raw/ucf_sports/gaze_ucfsa/samples/002_{UCF}.avi.txt"
RESOLUTION = "raw/ucf_sports/gaze_ucfsa/resolution.txt"
GEOMETRY = "raw/ucf_sports/gaze_ucfsa/geometry.txt"
TRAIL = f"raw/dhf1k/exportdata_train/P03/P03_Trail{DHF1K}.txt"
EVENTS = f"raw/diem/{DIEM}/event_data/diem1s04.asc_1_{DIEM}.txt"
DATA = "raw/ledov/man_walk01/Data.mat"
IMAGE = f"raw/salicon/images/{CLIPS['salicon'].name}.jpg"
FIXATIONS = f"raw/salicon/fixations/train/{CLIPS['salicon'].name}.mat"
SHOT = f"raw/ucf_sports/testing/{UCF}"
SHEET = "sheets/ucf_sports.csv"


@dataclass
class Bench:
    """A raw folder, its sheet and settings, and where the stages write."""

    root: Path
    dataset: str
    truth: Variant
    grid: dict[str, Any]
    flow: str
    sheets: Path
    target: Path
    patch: pytest.MonkeyPatch
    mounted: list[Path] = field(default_factory=list)

    @property
    def raw(self) -> Path:
        return self.root / "raw" / self.dataset

    def file(self, pattern: str) -> Path:
        """The first file of the raw folder, or of what was made, that fits."""
        return min(self.root.glob(pattern))

    def stored(self, stage: str) -> list[str]:
        store = self.target / stage / "0001.zarr"
        return ["--store", str(store), "--manifest", str(store.with_suffix(".json"))]

    def manifest(self, stage: str) -> Path:
        return self.target / stage / "0001.json"

    def arguments(self, stage: str) -> list[str]:
        """The command line of a stage, as the rules write it."""
        truth, grid, raw = self.truth, json.dumps(self.grid), str(self.raw)
        if stage == "demo":
            sheets = [str(self.sheets / f"{name}.csv") for name in CLIPS]
            return ["--raw", str(self.target), "--seed", "0", "--sheets", *sheets]
        if stage == "frames":
            rows = read_sheet(self.sheets / f"{self.dataset}.csv")
            clips = json.dumps([row.__dict__ for row in rows])
            pictures = truth.frames.model_dump_json()
            own = ["--raw", raw, "--clips", clips, "--dataset", pictures, "--grid", grid]
        elif stage == "flow":
            made = str(self.root / "made/frames/0001.json")
            own = ["--frames", made, "--settings", self.flow, "--threads", "1"]
        elif stage == "gaze":
            made, settings = str(self.root / "made/frames/0001.json"), self.gaze_settings()
            own = ["--raw", raw, "--frames", made, "--settings", settings, "--grid", grid]
        else:
            made, settings = str(self.root / "made/gaze/0001.json"), self.density_settings()
            own = ["--raw", raw, "--gaze", made, "--settings", settings, "--grid", grid]
        return [*own, *self.stored(stage)]

    def gaze_settings(self) -> str:
        return self.truth.gaze.model_dump_json()

    def density_settings(self) -> str:
        return self.truth.density.model_dump_json()

    def gaze_keys(self, **values: Any) -> None:
        """Sets keys of the dataset's `gaze`."""
        self.truth = self.truth.model_copy(
            update={"gaze": self.truth.gaze.model_copy(update=values)}
        )

    def run(self, stage: str) -> None:
        main(STAGES[stage], self.arguments(stage), damage=damage)

    def left(self) -> list[Path]:
        """Stores, manifests and partial files where a stage writes, without the folders above."""
        found = sorted(self.target.rglob("*")) if self.target.is_dir() else []
        return [path for path in found if path.is_file() or path.suffix]


def write_release(root: Path) -> None:
    """Pictures of the UCF-Sports film, fixation maps of three points each and their densities."""
    clip = CLIPS["ucf_sports"]
    drawn = film("ucf_sports", clip.name, clip.split, 0, SEED)
    size = (drawn.clip.height, drawn.clip.width)
    rng = np.random.default_rng(SEED)
    settings = demo_config().datasets["dhf1k"].density
    for number, picture in zip(NUMBERS, pictures(drawn.scene), strict=False):
        pixels = np.stack([rng.permutation(side)[:3] for side in size], axis=1).astype(np.int32)
        fixated = np.zeros(size, np.uint8)
        fixated[pixels[:, 0], pixels[:, 1]] = 255
        blurred = np.round(255 * density_map(pixels, size, settings)).astype(np.uint8)
        for folder, values in {"images": picture, "fixation": fixated, "maps": blurred}.items():
            file = root / f"testing/{clip.name}/{folder}/{clip.name}_{number:03d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(file)


def demo_config() -> Config:
    """config.yaml with that of the demo over it, and a small frame grid."""
    content: dict[str, Any] = {}
    for name in ("config.yaml", "workflow/runs/demo.yaml"):
        content = merged(content, yaml.safe_load((ROOT / name).read_text()))
    return load(merged(content, {"run": "demo", "frames": {"width": 32, "height": 24}}))


def bench_at(root: Path, key: str, patch: pytest.MonkeyPatch) -> Bench:
    cfg = demo_config()
    dataset, _, variant = key.partition("/")
    truth = cfg.datasets[dataset].variants[variant or "paper"]
    grid, flow_settings = cfg.frames.model_dump(), cfg.flow.model_dump_json()
    sheets, made = root / "sheets", root / "made"
    return Bench(root, dataset, truth, grid, flow_settings, sheets, made, patch)


def draw_benches(root: Path) -> None:
    """Draws a bench of each dataset, with everything made of it that a later stage reads."""
    draw(root / "raw", {name: [clip] for name, clip in CLIPS.items()}, SEED)
    with pytest.MonkeyPatch.context() as patch:
        for key in (*CLIPS, RELEASE):
            bench = bench_at(root / key.replace("/", "_"), key, patch)
            if key == RELEASE:
                write_release(bench.raw)
            else:
                shutil.copytree(root / "raw" / key, bench.raw)
            shutil.copytree(ROOT / "workflow/splits/demo", bench.sheets)
            clip = CLIPS[bench.dataset]
            sheet = bench.sheets / f"{bench.dataset}.csv"
            sheet.write_text(f"clip,split\n{clip.name},{clip.split}\n")
            for stage in ("frames", "gaze", "density"):
                bench.run(stage)
