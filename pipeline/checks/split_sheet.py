"""Makes the split sheets whose clip lists only a raw folder can tell.

They are those of DIEM, LEDOV, SALICON and of the shots that Hollywood-2's released maps are cut in.
`python -m pipeline.checks.split_sheet --dataset diem` reads the folder that config.yaml
(`run: paper`) names, for the variant that it names, and writes the sheet that it names. Clips and
frames that are not as many as is known (workflow/splits/totals.csv) are told, and noted in the
sheet. The other sheets are part of the repository.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from pipeline.config.config import Config
from pipeline.config.section import Split
from pipeline.planning.load import configured, own
from pipeline.raw.patterns import clips_of, clips_with_video
from pipeline.raw.splits import read_totals
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError

Row = tuple[str, str, str]
"""Clip, split, and first and last frame as they stand in the sheet."""

DIEM_TEST = frozenset(
    [
        "BBC_life_in_cold_blood_1278x710",
        "BBC_wildlife_serpent_1280x704",
        "DIY_SOS_1280x712",
        "advert_bbc4_bees_1024x576",
        "advert_bbc4_library_1024x576",
        "advert_iphone_1272x720",
        "ami_ib4010_closeup_720x576",
        "ami_ib4010_left_720x576",
        "harry_potter_6_trailer_1280x544",
        "music_gummybear_880x720",
        "music_trailer_nine_inch_nails_1280x720",
        "news_tony_blair_resignation_720x540",
        "nightlife_in_mozambique_1280x580",
        "one_show_1280x712",
        "pingpong_angle_shot_960x720",
        "pingpong_no_bodies_960x720",
        "sport_scramblers_1280x720",
        "sport_wimbledon_federer_final_1280x704",
        "tv_uni_challenge_final_1280x712",
        "university_forum_construction_ionic_1280x720",
    ]
)
"""The 20 test videos (Borji et al., ICCV 2013); all others train."""
DIEM_TEST_FRAMES = 300
"""Frames of a test video that count (Sec. IV-A)."""


def _diem(root: Path, pattern: str, _: Config) -> list[Row]:
    return [
        (clip, "test", f"1,{DIEM_TEST_FRAMES}") if clip in DIEM_TEST else (clip, "train", ",")
        for clip in clips_with_video(root, pattern)
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
    named = [(clip, re.match(r"COCO_(train|val)2014_", clip)) for clip in clips]
    return [(clip, match[1], ",") for clip, match in named if match]


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


def _differences(
    rows: list[Row], dataset: str, variant: str, frames: Mapping[str, int]
) -> list[str]:
    """Where clips, and frames if they were counted, are not as many as are known of each split."""
    clips = Counter(split for _, split, _ in rows)
    differences = []
    for (of, made, split), total in read_totals(Path(own("workflow/splits/totals.csv"))).items():
        if (of, made) == (dataset, variant):
            found = {"clips": clips[split], "frames": frames.get(split)}
            differences += [
                f"{found[what]} {what} under {split} instead of {known}"
                for what, known in (("clips", total.clips), ("frames", total.frames))
                if known is not None and found[what] not in (known, None)
            ]
    return differences


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
    differences = _differences(rows, dataset, settings.variant, frames)
    rows.sort(key=lambda row: get_args(Split).index(row[1]))
    lines = [
        f"# Made by python -m pipeline.checks.split_sheet --dataset {dataset}"
        f" (variant {settings.variant})"
    ]
    lines += ["# from the files in the raw folder; the rule is in pipeline/checks/split_sheet.py."]
    lines += [f"# NOT AS PUBLISHED: {difference}." for difference in differences]
    lines += ["clip,split,first,last", *(",".join(row) for row in rows)]
    Path(settings.splits).write_text("\n".join(lines) + "\n")
    print(f"{settings.splits}: {len(rows)} clips")
    for difference in differences:
        print(f"{raw} is not as published: {difference}; complete the folder and run this again")


if __name__ == "__main__":
    main(sheet)
