"""Makes the split sheets whose clip lists only a raw folder can tell: DIEM, LEDOV, SALICON.

`python -m pipeline.sheet --dataset diem` reads the folder that config.yaml (`run: paper`) names and
writes the sheet that it names. The other sheets are part of the repository.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

import yaml

from pipeline.config import Config, Split, load
from pipeline.errors import InputError
from pipeline.raw import clips_with_video
from pipeline.stage import main

DIEM_TEST = {6, 8, 10, 11, 12, 14, 15, 16, 34, 42, 44, 48, 53, 54, 55, 59, 70, 74, 83, 84}
"""1-based places of the 20 test videos among the 84 names in C order (Borji et al. 2013)."""
DIEM_TEST_FRAMES = 300
"""Frames of a test video that count (Sec. IV-A)."""


def _diem(clips: list[str], _: Config) -> list[tuple[str, str, str]]:
    if len(clips) != 84:
        raise InputError(f"raw/diem: {len(clips)} videos; the split 64/20 is defined on all 84")
    return [
        (clip, "test", f"1,{DIEM_TEST_FRAMES}") if place in DIEM_TEST else (clip, "train", ",")
        for place, clip in enumerate(clips, start=1)
    ]


def _ledov(clips: list[str], cfg: Config) -> list[tuple[str, str, str]]:
    path = Path(cfg.pathvars["raw"], "ledov_meta", cfg.meta_datasets["ledov_meta"].frame_list)
    if not path.is_file():
        raise InputError(f"{path}: needed to tell LEDOV's test videos; docs/datasets.md")
    with path.open(newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        listed = {row["video"] for row in csv.DictReader(lines)}
    return [(clip, "test" if clip in listed else "train", ",") for clip in clips]


def _salicon(clips: list[str], _: Config) -> list[tuple[str, str, str]]:
    splits = {clip: clip.split("_")[1].removesuffix("2014") for clip in clips}
    return [(clip, split, ",") for clip, split in splits.items() if split in ("train", "val")]


_RULES = {"diem": _diem, "ledov": _ledov, "salicon": _salicon}


def sheet(*, dataset: str) -> None:
    """Writes the split sheet of a dataset from the videos that its raw folder holds."""
    cfg = load(yaml.safe_load(Path("config.yaml").read_text()) | {"run": "paper"})
    if dataset not in _RULES:
        raise InputError(f"{dataset}: its sheet is part of the repository; made are {list(_RULES)}")
    raw = Path(cfg.pathvars["raw"], dataset)
    settings = cfg.datasets[dataset]
    clips = clips_with_video(raw, settings.frames.video)
    if not clips:
        raise InputError(f"{raw}: no file fits {settings.frames.video}; docs/datasets.md")
    rows = sorted(_RULES[dataset](clips, cfg), key=lambda row: get_args(Split).index(row[1]))
    lines = [f"# Made by python -m pipeline.sheet --dataset {dataset} from the videos in the raw"]
    lines += ["# folder; the rule is in pipeline/sheet.py.", "clip,split,first,last"]
    lines += [",".join(row) for row in rows]
    Path(settings.splits).write_text("\n".join(lines) + "\n")
    print(f"{settings.splits}: {len(rows)} clips")


if __name__ == "__main__":
    main(sheet)
