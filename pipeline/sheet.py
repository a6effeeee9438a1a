"""Makes the split sheets whose clip lists only a raw folder can tell.

They are those of DIEM, LEDOV, SALICON and of the shots that Hollywood-2's released maps are cut in.
`python -m pipeline.sheet --dataset diem` reads the folder that config.yaml (`run: paper`) names,
for the variant that it names, and writes the sheet that it names, if the numbers of clips are the
published ones (workflow/splits/totals.csv). The other sheets are part of the repository.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from pipeline.config import Config, Split, configured
from pipeline.errors import InputError
from pipeline.raw import clips_of, clips_with_video
from pipeline.splits import read_totals
from pipeline.stage import main

Row = tuple[str, str, str]
"""Clip, split, and first and last frame as they stand in the sheet."""

DIEM_TEST = {6, 8, 10, 11, 12, 14, 15, 16, 34, 42, 44, 48, 53, 54, 55, 59, 70, 74, 83, 84}
"""1-based places of the 20 test videos among the 84 names in C order (Borji et al. 2013)."""
DIEM_TEST_FRAMES = 300
"""Frames of a test video that count (Sec. IV-A)."""


def _diem(root: Path, pattern: str, _: Config) -> list[Row]:
    clips = clips_with_video(root, pattern)
    if len(clips) != 84:
        raise InputError(f"{root}: {len(clips)} videos; the split 64/20 is defined on all 84")
    return [
        (clip, "test", f"1,{DIEM_TEST_FRAMES}") if place in DIEM_TEST else (clip, "train", ",")
        for place, clip in enumerate(clips, start=1)
    ]


def _ledov(root: Path, pattern: str, cfg: Config) -> list[Row]:
    path = Path(cfg.pathvars["raw"], "ledov_meta", cfg.meta_datasets["ledov_meta"].frame_list)
    if not path.is_file():
        raise InputError(f"{path}: needed to tell LEDOV's test videos; docs/datasets.md")
    with path.open(newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        listed = {row["video"] for row in csv.DictReader(lines)}
    clips = clips_with_video(root, pattern)
    return [(clip, "test" if clip in listed else "train", ",") for clip in clips]


def _salicon(root: Path, pattern: str, _: Config) -> list[Row]:
    clips = clips_with_video(root, pattern)
    splits = {clip: clip.split("_")[1].removesuffix("2014") for clip in clips}
    return [(clip, split, ",") for clip, split in splits.items() if split in ("train", "val")]


def _shots(root: Path, pattern: str, _: Config) -> list[Row]:
    """Every shot, those of a single frame too; the folder says which split it belongs to."""
    return [(clip, split, ",") for clip, split in sorted(clips_of(root, pattern))]


_RULES: dict[tuple[str, str], Callable[[Path, str, Config], list[Row]]] = {
    ("diem", "paper"): _diem,
    ("diem", "stavis"): _diem,
    ("ledov", "paper"): _ledov,
    ("salicon", "paper"): _salicon,
    ("salicon", "release"): _salicon,
    ("hollywood2", "release"): _shots,
}


def _as_published(rows: list[Row], dataset: str, variant: str, frames: dict[str, int]) -> None:
    """Compares clips, and frames where they were counted, with the known totals of each split."""
    clips = Counter(split for _, split, _ in rows)
    totals = read_totals(Path("workflow/splits/totals.csv"))
    problems = []
    for (of, made, split), total in totals.items():
        if (of, made) != (dataset, variant):
            continue
        found = {"clips": clips[split], "frames": frames.get(split)}
        problems += [
            f"{found[what]} {what} under {split} instead of {known}"
            for what, known in (("clips", total.clips), ("frames", total.frames))
            if known is not None and found[what] not in (known, None)
        ]
    if problems:
        raise InputError(
            f"raw folder of {dataset}: {'; '.join(problems)}. Complete the folder; for a part of a "
            "dataset write a sheet by hand: clip,split[,first,last]"
        )


def sheet(*, dataset: str) -> None:
    """Writes the split sheet of a dataset from the files that its raw folder holds."""
    cfg = configured("paper")
    if dataset not in cfg.datasets:
        raise InputError(f"{dataset}: no such dataset; known are {', '.join(cfg.datasets)}")
    settings = cfg.datasets[dataset]
    if (dataset, settings.variant) not in _RULES:
        made = ", ".join(f"{name} ({variant})" for name, variant in _RULES)
        raise InputError(
            f"{settings.splits} of {dataset} ({settings.variant}) is part of the repository; "
            f"made from raw folders are those of {made}"
        )
    raw, pattern = Path(cfg.pathvars["raw"], dataset), settings.frames.video
    counts = clips_of(raw, pattern)
    if not counts:
        raise InputError(f"{raw}: no file fits {pattern}; docs/datasets.md")
    rows = _RULES[dataset, settings.variant](raw, pattern, cfg)
    frames: Counter[str] = Counter()
    if "{split}" in pattern:
        for (_, split), count in counts.items():
            frames[split] += count
    _as_published(rows, dataset, settings.variant, dict(frames))
    rows.sort(key=lambda row: get_args(Split).index(row[1]))
    lines = [f"# Made by python -m pipeline.sheet --dataset {dataset} (variant {settings.variant})"]
    lines += ["# from the files in the raw folder; the rule is in pipeline/sheet.py."]
    lines += ["clip,split,first,last", *(",".join(row) for row in rows)]
    Path(settings.splits).write_text("\n".join(lines) + "\n")
    print(f"{settings.splits}: {len(rows)} clips")


if __name__ == "__main__":
    main(sheet)
