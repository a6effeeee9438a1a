"""Split sheets that can only be made from a raw folder.

They are those of DIEM, as in the paper or whole (`diem_whole`), of LEDOV, of SALICON, of the shots
that Hollywood-2's released maps are cut in, and of recordings of one's own; all others are part of
the repository. `python -m pipeline.checks.split_sheet --dataset diem` reads the raw folder and
writes the sheet that config.yaml (`run: paper`) names for the dataset's variant. Numbers of clips
or frames other than the known ones (workflow/splits/totals.csv) are printed and noted in the sheet.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from pipeline.config.config import Config
from pipeline.config.section import Split
from pipeline.datasets.diem import TEST_CLIPS, TEST_FRAMES
from pipeline.planning.load import configured, own
from pipeline.raw.patterns import clips_of, clips_with_video
from pipeline.raw.splits import read_totals
from pipeline.runtime.cli import main
from pipeline.runtime.errors import InputError, meant
from pipeline.runtime.sheets import read_rows, write_rows

OWN = "own"
"""The dataset, and the run, of recordings of one's own."""
WHOLE = "diem_whole"
"""DIEM with all of its videos under test from end to end, and the run that scores them."""
Row = tuple[str, Split, int | None, int | None]
"""Clip, split, first and last frame; a frame is None where the whole video is used."""


def _diem(root: Path, pattern: str, _: Config) -> list[Row]:
    return [
        (clip, "test", 1, TEST_FRAMES) if clip in TEST_CLIPS else (clip, "train", None, None)
        for clip in clips_with_video(root, pattern)
    ]


def _ledov(root: Path, pattern: str, cfg: Config) -> list[Row]:
    path = Path(cfg.pathvars["raw"], "ledov_meta", cfg.meta_datasets["ledov_meta"].frame_list)
    if not path.is_file():
        raise InputError(
            f"{path}: no such file, which lists LEDOV's test videos; "
            "docs/datasets.md says where it comes from"
        )
    listed = {row["video"] for row in read_rows(path, ("video",))}
    clips = clips_with_video(root, pattern)
    return [(clip, "test" if clip in listed else "train", None, None) for clip in clips]


def _salicon(root: Path, pattern: str, _: Config) -> list[Row]:
    splits: tuple[Split, ...] = ("train", "val")
    return [
        (clip, split, None, None)
        for clip in clips_with_video(root, pattern)
        for split in splits
        if clip.startswith(f"COCO_{split}2014_")
    ]


def _shots(root: Path, pattern: str, _: Config) -> list[Row]:
    """Every shot, also those of a single frame; its folder is its split."""
    splits = {split: split for split in get_args(Split)}
    return [(clip, splits[split], None, None) for clip, split in sorted(clips_of(root, pattern))]


def _tests(root: Path, pattern: str, _: Config) -> list[Row]:
    """Every video, for testing."""
    return [(clip, "test", None, None) for clip in clips_with_video(root, pattern)]


_RULES: dict[tuple[str, str], Callable[[Path, str, Config], list[Row]]] = {
    ("diem", "paper"): _diem,
    ("diem", "stavis"): _diem,
    ("ledov", "paper"): _ledov,
    ("salicon", "paper"): _salicon,
    ("salicon", "release"): _salicon,
    ("hollywood2", "release"): _shots,
    (WHOLE, "paper"): _tests,
    (OWN, "gaze"): _tests,
}


def _differences(
    rows: list[Row], dataset: str, variant: str, frames: Mapping[str, int]
) -> list[str]:
    """What differs from the known numbers of clips, and of frames if they were counted."""
    clips: Counter[str] = Counter(split for _, split, *_ in rows)
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
    """Write the split sheet of a dataset from the files in its raw folder.

    Raises:
        InputError: The dataset is not known, has a sheet in the repository, or has no files.
    """
    cfg = configured(dataset if dataset in (OWN, WHOLE) else "paper")
    if dataset not in cfg.datasets:
        known = ", ".join(cfg.datasets)
        near = meant(dataset, cfg.datasets)
        raise InputError(f"{dataset}: no such dataset; known are {known}{near}")
    settings = cfg.datasets[dataset]
    if (dataset, settings.variant) not in _RULES:
        made = ", ".join(f"{name} ({variant})" for name, variant in _RULES)
        raise InputError(
            f"{settings.splits} of {dataset} ({settings.variant}) is part of the repository; "
            f"only those of {made} are made from raw folders"
        )
    raw, pattern = Path(cfg.pathvars["raw"], dataset), settings.frames.video
    counts = clips_of(raw, pattern)
    if not counts:
        raise InputError(
            f"{raw}: no file fits {pattern}; docs/datasets.md shows the expected layout"
        )
    rows = _RULES[dataset, settings.variant](raw, pattern, cfg)
    frames: Counter[str] = Counter()
    if "{split}" in pattern:
        for (_, split), count in counts.items():
            frames[split] += count
    differences = _differences(rows, dataset, settings.variant, frames)
    rows.sort(key=lambda row: get_args(Split).index(row[1]))
    comments = [
        f"Made by python -m pipeline.checks.split_sheet --dataset {dataset}"
        f" (variant {settings.variant})",
        "from the files in the raw folder; the rule is in pipeline/checks/split_sheet.py.",
        *(f"NOT AS PUBLISHED: {difference}." for difference in differences),
    ]
    write_rows(Path(settings.splits), ("clip", "split", "first", "last"), rows, comments)
    print(f"{settings.splits}: {len(rows)} clips")
    for difference in differences:
        print(f"{raw} is not as published: {difference}; complete the folder and run this again")


if __name__ == "__main__":
    main(sheet)
